// The kinds of record that the first version did not know.

import { compareBytes, utf8 } from "./bytes.ts";
import { type DocumentRef, isZone, readDocumentRef, type Zone } from "./document.ts";
import { CircleError } from "./error.ts";
import { type ChangeHash, type CircleId, type DeviceKey, type DocumentId, documentIdBytes, type PersonId, type RecordId } from "./ids.ts";
import type { Json, JsonObject } from "./jcs.ts";
import { ABOUT_BYTES_MAX, APPROVALS_MAX, BRANCHES_MAX, DEPS_MAX, HEADS_MAX, OUTCOME_BYTES_MAX, PINS_MAX } from "./limits.ts";
import { fieldsOf, idOf, idsOf, keyOf, listOf, malformed, momentOf, roleOf, textOf } from "./read.ts";
import type { Role } from "./role.ts";

/** The heads of a document that stay part of it whoever may write it since. */
export interface Pin {
  readonly document: DocumentId;
  readonly heads: readonly ChangeHash[];
}

/** Where somebody stands in a round of consent. */
export type Stance = "agree" | "concern" | "object";

export type LaterBody =
  /** Offers a place like an invite, but a join gives no role until a `confirm` names it. */
  | { readonly kind: "offer"; readonly invite: DeviceKey; readonly role: Role; readonly expires: string }
  /** Says that the author compared the spoken words with whoever joined. */
  | { readonly kind: "confirm"; readonly join: RecordId }
  /** Agrees that `to` does what needs a quorum; without a role, that it removes. */
  | {
      readonly kind: "approve";
      readonly person: PersonId;
      readonly role?: Role;
      readonly device?: DeviceKey;
      readonly to: DeviceKey;
    }
  /** Makes a person facilitator by a quorum. */
  | { readonly kind: "promote"; readonly person: PersonId; readonly approvals: readonly RecordId[] }
  /** Removes a person or one of their devices for ever, or lowers a role. */
  | {
      readonly kind: "revoke";
      readonly person: PersonId;
      readonly device?: DeviceKey;
      readonly role?: Role;
      readonly branches: readonly RecordId[];
      readonly pins: readonly Pin[];
      readonly approvals: readonly RecordId[];
    }
  | { readonly kind: "leave"; readonly pins: readonly Pin[] }
  /** Takes back an invite, an offer, a snapshot, or one's own approval. */
  | { readonly kind: "withdraw"; readonly record: RecordId }
  /** Takes a document away, so that its bytes are erased everywhere. */
  | { readonly kind: "retire"; readonly document: DocumentRef; readonly successor?: DocumentRef; readonly reason?: string }
  /** Takes changes of others into a document that the author may write. */
  | { readonly kind: "adopt"; readonly document: DocumentRef; readonly heads: readonly ChangeHash[] }
  | { readonly kind: "decide"; readonly about: string; readonly outcome: string; readonly reason?: string }
  /** Says where the author stands in a round; the newest of a person counts. */
  | { readonly kind: "commit"; readonly round: RecordId; readonly stance: Stance; readonly reason?: string }
  /** Says that a snapshot was read, or that a retired document was erased here. */
  | { readonly kind: "acknowledge"; readonly record: RecordId }
  /** Names the zones that a relay, which is no member, may carry. */
  | { readonly kind: "zone"; readonly relay: DeviceKey; readonly zones: readonly Zone[] }
  /** Says which circle this one continues. */
  | { readonly kind: "fork"; readonly parent: CircleId; readonly heads: readonly RecordId[] };

/**
 * The body, when it has exactly the fields of its kind. Logs of the first version hold records that use the
 * same words for something unknown; such a record stays what it was.
 */
export function readLaterBody(kind: string, value: JsonObject): LaterBody | undefined {
  try {
    return READERS.get(kind)?.(value);
  } catch (error) {
    if (error instanceof CircleError) return undefined;
    throw error;
  }
}

const READERS: ReadonlyMap<string, (value: JsonObject) => LaterBody> = new Map<string, (value: JsonObject) => LaterBody>([
  ["offer", (value) => {
    const f = fieldsOf(value, ["expires", "invite", "kind", "role"]);
    return { kind: "offer", invite: keyOf(f["invite"]), role: roleOf(f["role"]), expires: momentOf(f["expires"]) };
  }],
  ["confirm", (value) => ({ kind: "confirm", join: idOf(fieldsOf(value, ["join", "kind"])["join"]) })],
  ["approve", (value) => {
    const f = fieldsOf(value, ["kind", "person", "to"], ["device", "role"]);
    return { kind: "approve", person: idOf(f["person"]), ...scopeOf(f), to: keyOf(f["to"]) };
  }],
  ["promote", (value) => {
    const f = fieldsOf(value, ["approvals", "kind", "person"]);
    return { kind: "promote", person: idOf(f["person"]), approvals: someIdsOf(f["approvals"], APPROVALS_MAX) };
  }],
  ["revoke", (value) => {
    const f = fieldsOf(value, ["approvals", "branches", "kind", "person", "pins"], ["device", "role"]);
    return {
      kind: "revoke",
      person: idOf(f["person"]),
      ...scopeOf(f),
      branches: idsOf(f["branches"], BRANCHES_MAX),
      pins: pinsOf(f["pins"]),
      approvals: idsOf(f["approvals"], APPROVALS_MAX),
    };
  }],
  ["leave", (value) => ({ kind: "leave", pins: pinsOf(fieldsOf(value, ["kind", "pins"])["pins"]) })],
  ["withdraw", (value) => ({ kind: "withdraw", record: idOf(fieldsOf(value, ["kind", "record"])["record"]) })],
  ["retire", (value) => {
    const f = fieldsOf(value, ["document", "kind"], ["reason", "successor"]);
    const successor = "successor" in f ? { successor: readDocumentRef(f["successor"]) } : {};
    return { kind: "retire", document: readDocumentRef(f["document"]), ...successor, ...reasonOf(f) };
  }],
  ["adopt", (value) => {
    const f = fieldsOf(value, ["document", "heads", "kind"]);
    return { kind: "adopt", document: readDocumentRef(f["document"]), heads: someIdsOf(f["heads"], HEADS_MAX) };
  }],
  ["decide", (value) => {
    const f = fieldsOf(value, ["about", "kind", "outcome"], ["reason"]);
    const [about, outcome] = [shortOf(f["about"], ABOUT_BYTES_MAX), shortOf(f["outcome"], OUTCOME_BYTES_MAX)];
    return { kind: "decide", about, outcome, ...reasonOf(f) };
  }],
  ["commit", (value) => {
    const f = fieldsOf(value, ["kind", "round", "stance"], ["reason"]);
    return { kind: "commit", round: idOf(f["round"]), stance: stanceOf(f["stance"]), ...reasonOf(f) };
  }],
  ["acknowledge", (value) => ({ kind: "acknowledge", record: idOf(fieldsOf(value, ["kind", "record"])["record"]) })],
  ["zone", (value) => {
    const f = fieldsOf(value, ["kind", "relay", "zones"]);
    return { kind: "zone", relay: keyOf(f["relay"]), zones: zonesOf(f["zones"]) };
  }],
  ["fork", (value) => {
    const f = fieldsOf(value, ["heads", "kind", "parent"]);
    return { kind: "fork", parent: idOf(f["parent"]), heads: someIdsOf(f["heads"], DEPS_MAX) };
  }],
]);

function scopeOf(f: JsonObject): { readonly device?: DeviceKey; readonly role?: Role } {
  if ("device" in f && "role" in f) throw malformed("a role is a person's, not a device's");
  return { ...("device" in f ? { device: keyOf(f["device"]) } : {}), ...("role" in f ? { role: roleOf(f["role"]) } : {}) };
}

function reasonOf(f: JsonObject): { readonly reason?: string } {
  return "reason" in f ? { reason: idOf(f["reason"]) } : {};
}

function someIdsOf(value: Json | undefined, most: number): readonly string[] {
  const ids = idsOf(value, most);
  if (ids.length === 0) throw malformed("it names too few");
  return ids;
}

function pinsOf(value: Json | undefined): readonly Pin[] {
  const items = listOf(value);
  if (items.length > PINS_MAX) throw malformed("it pins too many documents");
  const read = items.map((item) => {
    const f = fieldsOf(item, ["document", "heads"]);
    const document = textOf(f["document"]);
    const bytes = documentIdBytes(document);
    if (bytes === undefined) throw malformed("a document id is not one");
    return { bytes, pin: { document, heads: someIdsOf(f["heads"], HEADS_MAX) } };
  });
  const isAscending = read.every(({ bytes }, at) => {
    const before = read[at - 1];
    return before === undefined || compareBytes(before.bytes, bytes) < 0;
  });
  if (!isAscending) throw malformed("its pins are not ascending");
  return read.map(({ pin }) => pin);
}

function zonesOf(value: Json | undefined): readonly Zone[] {
  return listOf(value).map((name, at, names) => {
    const before = names[at - 1];
    if (!isZone(name) || (typeof before === "string" && before >= name)) throw malformed("its zones are not ascending");
    return name;
  });
}

function shortOf(value: Json | undefined, bytesMax: number): string {
  const text = textOf(value);
  const length = utf8(text).length;
  if (length === 0 || length > bytesMax) throw malformed("a text is empty or too long");
  return text;
}

function stanceOf(value: Json | undefined): Stance {
  if (value !== "agree" && value !== "concern" && value !== "object") throw malformed("the stance is unknown");
  return value;
}
