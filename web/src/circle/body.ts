// What a record says.

import { utf8 } from "./bytes.ts";
import { type DocumentRef, isKind, readDocumentRef } from "./document.ts";
import type { ChangeHash, DeviceKey, ManifestHash, PersonId, RecordId, Signature } from "./ids.ts";
import { isPlain, type Json, type JsonObject } from "./jcs.ts";
import { type LaterBody, readLaterBody } from "./later-body.ts";
import { ABOUT_BYTES_MAX, HEADS_MAX } from "./limits.ts";
import { bytesOf, fieldsOf, idOf, idsOf, isObject, keyOf, malformed, momentOf, roleOf, textOf } from "./read.ts";
import { isRole, type Role } from "./role.ts";

/** What a record says; when it counts is judged by the log. */
export type Body =
  | { readonly kind: "genesis"; readonly nonce: string; readonly sealing: string }
  | { readonly kind: "invite"; readonly invite: DeviceKey; readonly role: Role; readonly expires: string }
  | { readonly kind: "join"; readonly invite: RecordId; readonly proof: Signature; readonly sealing: string }
  | { readonly kind: "grant"; readonly person: PersonId; readonly role: Role }
  | { readonly kind: "link"; readonly device: DeviceKey; readonly consent: Signature; readonly sealing: string }
  | { readonly kind: "doc"; readonly document: DocumentRef }
  | {
      readonly kind: "share";
      readonly source: DocumentRef;
      readonly heads: readonly ChangeHash[];
      readonly target: DocumentRef;
    }
  | {
      readonly kind: "snapshot";
      readonly manifest: ManifestHash;
      readonly signature: Signature;
      readonly prev?: RecordId | undefined;
    }
  | { readonly kind: "cosign"; readonly snapshot: RecordId; readonly signature: Signature }
  | { readonly kind: "statement"; readonly about: string; readonly value: Json }
  | LaterBody
  | UnknownBody;

/** Something a newer version says: kept and passed on, and counts for nothing. */
export interface UnknownBody {
  readonly kind: "unknown";
  /** The body as it stands in the record. */
  readonly value: JsonObject;
}

/** The body as it stands in JSON. */
export function bodyToJson(body: Body): unknown {
  return body.kind === "unknown" ? body.value : body;
}

export function readBody(value: Json | undefined): Body {
  if (!isObject(value)) throw malformed("its body has no fields");
  const kind = textOf(value["kind"]);
  const read = READERS.get(kind);
  if (read !== undefined && !namesLaterWord(kind, value)) return read(value);
  const later = readLaterBody(kind, value);
  if (later !== undefined) return later;
  if (!isPlain(value)) throw malformed("its body holds a fraction, a large number or deep nesting");
  return { kind: "unknown", value };
}

/**
 * Whether a known kind names a role or a document kind that a newer version knows: such a record counts
 * for nothing here, but the ones that build on it do.
 */
function namesLaterWord(kind: string, value: JsonObject): boolean {
  if (kind === "invite" || kind === "grant") return typeof value["role"] === "string" && !isRole(value["role"]);
  const document = value["document"];
  const name = kind === "doc" && isObject(document) ? document["kind"] : undefined;
  return typeof name === "string" && !isKind(name);
}

const READERS: ReadonlyMap<string, (value: JsonObject) => Body> = new Map<string, (value: JsonObject) => Body>([
  ["genesis", (value) => {
    const f = fieldsOf(value, ["kind", "nonce", "sealing"]);
    return { kind: "genesis", nonce: bytesOf(f["nonce"], 16), sealing: idOf(f["sealing"]) };
  }],
  ["invite", (value) => {
    const f = fieldsOf(value, ["expires", "invite", "kind", "role"]);
    return { kind: "invite", invite: keyOf(f["invite"]), role: roleOf(f["role"]), expires: momentOf(f["expires"]) };
  }],
  ["join", (value) => {
    const f = fieldsOf(value, ["invite", "kind", "proof", "sealing"]);
    return { kind: "join", invite: idOf(f["invite"]), proof: bytesOf(f["proof"], 64), sealing: idOf(f["sealing"]) };
  }],
  ["grant", (value) => {
    const f = fieldsOf(value, ["kind", "person", "role"]);
    return { kind: "grant", person: idOf(f["person"]), role: roleOf(f["role"]) };
  }],
  ["link", (value) => {
    const f = fieldsOf(value, ["consent", "device", "kind", "sealing"]);
    return { kind: "link", device: keyOf(f["device"]), consent: bytesOf(f["consent"], 64), sealing: idOf(f["sealing"]) };
  }],
  ["doc", (value) => ({ kind: "doc", document: readDocumentRef(fieldsOf(value, ["document", "kind"])["document"]) })],
  ["share", (value) => {
    const f = fieldsOf(value, ["heads", "kind", "source", "target"]);
    const heads = idsOf(f["heads"], HEADS_MAX);
    if (heads.length === 0) throw malformed("it names no heads");
    return { kind: "share", source: readDocumentRef(f["source"]), heads, target: readDocumentRef(f["target"]) };
  }],
  ["snapshot", (value) => {
    const f = fieldsOf(value, ["kind", "manifest", "signature"], ["prev"]);
    const prev = "prev" in f ? { prev: idOf(f["prev"]) } : {};
    return { kind: "snapshot", manifest: idOf(f["manifest"]), signature: bytesOf(f["signature"], 64), ...prev };
  }],
  ["cosign", (value) => {
    const f = fieldsOf(value, ["kind", "signature", "snapshot"]);
    return { kind: "cosign", snapshot: idOf(f["snapshot"]), signature: bytesOf(f["signature"], 64) };
  }],
  ["statement", (value) => {
    const f = fieldsOf(value, ["about", "kind", "value"]);
    const about = textOf(f["about"]);
    const length = utf8(about).length;
    if (length === 0 || length > ABOUT_BYTES_MAX) throw malformed("it says nothing of what it is about, or too much");
    const said = f["value"] ?? null;
    if (!isPlain(said)) throw malformed("its value holds a fraction, a large number or deep nesting");
    return { kind: "statement", about, value: said };
  }],
]);
