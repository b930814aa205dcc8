import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { pageFiles } from "./plugins/page-files.ts";
import { precompress } from "./plugins/precompress.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The policy a node serves pages with, so that `vite preview` shows what it would block. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types app svelte-trusted-html ProseMirrorClipboard",
].join("; ");

/** Pages from `vite` reach a running node; start it with `--name` and the address of the pages. */
const proxy = { "/sync": { target: process.env["SMALLWIN_NODE"] ?? "http://127.0.0.1:7171", ws: true } };

export default defineConfig({
  plugins: [svelte(), pageFiles(), precompress()],
  resolve: {
    // The slim entries leave the WebAssembly to us (`?url`), so that it is one
    // cacheable file and the policy needs no inline script.
    alias: [
      { find: /^@automerge\/automerge$/, replacement: "@automerge/automerge/slim" },
      { find: /^@automerge\/automerge-repo$/, replacement: "@automerge/automerge-repo/slim" },
      // cbor-x probes `new Function`; this build of it does not.
      { find: /^cbor-x$/, replacement: here("./node_modules/cbor-x/dist/index-no-eval.cjs") },
    ],
  },
  build: {
    target: "es2022",
    emptyOutDir: true,
    // A data: URL would need a wider policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: here("./index.html"), "service-worker": here("./src/service-worker.ts") },
      output: {
        // The browser looks for a new version under the same name.
        entryFileNames: ({ name }) => (name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js"),
      },
    },
    sourcemap: false,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy },
  preview: { proxy, headers: { "content-security-policy": POLICY } },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["./tests/setup.ts"],
    testTimeout: 60_000,
  },
});
