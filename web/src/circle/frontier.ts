// Frontiers: one signature for all that an actor wrote in a document.

import { concat, fromB64u, sameBytes, utf8 } from "./bytes.ts";
import { CircleError } from "./error.ts";
import { type CircleId, type DocumentId, documentIdBytes } from "./ids.ts";
import { type Signer, verify } from "./keys.ts";

const DOMAIN = utf8("smallwin/frontier/1");
const ACTOR_BYTES = 40;
const SEQ_END = 48;
const HASH_END = 80;

/** Length of a frontier in bytes. */
export const FRONTIER_BYTES = 144;

/** What a frontier is about. */
export interface FrontierFields {
  readonly circle: CircleId;
  readonly document: DocumentId;
  /** Device key ‖ 8 random bytes (rule K2). */
  readonly actor: Uint8Array;
  /** The actor's newest change that is covered, from 1. */
  readonly seq: number;
  /** The hash of that change. */
  readonly hash: Uint8Array;
}

/** Says that an actor's chain of changes in a document, up to `seq` and `hash`, is its device's work. */
export class Frontier {
  private constructor(
    readonly actor: Uint8Array,
    readonly seq: number,
    readonly hash: Uint8Array,
    readonly signature: Uint8Array,
  ) {}

  static async sign({ circle, document, actor, seq, hash }: FrontierFields, signer: Signer): Promise<Frontier> {
    if (actor.length !== ACTOR_BYTES || !sameBytes(actor.subarray(0, 32), signer.key)) {
      throw new CircleError("wrong-key", "the signing key is not the actor's device key");
    }
    return new Frontier(actor, seq, hash, await signer.sign(message(circle, document, actor, seq, hash)));
  }

  /** Reads the layout; `undefined` when it is not that. The signature is not judged yet. */
  static decode(bytes: Uint8Array): Frontier | undefined {
    if (bytes.length !== FRONTIER_BYTES) return undefined;
    const seq = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(ACTOR_BYTES);
    if (seq < 1n || seq > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    const [actor, hash] = [bytes.slice(0, ACTOR_BYTES), bytes.slice(SEQ_END, HASH_END)];
    return new Frontier(actor, Number(seq), hash, bytes.slice(HASH_END));
  }

  /** The device whose work this is; whether it is so, `verify` says. */
  get device(): Uint8Array {
    return this.actor.slice(0, 32);
  }

  /** Whether the signature fits this circle and document. */
  verify(circle: CircleId, document: DocumentId): Promise<boolean> {
    return verify(this.device, message(circle, document, this.actor, this.seq, this.hash), this.signature);
  }

  /** `actor(40) ‖ seq:u64 big-endian ‖ hash(32) ‖ signature(64)`. */
  encode(): Uint8Array<ArrayBuffer> {
    return concat(this.actor, seqBytes(this.seq), this.hash, this.signature);
  }
}

function message(circle: CircleId, document: DocumentId, actor: Uint8Array, seq: number, hash: Uint8Array): Uint8Array {
  const [circleBytes, documentBytes] = [fromB64u(circle), documentIdBytes(document)];
  if (circleBytes === undefined || documentBytes === undefined) {
    throw new CircleError("malformed", "the circle or the document of a frontier is not an id");
  }
  return concat(DOMAIN, circleBytes, documentBytes, actor, seqBytes(seq), hash);
}

function seqBytes(seq: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seq));
  return bytes;
}
