// The byte strings that keys sign outside JSON. Every domain string stands here or in frontier.ts.

import { blake3 } from "@noble/hashes/blake3.js";
import { concat, fromB64u, utf8 } from "./bytes.ts";
import type { CircleId, DeviceKey } from "./ids.ts";

const JOIN = utf8("smallwin/join/1");
const LINK = utf8("smallwin/link/1");
const CHANNEL = utf8("smallwin/channel/1");
const CIRCLE = utf8("smallwin/circle/1");

/** Which end of a connection speaks. */
export type Side = "dialer" | "listener";

/** What an invite key signs to let `author` join `circle`. */
export function joinMessage(circle: CircleId, author: DeviceKey, sealing: string): Uint8Array {
  return concat(JOIN, bytes(circle), bytes(author), bytes(sealing));
}

/** What `device` signs to agree that `author` links it to their person. */
export function linkMessage(author: DeviceKey, device: DeviceKey): Uint8Array {
  return concat(LINK, bytes(author), bytes(device));
}

/** The hash that binds a connection to both keys, both nonces and the authority the dialer dialled. */
export function channelTranscript(
  dialer: Uint8Array,
  listener: Uint8Array,
  dialerNonce: Uint8Array,
  listenerNonce: Uint8Array,
  channel: string,
): Uint8Array {
  return blake3(concat(dialer, listener, dialerNonce, listenerNonce, utf8(channel)));
}

/** What a peer's key signs to prove itself on a connection. */
export function channelMessage(side: Side, transcript: Uint8Array): Uint8Array {
  return concat(CHANNEL, sideByte(side), transcript);
}

/** Names a circle on one connection: only who knows the circle can tell which one it is. */
export function circleTag(transcript: Uint8Array, circle: CircleId): Uint8Array {
  return blake3(bytes(circle), { key: transcript }).slice(0, 16);
}

/** What a device or invite key signs to show that it takes part in `circle` on a connection. */
export function circleMessage(circle: CircleId, side: Side, transcript: Uint8Array): Uint8Array {
  return concat(CIRCLE, bytes(circle), sideByte(side), transcript);
}

function sideByte(side: Side): Uint8Array {
  return Uint8Array.of(side === "dialer" ? 0 : 1);
}

function bytes(id: string): Uint8Array {
  return fromB64u(id) ?? new Uint8Array();
}
