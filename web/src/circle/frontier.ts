// Frontiers: one signature for all that an actor wrote in a document.

import { concat, fromB64u, sameBytes, utf8 } from "./bytes.ts";
import { CircleError } from "./error.ts";
import { type CircleId, type DocumentId, documentIdBytes } from "./ids.ts";
import { isDeviceKey, type Signer, verify } from "./keys.ts";

const DOMAIN = utf8("smallwin/frontier/1");
const ACTOR_BYTES = 40;
const SEQ_END = 48;
const HASH_END = 80;

/** Length of a frontier in bytes. */
export const FRONTIER_BYTES = 144;

/** Says that an actor's chain of changes in a document, up to `seq` and `hash`, is its device's work. */
export interface Frontier {
  /** Device key ‖ 8 random bytes (rule K2). */
  readonly actor: Uint8Array;
  /** The actor's newest change that is covered, from 1. */
  readonly seq: bigint;
  /** The hash of that change. */
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signs the actor's chain up to its change `seq` with this hash. */
export async function signFrontier(
  circle: CircleId,
  document: DocumentId,
  actor: Uint8Array,
  seq: bigint | number,
  hash: Uint8Array,
  signer: Signer,
): Promise<Frontier> {
  if (actor.length !== ACTOR_BYTES || !sameBytes(actor.subarray(0, 32), signer.key)) {
    throw new CircleError("wrong-key", "the signing key is not the actor's device key");
  }
  const signature = await signer.sign(message(circle, document, actor, BigInt(seq), hash));
  return { actor, seq: BigInt(seq), hash, signature };
}

/** The device whose work this is, when its signature fits this circle and document. */
export async function verifyFrontier(
  frontier: Frontier,
  circle: CircleId,
  document: DocumentId,
): Promise<Uint8Array | undefined> {
  const device = frontier.actor.slice(0, 32);
  if (!isDeviceKey(device)) return undefined;
  const signed = message(circle, document, frontier.actor, frontier.seq, frontier.hash);
  return (await verify(device, signed, frontier.signature)) ? device : undefined;
}

/** `actor(40) ‖ seq:u64 big-endian ‖ hash(32) ‖ signature(64)`. */
export function encodeFrontier({ actor, seq, hash, signature }: Frontier): Uint8Array<ArrayBuffer> {
  return concat(actor, seqBytes(seq), hash, signature);
}

/** Reads the layout; the signature is not judged yet. */
export function decodeFrontier(bytes: Uint8Array): Frontier {
  if (bytes.length !== FRONTIER_BYTES) {
    throw new CircleError("malformed", `a frontier is ${FRONTIER_BYTES} bytes long, not ${bytes.length}`);
  }
  const seq = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(ACTOR_BYTES);
  const [actor, hash] = [bytes.slice(0, ACTOR_BYTES), bytes.slice(SEQ_END, HASH_END)];
  return { actor, seq, hash, signature: bytes.slice(HASH_END) };
}

function message(circle: CircleId, document: DocumentId, actor: Uint8Array, seq: bigint, hash: Uint8Array): Uint8Array {
  const [circleBytes, documentBytes] = [fromB64u(circle), documentIdBytes(document)];
  if (circleBytes === undefined || documentBytes === undefined) {
    throw new CircleError("malformed", "the circle or the document of a frontier is not an id");
  }
  return concat(DOMAIN, circleBytes, documentBytes, actor, seqBytes(seq), hash);
}

function seqBytes(seq: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, seq);
  return bytes;
}
