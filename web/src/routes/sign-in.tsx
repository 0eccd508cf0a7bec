import { createFileRoute, Link, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ROOT } from "@/api/root";
import { Front } from "@/shell/front";
import { meQuery } from "@/shell/me";
import { SignInForm } from "@/shell/sign-in-form";

/** Only a page of this hub: what an address brings along must not lead elsewhere. */
export function ownPage(to: unknown): string | undefined {
  if (typeof to !== "string" || !to.startsWith("/") || to.startsWith("//") || to.includes("\\")) return undefined;
  const address = new URL(to, ROOT);
  return address.origin === ROOT.origin ? address.pathname + address.search : undefined;
}

export const Route = createFileRoute("/sign-in")({
  validateSearch: (search: Record<string, unknown>): { to?: string } => {
    const to = ownPage(search.to);
    return to ? { to } : {};
  },
  component: SignIn,
});

function SignIn() {
  const { t } = useTranslation();
  const router = useRouter();
  const { to } = Route.useSearch();
  const { queryClient } = Route.useRouteContext();
  const goOn = async () => {
    await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    router.history.push(to ?? ROOT.pathname);
  };
  return (
    <Front title={t("signIn.title")} text={t("signIn.text")}>
      <SignInForm onDone={() => void goOn()} />
      <p className="mt-4 flex flex-wrap justify-between gap-x-4 gap-y-1 text-sm">
        <Link to="/forgot" className="py-1 text-accent-text hover:underline pointer-coarse:py-3">
          {t("signIn.forgot")}
        </Link>
        <Link to="/sign-up" className="py-1 text-accent-text hover:underline pointer-coarse:py-3">
          {t("signIn.register")}
        </Link>
      </p>
    </Front>
  );
}
