// The page of somebody who patched their client so that it lets them write everywhere.
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { temporaryFolder } from "./node.mjs";

const WEB = fileURLToPath(new URL("../../../web", import.meta.url));

/** Builds the patched page and returns the path of its script. */
export async function patchedScript(context) {
  const folder = await temporaryFolder(context);
  const vite = join(WEB, "node_modules", "vite", "bin", "vite.js");
  const env = { ...process.env, VITE_SMALLWIN_PATCHED: "1" };
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", folder, "--emptyOutDir"], { cwd: WEB, env });
  const assets = join(folder, "assets");
  const script = (await readdir(assets)).find((name) => /^index-.*\.js$/.test(name));
  if (!script) throw new Error(`the patched build has no script: ${await readdir(assets)}`);
  return join(assets, script);
}
