// Ids as text. All but DocumentId are base64url; compare them with compareIds, never with `<`.

import { sha256 } from "@noble/hashes/sha2.js";
import { compareBytes, concat } from "./bytes.ts";

/** An Ed25519 public key. */
export type DeviceKey = string;
/** The device key with which a person entered the circle. */
export type PersonId = string;
/** BLAKE3-256 of a record's canonical payload. */
export type RecordId = string;
/** The id of the circle's genesis record. */
export type CircleId = string;
/** BLAKE3-256 of a manifest's bytes. */
export type ManifestHash = string;
/** The hash of an Automerge change. */
export type ChangeHash = string;
/** An Ed25519 signature. */
export type Signature = string;
/** Base58check of 16 bytes, as automerge-repo writes it. */
export type DocumentId = string;

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DOCUMENT_ID_BYTES = 16;
const CHECKSUM_BYTES = 4;

/** The text form of 16 bytes. */
export function documentIdOf(bytes: Uint8Array): DocumentId {
  return toBase58(concat(bytes, checksum(bytes)));
}

/** The 16 bytes, when the text is their base58check. */
export function documentIdBytes(text: DocumentId): Uint8Array | undefined {
  // 20 bytes are at most 28 digits; longer text is not even decoded.
  if (text.length > 28) return undefined;
  const whole = fromBase58(text);
  if (whole?.length !== DOCUMENT_ID_BYTES + CHECKSUM_BYTES) return undefined;
  const bytes = whole.slice(0, DOCUMENT_ID_BYTES);
  return compareBytes(checksum(bytes), whole.slice(DOCUMENT_ID_BYTES)) === 0 ? bytes : undefined;
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes)).slice(0, CHECKSUM_BYTES);
}

function toBase58(bytes: Uint8Array): string {
  const zeros = bytes.findIndex((byte) => byte !== 0);
  let rest = bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n);
  let digits = "";
  while (rest > 0n) {
    digits = BASE58.charAt(Number(rest % 58n)) + digits;
    rest /= 58n;
  }
  return BASE58.charAt(0).repeat(zeros < 0 ? bytes.length : zeros) + digits;
}

function fromBase58(text: string): Uint8Array | undefined {
  let number = 0n;
  for (const letter of text) {
    const digit = BASE58.indexOf(letter);
    if (digit < 0) return undefined;
    number = number * 58n + BigInt(digit);
  }
  const zeros = text.match(/^1*/)?.[0].length ?? 0;
  const bytes: number[] = [];
  while (number > 0n) {
    bytes.unshift(Number(number % 256n));
    number /= 256n;
  }
  return Uint8Array.from([...new Array<number>(zeros).fill(0), ...bytes]);
}
