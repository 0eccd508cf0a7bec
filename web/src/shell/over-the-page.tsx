import { lazy, Suspense } from "react";
import { useSession } from "@/api/session";
import { useStepUp } from "@/api/step-up";

const SignInAgain = lazy(() => import("./sign-in-again"));
const ConfirmItIsYou = lazy(() => import("./confirm-it-is-you"));

/** What the hub asks for before it goes on, on whichever page: a new sign-in, or to show again that it is you. */
export function OverThePage() {
  const isOver = useSession() === "expired";
  const ways = useStepUp();
  return (
    <Suspense fallback={null}>
      {ways ? <ConfirmItIsYou ways={ways} /> : null}
      {isOver ? <SignInAgain /> : null}
    </Suspense>
  );
}
