import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

const Showcase = lazy(() => import("@/ui/showcase"));

export const Route = createFileRoute("/ui")({
  component: () => (
    <Suspense fallback={null}>
      <Showcase />
    </Suspense>
  ),
});
