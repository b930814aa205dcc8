// Invite links: what a person scans or clicks to enter a circle.

import { blake3 } from "@noble/hashes/blake3.js";
import { fromB64uOf, toB64u, utf8 } from "./bytes.ts";
import { CircleError } from "./error.ts";
import type { CircleId, DeviceKey } from "./ids.ts";
import { isDeviceKeyText, type Signer, signerOf } from "./keys.ts";
import { HINT_URL_BYTES_MAX, HINTS_MAX, INVITE_LINK_BYTES_MAX } from "./limits.ts";

const SEED_CONTEXT = utf8("smallwin/invite/1");
const MARK = "/#j=";

/** A link `<origin>/#j=<circle>.<secret>.<hints>`. What follows `#` never reaches a server. */
export interface InviteLink {
  /** Where the page is served, without a path. */
  readonly origin: string;
  readonly circle: CircleId;
  /** 16 bytes: who knows them may join. */
  readonly secret: Uint8Array;
  /** Nodes that hold the circle. */
  readonly hints: readonly Hint[];
}

/** Where a node listens and which key it proves. */
export interface Hint {
  /** `ws://` or `wss://`, host and port. */
  readonly url: string;
  /** The node's key, where the inviter knew it. */
  readonly nodeKey?: DeviceKey | undefined;
}

export function formatInviteLink({ origin, circle, secret, hints }: InviteLink): string {
  return `${origin}${MARK}${circle}.${toB64u(secret)}.${hints.map(formatHint).map(percentEncode).join(",")}`;
}

/** Reads a link. Throws and says what is wrong with it. */
export function parseInviteLink(text: string): InviteLink {
  const link = text.trim();
  if (utf8(link).length > INVITE_LINK_BYTES_MAX) throw fault(`it is longer than ${INVITE_LINK_BYTES_MAX} bytes`);
  const at = link.indexOf(MARK);
  if (at < 0) throw fault("it has no /#j= part");
  const origin = link.slice(0, at);
  if (!isAddress(origin, ["http://", "https://"])) throw fault("it does not begin with an http or https address");
  const [circle = "", secretText = "", ...rest] = link.slice(at + MARK.length).split(".");
  const secret = fromB64uOf(secretText, 16);
  if (fromB64uOf(circle, 32) === undefined || secret === undefined || rest.length === 0) {
    throw fault("it is incomplete: copy it again, to its last letter");
  }
  const hintsText = rest.join(".");
  const hints = hintsText === "" ? [] : hintsText.split(",").map((hint) => parseHint(percentDecode(hint)));
  if (hints.length > HINTS_MAX) throw fault("it names too many nodes");
  return { origin, circle, secret, hints };
}

/** The key pair that belongs to an invite's secret. */
export function inviteSigner(secret: Uint8Array): Signer {
  return signerOf(blake3(secret, { context: SEED_CONTEXT }));
}

export function formatHint({ url, nodeKey }: Hint): string {
  return nodeKey === undefined ? url : `${url}~${nodeKey}`;
}

export function parseHint(text: string): Hint {
  const at = text.indexOf("~");
  const url = at < 0 ? text : text.slice(0, at);
  const nodeKey = at < 0 ? undefined : text.slice(at + 1);
  const isUrl = url.length <= HINT_URL_BYTES_MAX && isAddress(url, ["ws://", "wss://"]);
  if (!isUrl || (nodeKey !== undefined && !isDeviceKeyText(nodeKey))) throw fault("a node address in it is damaged");
  return nodeKey === undefined ? { url } : { url, nodeKey };
}

function fault(what: string): CircleError {
  return new CircleError("link", `this is not an invite link: ${what}`);
}

/** Whether `text` is one of the schemes and then a host and port, without path, user or query. */
function isAddress(text: string, schemes: readonly string[]): boolean {
  const scheme = schemes.find((scheme) => text.startsWith(scheme));
  return scheme !== undefined && /^[A-Za-z0-9.:[\]-]+$/.test(text.slice(scheme.length));
}

/** Everything but RFC 3986's unreserved letters. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!*'()]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fault("a node address in it is damaged");
  }
}
