import type { ReactNode } from "react";

/** One figure with its name; several stand in a <dl>. */
export function Stat({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="card min-w-0 px-4 py-3">
      <dt className="truncate text-sm text-fg-2">{label}</dt>
      <dd className="num mt-0.5 truncate text-xl font-semibold tracking-tight">{value}</dd>
      {note ? <dd className="mt-0.5 line-clamp-2 text-xs text-fg-3 max-sm:min-h-8 sm:line-clamp-1">{note}</dd> : null}
    </div>
  );
}
