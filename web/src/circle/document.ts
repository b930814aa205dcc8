// Documents of a circle: kinds, zones and how their ids come about.

import { blake3 } from "@noble/hashes/blake3.js";
import { concat, fromB64u, fromB64uOf, utf8 } from "./bytes.ts";
import { type CircleId, type DocumentId, documentIdOf, type PersonId } from "./ids.ts";
import type { Json } from "./jcs.ts";
import { DOCUMENT_KEY_BYTES_MAX } from "./limits.ts";
import { fieldsOf, malformed, textOf } from "./read.ts";

export const KINDS = ["case", "checkin", "draft", "voice", "step", "report"] as const;

/** What a document holds; it fixes the zone, and with it who may read and write (rule P1). */
export type Kind = (typeof KINDS)[number];

export const ZONES = ["together", "own", "core", "guide"] as const;

/** A group of documents with the same readers and writers. */
export type Zone = (typeof ZONES)[number];

/** Names a document inside its circle. */
export interface DocumentRef {
  readonly kind: Kind;
  readonly key: string;
}

const ID_CONTEXT = utf8("smallwin/document/1");

export const caseDocument: DocumentRef = { kind: "case", key: "" };
export const stepDocument: DocumentRef = { kind: "step", key: "" };

/** The shared answers of one revision of the check-in, counted from 1. */
export function checkInDocument(revision: number): DocumentRef {
  return { kind: "checkin", key: String(revision) };
}

/** A person's answers before they share them. */
export function draftDocument(person: PersonId, revision = 1): DocumentRef {
  return { kind: "draft", key: `checkin/${revision}/${person}` };
}

/** A person's answers after they shared them. */
export function voiceDocument(person: PersonId, revision = 1): DocumentRef {
  return { kind: "voice", key: `checkin/${revision}/${person}` };
}

/** A report; the key is chosen by who announces it. */
export function reportDocument(key: string): DocumentRef {
  return { kind: "report", key };
}

export function isKind(name: unknown): name is Kind {
  return KINDS.some((kind) => kind === name);
}

export function isZone(name: unknown): name is Zone {
  return ZONES.some((zone) => zone === name);
}

export function zoneOf(kind: Kind): Zone {
  if (kind === "case" || kind === "step") return "core";
  return kind === "checkin" || kind === "report" ? "together" : "own";
}

/** The document's id in this circle. */
export function documentId(circle: CircleId, { kind, key }: DocumentRef): DocumentId {
  const name = utf8(kind);
  const whole = concat(fromB64u(circle) ?? new Uint8Array(), Uint8Array.of(name.length), name, utf8(key));
  return documentIdOf(blake3(whole, { context: ID_CONTEXT, dkLen: 16 }));
}

/** The person whose document this is, for drafts and voices. */
export function personOf(document: DocumentRef): PersonId | undefined {
  return ownOf(document)?.person;
}

/** The revision of the check-in this belongs to, for check-ins, drafts and voices. */
export function revisionOf(document: DocumentRef): number | undefined {
  return document.kind === "checkin" ? readRevision(document.key) : ownOf(document)?.revision;
}

/** Whether a `doc` record can announce it: it is of a kind with free keys, and the key fits. */
export function isAnnounced(document: DocumentRef): boolean {
  if (document.kind === "checkin") return (revisionOf(document) ?? 0) > 1;
  const length = utf8(document.key).length;
  return document.kind === "report" && length > 0 && length <= DOCUMENT_KEY_BYTES_MAX;
}

export function readDocumentRef(value: Json | undefined): DocumentRef {
  const fields = fieldsOf(value, ["key", "kind"]);
  const [kind, key] = [fields["kind"], textOf(fields["key"])];
  if (!isKind(kind)) throw malformed("the kind of a document is unknown");
  if (utf8(key).length > DOCUMENT_KEY_BYTES_MAX) throw malformed("a document key is too long");
  return { kind, key };
}

function ownOf({ kind, key }: DocumentRef): { revision: number; person: PersonId } | undefined {
  if (kind !== "draft" && kind !== "voice") return undefined;
  const match = /^checkin\/(\d+)\/([^/]*)$/.exec(key);
  const revision = readRevision(match?.[1] ?? "");
  const person = match?.[2] ?? "";
  return revision !== undefined && fromB64uOf(person, 32) ? { revision, person } : undefined;
}

/** A decimal number from 1 to 2^32 − 1 without sign or leading zero. */
function readRevision(text: string): number | undefined {
  return /^[1-9]\d{0,9}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : undefined;
}
