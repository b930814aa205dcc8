// Keeps the page itself on this device, so that it opens and reloads without a network.
// It touches nothing that people write: that is in IndexedDB.

const scope = self as unknown as ServiceWorkerGlobalScope;

/** What the build puts here: every file of the page, with the SHA-256 of its bytes in hex. */
const FILES = new Map<string, string>(JSON.parse("__SMALLWIN_FILES__"));

/** Names this version of the page; put here by the build too. */
const VERSION = "__SMALLWIN_VERSION__";

const CACHES = "smallwin-page-";
const CACHE = CACHES + VERSION;

scope.addEventListener("install", (event) => event.waitUntil(keepFiles()));
scope.addEventListener("activate", (event) => event.waitUntil(takeOver()));

// A new version waits until a person says that now is a good moment, or until the last page is closed.
scope.addEventListener("message", (event) => {
  if (event.data === "take-over") void scope.skipWaiting();
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method === "GET" && origin === scope.location.origin && FILES.has(pathname)) {
    event.respondWith(answer(pathname, request));
  }
});

/** All files or none: a page of two versions at once would break in the hands of people. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE);
  await Promise.all(
    [...FILES].map(async ([path, hash]) => {
      const response = await fetch(path, { cache: "no-cache" });
      if (!response.ok || (await hashOf(response.clone())) !== hash) {
        throw new Error(`${path} is not the file of this version`);
      }
      await cache.put(path, response);
    }),
  );
}

async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(CACHES) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  // So that the very first visit is enough to come back without a network.
  await scope.clients.claim();
}

async function answer(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  // The browser may have thrown the cache away to make room.
  return (await cache.match(path)) ?? fetch(request);
}

async function hashOf(response: Response): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
