// Writes a brotli and a gzip sibling for every built file that shrinks, so that
// the node can serve bytes as they are embedded and never compresses at run time.
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin, ResolvedConfig } from "vite";

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** Files that gain from compression; images are compressed already. */
const COMPRESSIBLE = new Set([".css", ".html", ".js", ".json", ".svg", ".wasm", ".webmanifest"]);

/** Below this a compressed copy saves less than the header that announces it. */
const BYTES_MIN = 512;

/** 11 takes twelve seconds for the wasm alone: only for what is shipped. */
const QUALITY_SHIPPED = 11;
const QUALITY_QUICK = 5;

/** Precompresses the output once the bundle is written; any failure fails the build. */
export function precompress(): Plugin {
  let config: ResolvedConfig;
  let written = false;
  return {
    name: "smallwin-precompress",
    apply: "build",
    configResolved(resolved) {
      config = resolved;
    },
    writeBundle() {
      written = true;
    },
    async closeBundle(error?: Error) {
      // A build that failed must leave nothing that looks finished.
      if (error || !written) return;
      await compressFolder(resolve(config.root, config.build.outDir), quality());
    },
  };
}

function quality(): number {
  const shipped =
    process.env["NODE_ENV"] === "production" && process.env["SMALLWIN_WEB_QUALITY"] === "max";
  return shipped ? QUALITY_SHIPPED : QUALITY_QUICK;
}

async function compressFolder(folder: string, brotliQuality: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await compressFolder(path, brotliQuality);
    } else if (COMPRESSIBLE.has(extname(entry.name)) && (await stat(path)).size >= BYTES_MIN) {
      await compressFile(path, brotliQuality);
    }
  }
}

async function compressFile(path: string, brotliQuality: number): Promise<void> {
  const bytes = await readFile(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const [br, gz] = await Promise.all([brotli(bytes, { params }), gzipped(bytes, { level: 9 })]);
  if (br.length < bytes.length) await writeFile(`${path}.br`, br);
  if (gz.length < bytes.length) await writeFile(`${path}.gz`, gz);
}
