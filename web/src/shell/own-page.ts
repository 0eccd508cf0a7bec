import { ROOT } from "@/api/root";

/** A page of this hub, as a path within it; undefined for whatever an address brings along that leads elsewhere. */
export function ownPage(to: unknown): string | undefined {
  if (typeof to !== "string" || !to.startsWith("/") || to.startsWith("//") || to.includes("\\")) return undefined;
  const address = new URL(to, ROOT);
  // dots and what browsers leave out may have made another host of it
  if (address.origin !== ROOT.origin || address.pathname.startsWith("//")) return undefined;
  return address.pathname + address.search + address.hash;
}

/** The path of a page for the browser, below the hub's own. */
export function pathOfPage(page: string): string {
  const address = new URL(`.${page}`, ROOT);
  return address.pathname + address.search + address.hash;
}
