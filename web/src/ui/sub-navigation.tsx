import { Link, type LinkProps } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

type Place = { to: NonNullable<LinkProps["to"]>; label: string };

/** The pages of one part of the app, beside each other; on a phone they scroll, and the one that is open is in view. */
export function SubNavigation({ label, places, open }: { label: string; places: Place[]; open: string }) {
  const row = useRef<HTMLElement>(null);
  useEffect(() => {
    const here = open && row.current?.querySelector<HTMLElement>("[data-status=active]");
    if (here && row.current)
      row.current.scrollLeft = here.offsetLeft - (row.current.clientWidth - here.offsetWidth) / 2;
  }, [open]);
  return (
    <nav
      ref={row}
      aria-label={label}
      className="relative mb-5 flex gap-5 overflow-x-auto border-b border-line [scrollbar-width:none]"
    >
      {places.map((place) => (
        <Link
          key={place.to}
          to={place.to}
          className="flex h-10 shrink-0 items-center border-b-2 border-transparent px-1 text-base text-fg-2 hover:text-fg focus-visible:-outline-offset-2 data-[status=active]:border-accent data-[status=active]:font-medium data-[status=active]:text-fg pointer-coarse:h-11"
        >
          {place.label}
        </Link>
      ))}
    </nav>
  );
}
