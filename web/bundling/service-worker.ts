import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

// alphabets of the fonts that the two languages do not need come when a page needs them
const LATER = /cyrillic|greek|vietnamese|\.map$/;
const BESIDE = ["./", "icon.svg", "icon-192.png", "icon-512.png", "theme.js", "manifest.webmanifest"];

/** Emits `sw.js`: the worker of `bundling/sw.js` with the list of files that make the app's shell. */
export function serviceWorker(): Plugin {
  return {
    name: "lyceum-service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => /\.(js|css|woff2)$/.test(name) && !LATER.test(name));
      const page = bundle["index.html"];
      const shell = [...BESIDE, ...built];
      const text = page && "source" in page ? String(page.source) : "";
      const version = createHash("sha256")
        .update(shell.join() + text)
        .digest("hex")
        .slice(0, 12);
      const worker = readFileSync(new URL("./sw.js", import.meta.url), "utf-8");
      const source = worker.replace("__VERSION__", version).replace('"__SHELL__"', JSON.stringify(shell));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}
