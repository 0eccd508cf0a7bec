import { Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "./cn";

const TONES = { plain: "bg-accent-soft text-fg", warn: "bg-warn-soft text-fg", bad: "bg-bad-soft text-fg" };
const ICONS = { plain: "text-accent-text", warn: "text-warn", bad: "text-bad" };

/** A remark that stays in the page. */
export function Note({
  tone = "plain",
  children,
  className,
}: {
  tone?: keyof typeof TONES;
  children: ReactNode;
  className?: string;
}) {
  const Icon = tone === "plain" ? Info : TriangleAlert;
  return (
    <div className={cn("flex gap-2.5 rounded-md px-3 py-2 text-sm", TONES[tone], className)}>
      <Icon size={16} aria-hidden className={cn("mt-0.5 shrink-0", ICONS[tone])} />
      <div className="min-w-0 break-words">{children}</div>
    </div>
  );
}
