import type { ReactNode } from "react";
import { cn } from "./cn";

type Props = {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Without padding, for a table or list that reaches the edges. */
  flush?: boolean;
};

export function Card({ title, actions, children, className, flush = false }: Props) {
  return (
    <section className={cn("card flex min-w-0 flex-col", className)}>
      {title ? (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-1.5">
          <h2 className="min-w-0 truncate text-base font-semibold">{title}</h2>
          {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
        </header>
      ) : null}
      <div className={cn("min-w-0 flex-1", flush ? "overflow-hidden rounded-[inherit]" : "p-4")}>{children}</div>
    </section>
  );
}
