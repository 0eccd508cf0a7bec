import type { ReactNode } from "react";

/** One figure with its name; several stand in a <dl>. The place of its note is kept, so that one that comes later moves nothing. */
export function Stat({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="card min-w-0 px-4 py-3">
      <dt className="truncate text-sm text-fg-2">{label}</dt>
      <dd className="num mt-0.5 truncate text-xl font-semibold tracking-tight">{value}</dd>
      <dd className="mt-0.5 line-clamp-2 min-h-4 text-xs text-fg-3 max-sm:min-h-8 sm:line-clamp-1">{note}</dd>
    </div>
  );
}
