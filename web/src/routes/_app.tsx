import { useQuery } from "@tanstack/react-query";
import { createFileRoute, redirect } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { Problem } from "@/api/problem";
import { BrokenPage } from "@/shell/broken";
import { meQuery } from "@/shell/me";
import { Shell } from "@/shell/shell";

const Enrol = lazy(() => import("@/shell/enrol"));

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
  const mustEnrol = useQuery({ ...meQuery, enabled: false }).data?.second_factor_needed;
  if (!mustEnrol) return <Shell />;
  return (
    <Suspense fallback={null}>
      <Enrol />
    </Suspense>
  );
}
