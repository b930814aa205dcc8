// Ed25519 keys and signatures, judged exactly as smallwin-circle judges them.

import { etc, getPublicKey, hashes, Point, sign } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, fromB64uOf, sameBytes, toB64u } from "./bytes.ts";
import { KNOWN_KEYS_MAX } from "./limits.ts";

hashes.sha512 = sha512;

const ORDER = Point.CURVE().n;
const PRIME = Point.CURVE().p;

/** Signs with a key that it need not show: WebCrypto keys that cannot be exported do. */
export interface Signer {
  readonly key: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** A signer whose seed is in memory, for invite keys. */
export function signerOf(seed: Uint8Array): Signer {
  return { key: getPublicKey(seed), sign: (message) => Promise.resolve(sign(message, seed)) };
}

const points = new Map<string, Point>();

/**
 * Whether the bytes are a usable public key: a point, canonically encoded, not of small order.
 * Browsers verify signatures of small-order keys, nodes refuse them; devices that disagree diverge.
 */
export function isDeviceKey(bytes: Uint8Array): boolean {
  return pointOf(bytes) !== undefined;
}

/** Whether the text is that of a usable public key. */
export function isDeviceKeyText(text: string): boolean {
  const bytes = fromB64uOf(text, 32);
  return bytes !== undefined && isDeviceKey(bytes);
}

/** Whether `signature` is `key`'s over `message`; the browser does the arithmetic where it can. */
export async function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (!isWellFormed(key, signature)) return false;
  const native = await nativeKey(key);
  if (native === undefined) return verifyEquation(key, message, signature);
  return crypto.subtle.verify("Ed25519", native, new Uint8Array(signature), new Uint8Array(message));
}

/** The same, at once and slower: for the few proofs that the log itself judges. */
export function verifyNow(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return isWellFormed(key, signature) && verifyEquation(key, message, signature);
}

/**
 * What strict verification asks beyond the equation, and verifiers differ in: the key is usable, `s` is
 * reduced, and `r` is canonical and not of small order.
 */
function isWellFormed(key: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isDeviceKey(key)) return false;
  const r = signature.subarray(0, 32);
  return littleEndian(signature.subarray(32)) < ORDER && !SMALL_R.has(toB64u(r)) && isReduced(r);
}

/** `r = s·B − k·A` on the bytes of `r`, without the cofactor, which noble's own `verify` multiplies in. */
function verifyEquation(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const point = pointOf(key);
  if (point === undefined) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const k = etc.mod(littleEndian(sha512(concat(r, key, message))), ORDER);
  const expected = Point.BASE.multiply(s, false).subtract(point.multiply(k, false));
  return sameBytes(expected.toBytes(), r);
}

function pointOf(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== 32) return undefined;
  const name = toB64u(bytes);
  const known = points.get(name);
  if (known !== undefined) return known;
  let point: Point;
  try {
    point = Point.fromBytes(bytes, false);
  } catch {
    return undefined;
  }
  if (point.isSmallOrder()) return undefined;
  if (points.size >= KNOWN_KEYS_MAX) points.clear();
  points.set(name, point);
  return point;
}

const natives = new Map<string, CryptoKey>();
let hasNative: boolean | undefined;

async function nativeKey(key: Uint8Array): Promise<CryptoKey | undefined> {
  if (hasNative === false || globalThis.crypto?.subtle === undefined) return undefined;
  const name = toB64u(key);
  const known = natives.get(name);
  if (known !== undefined) return known;
  try {
    const native = await crypto.subtle.importKey("raw", new Uint8Array(key), "Ed25519", false, ["verify"]);
    hasNative = true;
    if (natives.size >= KNOWN_KEYS_MAX) natives.clear();
    natives.set(name, native);
    return native;
  } catch {
    // A browser without Ed25519 fails for every key; one with it may only refuse a curious key.
    hasNative ??= false;
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => number * 256n + BigInt(byte), 0n);
}

/** Whether the y coordinate is below the prime. */
function isReduced(r: Uint8Array): boolean {
  return (littleEndian(r) & ((1n << 255n) - 1n)) < PRIME;
}

/** The encodings of the eight points of small order, with either sign of a zero x. */
const SMALL_R: ReadonlySet<string> = new Set([
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
  "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
  "7P_______________________________________38",
  "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
  "7P________________________________________8",
]);
