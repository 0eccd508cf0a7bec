import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, HeadContent, Outlet } from "@tanstack/react-router";
import { OverThePage } from "@/shell/over-the-page";
import { Toaster } from "@/ui/toast";

export const Route = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: () => (
    <>
      <HeadContent />
      <Outlet />
      <OverThePage />
      <Toaster />
    </>
  ),
});
