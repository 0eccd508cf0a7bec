import type { ComponentProps, ReactNode } from "react";
import { cn } from "./cn";

/** A table that scrolls sideways within itself and never the page; `label` is read to who cannot see it. */
export function Table({ label, children, className }: { label: string; children: ReactNode; className?: string }) {
  return (
    // what is hidden from sight in it stays within it, too
    <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className={cn("w-full border-collapse text-left text-sm", className)}>{children}</table>
    </div>
  );
}

export function HeadCell({ right = false, className, ...rest }: ComponentProps<"th"> & { right?: boolean }) {
  return (
    <th
      scope="col"
      {...rest}
      className={cn(
        "h-9 border-b border-line px-3 font-medium whitespace-nowrap text-fg-2",
        right && "text-right",
        className,
      )}
    />
  );
}

/** `right` is for figures, in tabular digits. */
export function Cell({ right = false, className, ...rest }: ComponentProps<"td"> & { right?: boolean }) {
  return (
    <td
      {...rest}
      className={cn("h-10 border-b border-line px-3 py-1.5", right && "num text-right whitespace-nowrap", className)}
    />
  );
}
