// JWS General JSON serialisation (RFC 7515), with EdDSA and one fixed protected header per purpose.

import { fromB64u, fromB64uOf, toB64u, utf8 } from "./bytes.ts";
import type { DeviceKey, Signature } from "./ids.ts";
import { type Json, toCanonical } from "./jcs.ts";
import { isDeviceKeyText, type Signer, verify } from "./keys.ts";
import { bytesOf, fieldsOf, isObject, listOf, textOf } from "./read.ts";

/** In which sense somebody signs a manifest. */
export type Purpose = "snapshot" | "cosign";

/** One signature with its protected header. */
export interface Entry {
  readonly protected: string;
  readonly signature: Signature;
}

/** A payload and who signed it. */
export interface General {
  readonly payload: string;
  readonly signatures: readonly Entry[];
}

/** Signs `payload` (raw bytes) under this purpose. */
export async function signEntry(payload: Uint8Array, signer: Signer, purpose?: Purpose): Promise<Entry> {
  const header = protectedOf(toB64u(signer.key), purpose);
  return { protected: header, signature: toB64u(await signer.sign(signingInput(header, payload))) };
}

/** The entry for a signature made elsewhere. */
export function entryOf(key: DeviceKey, signature: Signature, purpose?: Purpose): Entry {
  return { protected: protectedOf(key, purpose), signature };
}

/** Whether `key` made this signature over `payload` under `purpose`. */
export async function entryVerifies(entry: Entry, payload: Uint8Array, key: DeviceKey, purpose?: Purpose): Promise<boolean> {
  const [signer, signature] = [fromB64uOf(key, 32), fromB64uOf(entry.signature, 64)];
  if (!signer || !signature || entry.protected !== protectedOf(key, purpose)) return false;
  return verify(signer, signingInput(entry.protected, payload), signature);
}

/** The key that the header names, when it is exactly the header we would write for this purpose. */
export function keyInHeader(entry: Entry, purpose?: Purpose): DeviceKey | undefined {
  try {
    const header = JSON.parse(new TextDecoder().decode(fromB64u(entry.protected) ?? new Uint8Array())) as Json;
    const kid = isObject(header) ? header["kid"] : undefined;
    const fits = typeof kid === "string" && isDeviceKeyText(kid) && protectedOf(kid, purpose) === entry.protected;
    return fits ? kid : undefined;
  } catch {
    return undefined;
  }
}

export function readGeneral(value: Json): General {
  const fields = fieldsOf(value, ["payload", "signatures"]);
  return { payload: textOf(fields["payload"]), signatures: listOf(fields["signatures"]).map(readEntry) };
}

export function readEntry(value: Json): Entry {
  const fields = fieldsOf(value, ["protected", "signature"]);
  return { protected: textOf(fields["protected"]), signature: bytesOf(fields["signature"], 64) };
}

function protectedOf(kid: DeviceKey, purpose: Purpose | undefined): string {
  return toB64u(toCanonical({ alg: "EdDSA", kid, purpose }));
}

function signingInput(header: string, payload: Uint8Array): Uint8Array {
  return utf8(`${header}.${toB64u(payload)}`);
}
