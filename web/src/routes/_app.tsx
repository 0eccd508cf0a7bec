import { createFileRoute, redirect } from "@tanstack/react-router";
import { Problem } from "@/api/problem";
import { useSession } from "@/api/session";
import { BrokenPage } from "@/shell/broken";
import { meQuery } from "@/shell/me";
import { Shell } from "@/shell/shell";
import { SignInAgain } from "@/shell/sign-in-again";

export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        throw redirect({ to: "/sign-in", search: { to: location.href } });
      }
      throw error;
    }
  },
  component: App,
  errorComponent: (props) => (
    <main className="mx-auto max-w-xl p-6">
      <BrokenPage {...props} />
    </main>
  ),
});

function App() {
  const session = useSession();
  return (
    <>
      <Shell />
      {session === "expired" ? <SignInAgain /> : null}
    </>
  );
}
