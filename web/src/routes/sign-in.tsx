import { createFileRoute, Link, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { arrivedTicket } from "@/api/arrival";
import { mayBeSignedIn } from "@/api/transport";
import { Front } from "@/shell/front";
import { meQuery } from "@/shell/me";
import { ownPage, pathOfPage } from "@/shell/own-page";
import { SignInForm } from "@/shell/sign-in-form";
import { signInOptions } from "@/shell/sign-in-options";
import { signOnProblem } from "@/shell/sign-on-problem";
import { buttonClass } from "@/ui/button";
import { Note } from "@/ui/note";

type Search = { to?: string; problem?: string };

export const Route = createFileRoute("/sign-in")({
  validateSearch: (search: Record<string, unknown>): Search => {
    const to = ownPage(search.to ?? search.return_to ?? arrivedTicket?.to);
    const problem = typeof search.problem === "string" ? search.problem : "";
    return { ...(to && { to }), ...(problem && { problem }) };
  },
  // what there is to press is there at once, and nothing moves; without an answer the password form still works
  loader: ({ context }) => context.queryClient.ensureQueryData(signInOptions).catch(() => null),
  component: SignIn,
});

function SignIn() {
  const { t } = useTranslation();
  const router = useRouter();
  const { to = "/", problem } = Route.useSearch();
  const { queryClient } = Route.useRouteContext();
  const goOn = async () => {
    // another program's request is read from the address as it came
    if (to.startsWith("/authorize")) return location.assign(pathOfPage(to));
    await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    router.history.push(pathOfPage(to));
  };
  return (
    <Front title={t("signIn.title")} text={t("signIn.text")}>
      {problem ? (
        <div role="alert" className="mb-4 space-y-3">
          <Note tone="bad">{signOnProblem(problem)}</Note>
          {mayBeSignedIn() ? (
            <a href={pathOfPage(to)} className={buttonClass({ size: "wide" })}>
              {t("signOn.back")}
            </a>
          ) : null}
        </div>
      ) : null}
      <SignInForm to={to} ticket={arrivedTicket} onDone={() => void goOn()}>
        <p className="mt-4 flex flex-wrap justify-between gap-x-4 gap-y-1 text-sm">
          <Link to="/forgot" className="py-1 text-accent-text hover:underline pointer-coarse:py-3">
            {t("signIn.forgot")}
          </Link>
          <Link to="/sign-up" className="py-1 text-accent-text hover:underline pointer-coarse:py-3">
            {t("signIn.register")}
          </Link>
        </p>
      </SignInForm>
    </Front>
  );
}
