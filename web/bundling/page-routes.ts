import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** Emits `pages.json`: the paths of the app's pages, so that the hub knows which it has and answers others with a 404. */
export function pageRoutes(tree: string): Plugin {
  return {
    name: "lyceum-page-routes",
    apply: "build",
    generateBundle() {
      const pages = pagesOf(readFileSync(tree, "utf-8"));
      this.emitFile({ type: "asset", fileName: "pages.json", source: JSON.stringify(pages) });
    },
  };
}

function pagesOf(tree: string): string[] {
  const listed = /^export interface FileRoutesByTo \{$([\s\S]*?)^\}$/m.exec(tree)?.[1] ?? "";
  const pages = [...listed.matchAll(/^ +"([^"]+)":/gm)].map((found) => found[1] ?? "").sort();
  if (!pages.includes("/")) throw new Error("The generated tree of routes does not list the app's pages as it did.");
  const unknown = pages.find((page) => /[{}]/.test(page));
  if (unknown) throw new Error(`The hub reads $name and $ in the path of a page, and nothing like ${unknown}.`);
  return pages;
}
