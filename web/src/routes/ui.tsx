import { createFileRoute } from "@tanstack/react-router";
import Showcase from "@/ui/showcase";

export const Route = createFileRoute("/ui")({ component: Showcase });
