import type { ReactNode } from "react";

export function PageHead({ title, facts, actions }: { title: ReactNode; facts?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-2xl font-semibold tracking-[-0.015em] break-words">{title}</h1>
        {facts ? (
          <div className="mt-1 flex min-h-5 flex-wrap items-center gap-x-2 gap-y-1 text-sm text-fg-2">{facts}</div>
        ) : null}
      </div>
      {actions ? (
        <div className="flex flex-wrap items-center gap-2 max-sm:w-full max-sm:[&>*]:flex-1">{actions}</div>
      ) : null}
    </div>
  );
}
