import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(js|css|html|json|svg|webmanifest)$/;
const BYTES_MIN = 600;

/** Writes a `.br` and a `.gz` beside every text file that is worth it, once, instead of at each request. */
export function precompressed(): Plugin {
  let folder = "";
  return {
    name: "lyceum-precompressed",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      const names = await readdir(folder, { recursive: true });
      const worth = names.filter((name) => TEXT.test(name));
      await Promise.all(worth.map((name) => compress(join(folder, name))));
    },
  };
}

async function compress(path: string) {
  const content = await readFile(path);
  if (content.length < BYTES_MIN) return;
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
  await writeFile(`${path}.br`, await promisify(brotliCompress)(content, best));
  await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: 9 }));
}
