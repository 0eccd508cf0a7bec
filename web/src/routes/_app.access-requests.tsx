import { createFileRoute, redirect } from "@tanstack/react-router";

/** Where notices of requests for access lead. */
export const Route = createFileRoute("/_app/access-requests")({
  beforeLoad: () => {
    throw redirect({ to: "/organisation", search: { tab: "requests" }, replace: true });
  },
});
