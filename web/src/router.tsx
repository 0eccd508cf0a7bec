import { createRouter } from "@tanstack/react-router";
import { queryClient } from "./api/client";
import { ROOT } from "./api/root";
import { routeTree } from "./routeTree.gen";
import { BrokenPage, MissingPage } from "./shell/broken";

export const router = createRouter({
  routeTree,
  basepath: ROOT.pathname,
  context: { queryClient },
  defaultPreload: "intent",
  // what is preloaded is kept by the queries
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: BrokenPage,
  defaultNotFoundComponent: MissingPage,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
