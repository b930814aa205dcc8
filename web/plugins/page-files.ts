// Tells the service worker which files make up the page, once they are written.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Plugin, ResolvedConfig } from "vite";

const WORKER = "service-worker.js";

/** Fills in the two constants of the service worker; any failure fails the build. */
export function pageFiles(): Plugin {
  let config: ResolvedConfig;
  return {
    name: "smallwin-page-files",
    apply: "build",
    enforce: "post",
    configResolved(resolved) {
      config = resolved;
    },
    async writeBundle() {
      const folder = resolve(config.root, config.build.outDir);
      const files: [string, string][] = [];
      for (const path of (await pathsIn(folder)).sort()) {
        if (path === WORKER) continue;
        const hash = sha256(await readFile(join(folder, path)));
        files.push([path === "index.html" ? "/" : `/${path}`, hash]);
      }
      const list = JSON.stringify(files);
      const worker = join(folder, WORKER);
      const code = fill(await readFile(worker, "utf8"), "__SMALLWIN_FILES__", list);
      // A change of the worker alone is a new version as well.
      await writeFile(worker, fill(code, "__SMALLWIN_VERSION__", sha256(code).slice(0, 16)));
    },
  };
}

/** Replaces a constant in whatever quotes the minifier left it. */
function fill(code: string, name: string, value: string): string {
  const parts = code.split(new RegExp(`(["'\`])${name}\\1`));
  // The part between is the quote that the pattern caught.
  if (parts.length !== 3) throw new Error(`the service worker has ${name} ${(parts.length - 1) / 2} times, not once`);
  return parts[0] + JSON.stringify(value) + parts[2];
}

async function pathsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !/\.(br|gz)$/.test(entry.name));
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1).replaceAll("\\", "/"));
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
