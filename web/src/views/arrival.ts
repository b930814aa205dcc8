// With what somebody comes to this page: a pairing link, an invitation, or neither.

import { fromB64u } from "../sync/bytes.ts";

export type Arrival =
  | { readonly kind: "plain" }
  | { readonly kind: "pair"; readonly secret: Uint8Array; readonly device: string }
  | { readonly kind: "broken-pair" }
  | { readonly kind: "invitation"; readonly link: string };

/** Takes the secret out of the address, for good. */
export function takeFragment(): Arrival {
  const arrival = readFragment(location.origin, location.hash);
  if (arrival.kind !== "plain") history.replaceState(null, "", "#/");
  return arrival;
}

export function readFragment(origin: string, hash: string): Arrival {
  if (hash.startsWith("#j=")) return { kind: "invitation", link: `${origin}/${hash}` };
  if (!hash.startsWith("#pair=")) return { kind: "plain" };
  const [secretText = "", device = ""] = hash.slice("#pair=".length).split(".");
  const secret = fromB64u(secretText);
  if (secret?.length !== 16 || fromB64u(device)?.length !== 32) return { kind: "broken-pair" };
  return { kind: "pair", secret, device };
}
