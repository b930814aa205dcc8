// The page without a network: the service worker that keeps it, and its new versions.

const WORKER = "/service-worker.js";
const LOOK_AGAIN_MS = 60 * 60 * 1000;

/** Goes over to a new version of the page. */
export type TakeNewVersion = () => void;

/**
 * Lets the page open without a network from now on. `offer` is called when a newer version
 * waits; it goes on waiting until the person takes it.
 */
export async function keepPage(offer: (take: TakeNewVersion) => void): Promise<void> {
  // Pages that change while one works on them are not kept.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register(trusted(WORKER), { updateViaCache: "none" });
  const offerWaiting = () => {
    // Without a controller it is the first version: there is nothing to go over from.
    if (registration.waiting && serviceWorker.controller) offer(() => take(registration));
  };
  offerWaiting();
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", offerWaiting);
  });
  const look = () => {
    // Without a network there is no new version, which is no fault.
    if (document.visibilityState === "visible") registration.update().catch(() => {});
  };
  document.addEventListener("visibilitychange", look);
  setInterval(look, LOOK_AGAIN_MS);
}

function take(registration: ServiceWorkerRegistration): void {
  const { waiting } = registration;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  // Another page may have taken it already.
  if (waiting) waiting.postMessage("take-over");
  else location.reload();
}

/** Asks the browser not to throw away what is kept here when its disk is full; whether it said yes. */
export async function askToStay(): Promise<boolean> {
  const { storage } = navigator;
  if (!storage?.persist) return false;
  return (await storage.persisted()) || (await storage.persist());
}

/** The one address that the page's policy lets a script be loaded from by name. */
function trusted(address: typeof WORKER): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (!trustedTypes) return address;
  const createScriptURL = (url: string) => {
    if (url !== WORKER) throw new TypeError("the page loads no other script by name");
    return url;
  };
  // `register` takes it where its type says a string.
  return trustedTypes.createPolicy("app", { createScriptURL }).createScriptURL(address) as string;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}
