// The keys of this browser profile. Private keys never leave the browser's key store,
// where the browser has one for Ed25519; elsewhere the seed is kept beside the rest.

import { getPublicKeyAsync, Point, signAsync } from "@noble/ed25519";
import type { Signer } from "../circle/keys.ts";
import { randomBytes, toB64u, toHex } from "./bytes.ts";
import type { Database } from "./database.ts";
import { Turns } from "./turns.ts";

/** Who this browser profile is. */
export interface Identity {
  readonly signer: Signer;
  /** The device key as base64url text. */
  readonly name: string;
  /** The X25519 key that others may seal to, once there is encryption. */
  readonly sealing: Uint8Array;
}

type StoredKeys =
  | { readonly kind: "native"; readonly signing: CryptoKeyPair; readonly sealing: CryptoKeyPair }
  | { readonly kind: "seed"; readonly signing: Uint8Array; readonly sealing: Uint8Array };

/** The identity of this profile, made on first use. Two tabs that start at once get the same one. */
export async function identityOf(database: Database): Promise<Identity> {
  return exclusively("smallwin-identity", async () => {
    const stored = await database.get<StoredKeys>("identity", "device");
    if (stored) return identityFrom(stored);
    const fresh = await freshKeys();
    await database.write([{ table: "identity", key: "device", value: fresh }]);
    return identityFrom(fresh);
  });
}

/** A fresh actor id (K2), in hexadecimal: the device key and eight random bytes. */
export function freshActor(identity: Identity): string {
  return toHex(identity.signer.key) + toHex(randomBytes(8));
}

/** A fresh peer id: the device key and eight random bytes. */
export function freshPeerId(identity: Identity): string {
  return `${identity.name}-${toB64u(randomBytes(8))}`;
}

const turns = new Map<string, Turns>();

/** Runs work that only one tab of this profile may do at a time, and each tab once at a time. */
export function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (locks) return locks.request(name, work) as Promise<T>;
  const own = turns.get(name) ?? new Turns();
  turns.set(name, own);
  return own.take(work);
}

async function freshKeys(): Promise<StoredKeys> {
  try {
    const signing = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const sealing = (await crypto.subtle.generateKey("X25519", false, ["deriveBits"])) as CryptoKeyPair;
    return { kind: "native", signing, sealing };
  } catch {
    return { kind: "seed", signing: randomBytes(32), sealing: randomBytes(32) };
  }
}

async function identityFrom(stored: StoredKeys): Promise<Identity> {
  const signer = stored.kind === "native" ? await nativeSigner(stored.signing) : await seedSigner(stored.signing);
  const sealing =
    stored.kind === "native" ? await rawPublic(stored.sealing.publicKey) : await sealingOfSeed(stored.sealing);
  return { signer, name: toB64u(signer.key), sealing };
}

async function nativeSigner(keys: CryptoKeyPair): Promise<Signer> {
  return {
    key: await rawPublic(keys.publicKey),
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", keys.privateKey, message as Uint8Array<ArrayBuffer>)),
  };
}

/** A signer from a seed, as for browsers without Ed25519 and for tests. */
export async function seedSigner(seed: Uint8Array): Promise<Signer> {
  return { key: await getPublicKeyAsync(seed), sign: (message) => signAsync(message, seed) };
}

async function rawPublic(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key));
}

/**
 * The X25519 public key that belongs to a seed: the Ed25519 point of that seed, taken
 * over the map between the two forms of the curve, u = (1 + y) / (1 - y) (RFC 7748, section 4.1).
 */
async function sealingOfSeed(seed: Uint8Array): Promise<Uint8Array> {
  const prime = Point.CURVE().p;
  const { y } = Point.fromBytes(await getPublicKeyAsync(seed)).toAffine();
  let u = ((1n + y) * power(prime + 1n - y, prime - 2n, prime)) % prime;
  return Uint8Array.from({ length: 32 }, () => {
    const byte = Number(u & 0xffn);
    u >>= 8n;
    return byte;
  });
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
