// The slim Automerge of the app gets its WebAssembly by address; tests read it from the package.
import { initializeWasm } from "@automerge/automerge/slim";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const wasm = createRequire(import.meta.url).resolve("@automerge/automerge/automerge.wasm");
await initializeWasm(new Uint8Array(await readFile(wasm)));
