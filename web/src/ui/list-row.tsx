import type { ReactNode } from "react";

/** A row of a list that opens something over the page. */
export function ListRow({ onOpen, children }: { onOpen: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      onClick={onOpen}
      aria-haspopup="dialog"
      className="flex min-h-15 w-full items-center gap-3 px-4 py-2.5 text-left hover:bg-hover focus-visible:-outline-offset-2"
    >
      {children}
    </button>
  );
}
