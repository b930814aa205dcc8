// Records: the signed statements that make up a circle's log.

import { blake3 } from "@noble/hashes/blake3.js";
import { fromB64u, toB64u } from "./bytes.ts";
import { CircleError } from "./error.ts";
import type { DeviceKey, RecordId } from "./ids.ts";
import { fromCanonical, toCanonical } from "./jcs.ts";
import { type Entry, entryVerifies, type General, keyInHeader, readGeneral, signEntry } from "./jws.ts";
import type { Signer } from "./keys.ts";
import { RECORD_BYTES_MAX } from "./limits.ts";
import { parsePayload, type Payload, payloadToBytes } from "./payload.ts";
import { malformed } from "./read.ts";

/**
 * A record whose form, size and signatures were checked.
 * Whether it counts depends on the records before it: that is the log's judgement.
 */
export class SignedRecord {
  private constructor(
    readonly id: RecordId,
    readonly payload: Payload,
    /** The device that accepted this join. */
    readonly accepter: DeviceKey | undefined,
    /** The record as it travels and is kept. */
    readonly bytes: Uint8Array,
  ) {}

  /** Makes the author's record of this payload. A join still needs `countersign`. */
  static async sign(payload: Payload, signer: Signer): Promise<SignedRecord> {
    if (toB64u(signer.key) !== payload.author) {
      throw new CircleError("wrong-key", "the record is signed by another key than its author's");
    }
    const signed = payloadToBytes(payload);
    // Reading it back holds what we make to the rule for what we take.
    return SignedRecord.parse(write({ payload: toB64u(signed), signatures: [await signEntry(signed, signer)] }));
  }

  /** Reads a record and checks all that can be checked without the log. */
  static async parse(bytes: Uint8Array): Promise<SignedRecord> {
    if (bytes.length > RECORD_BYTES_MAX) {
      throw new CircleError("too-large", `the record is ${bytes.length} bytes long, more than ${RECORD_BYTES_MAX}`);
    }
    const general = readGeneral(fromCanonical(bytes));
    const signed = fromB64u(general.payload);
    if (signed === undefined) throw malformed("its payload is not base64url");
    const payload = parsePayload(signed);
    const accepter = await checkSignatures(general.signatures, signed, payload);
    return new SignedRecord(toB64u(blake3(signed)), payload, accepter, bytes.slice());
  }

  /** Whether this is a join that nobody has accepted yet. */
  get isOpenJoin(): boolean {
    return this.payload.body.kind === "join" && this.accepter === undefined;
  }

  /** Adds the accepter's signature to a join. */
  async countersign(accepter: Signer): Promise<SignedRecord> {
    if (!this.isOpenJoin) {
      throw new CircleError("not-acceptable", "only a join that is not accepted yet can be countersigned");
    }
    const general = readGeneral(fromCanonical(this.bytes));
    const entry = await signEntry(payloadToBytes(this.payload), accepter);
    return SignedRecord.parse(write({ ...general, signatures: [...general.signatures, entry] }));
  }
}

function write(general: General): Uint8Array {
  return toCanonical(general);
}

/** Checks the author's signature and, for a join, the accepter's, whose key it returns. */
async function checkSignatures(
  entries: readonly Entry[],
  signed: Uint8Array,
  payload: Payload,
): Promise<DeviceKey | undefined> {
  const [author, accepter] = entries;
  const most = payload.body.kind === "join" ? 2 : 1;
  if (author === undefined || entries.length > most) throw malformed("it has too few or too many signatures");
  if (!(await entryVerifies(author, signed, payload.author))) throw badSignature("author's");
  if (accepter === undefined) return undefined;
  const key = keyInHeader(accepter);
  if (key === undefined) throw malformed("the header of the accepter's signature is not the expected one");
  if (!(await entryVerifies(accepter, signed, key))) throw badSignature("accepter's");
  return key;
}

function badSignature(whose: string): CircleError {
  return new CircleError("signature", `the record's ${whose} signature does not fit`);
}
