// Manifests: what a snapshot fixes, word for word. They stand beside the log (rule N2).

import { blake3 } from "@noble/hashes/blake3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { areAscending, compareBytes, compareIds, toB64u, utf8 } from "./bytes.ts";
import { isKind, type Kind, type Zone, zoneOf } from "./document.ts";
import { CircleError } from "./error.ts";
import {
  type ChangeHash,
  type CircleId,
  type DeviceKey,
  type DocumentId,
  documentIdBytes,
  type ManifestHash,
  type RecordId,
  type Signature,
} from "./ids.ts";
import { fromCanonical, type Json, toCanonical } from "./jcs.ts";
import { entryOf, entryVerifies, type Purpose, signEntry } from "./jws.ts";
import type { Signer } from "./keys.ts";
import { DEPS_MAX, HEADS_MAX, MANIFEST_BYTES_MAX, MANIFEST_DOCUMENTS_MAX } from "./limits.ts";
import { fieldsOf, idOf, idsOf, listOf, malformed, momentOf, textOf } from "./read.ts";

const TYPE = "smallwin/snapshot@1";

/** The text that people sign. */
export interface Manifest {
  readonly circle: CircleId;
  readonly created: string;
  /** In order of their ids; never drafts. */
  readonly docs: readonly ManifestDocument[];
  /** The `deps` of the snapshot record. */
  readonly log: readonly RecordId[];
  /** The snapshot that this one follows, as in the snapshot record. */
  readonly prev?: RecordId | undefined;
  readonly title: string;
}

/** One document of a manifest. */
export interface ManifestDocument {
  readonly heads: readonly ChangeHash[];
  readonly id: DocumentId;
  readonly kind: Kind;
  /** SHA-256 of `text`. */
  readonly sha256: string;
  /** Its canonical rendering. */
  readonly text: string;
  readonly zone: Zone;
}

/** A document with the hash of its rendering. */
export function manifestDocument(
  id: DocumentId,
  kind: Kind,
  heads: readonly ChangeHash[],
  text: string,
): ManifestDocument {
  return { heads: heads.toSorted(compareIds), id, kind, sha256: textHash(text), text, zone: zoneOf(kind) };
}

/** The canonical bytes that are hashed and signed. */
export function manifestToBytes(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return toCanonical({ ...manifest, type: TYPE });
}

/** BLAKE3-256 of the bytes, as it stands in the snapshot record. */
export function manifestHash(manifest: Manifest): ManifestHash {
  return toB64u(blake3(manifestToBytes(manifest)));
}

/** Signs the manifest; the signature goes into the `snapshot` or `cosign` record. */
export async function signManifest(manifest: Manifest, purpose: Purpose, signer: Signer): Promise<Signature> {
  return (await signEntry(manifestToBytes(manifest), signer, purpose)).signature;
}

/** Whether `key` signed this manifest in this sense. */
export function verifyManifest(
  manifest: Manifest,
  purpose: Purpose,
  key: DeviceKey,
  signature: Signature,
): Promise<boolean> {
  return entryVerifies(entryOf(key, signature, purpose), manifestToBytes(manifest), key, purpose);
}

/** Reads a manifest and checks size, canonical form, order and the hash of every text. */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_BYTES_MAX) {
    throw new CircleError("too-large", `the manifest is ${bytes.length} bytes long, more than ${MANIFEST_BYTES_MAX}`);
  }
  const fields = fieldsOf(fromCanonical(bytes), ["circle", "created", "docs", "log", "title", "type"], ["prev"]);
  if (fields["type"] !== TYPE) throw malformed(`its type is not ${TYPE}`);
  const log = idsOf(fields["log"], DEPS_MAX);
  const docs = listOf(fields["docs"]).map(readDocument);
  if (log.length === 0 || docs.length > MANIFEST_DOCUMENTS_MAX || !areInOrder(docs)) {
    throw malformed("its documents or heads are none, too many or out of order");
  }
  return {
    circle: idOf(fields["circle"]),
    created: momentOf(fields["created"]),
    docs,
    log,
    ...("prev" in fields ? { prev: idOf(fields["prev"]) } : {}),
    title: textOf(fields["title"]),
  };
}

function readDocument(value: Json): ManifestDocument {
  const fields = fieldsOf(value, ["heads", "id", "kind", "sha256", "text", "zone"]);
  const [id, kind, text] = [textOf(fields["id"]), fields["kind"], textOf(fields["text"])];
  const heads = listOf(fields["heads"]).map(idOf);
  if (!isKind(kind) || kind === "draft" || fields["zone"] !== zoneOf(kind)) {
    throw malformed("a document is a draft, of an unknown kind, or not in the zone of its kind");
  }
  if (documentIdBytes(id) === undefined || heads.length > HEADS_MAX || !areAscending(heads)) {
    throw malformed("a document's id is none, or its heads are too many or not ascending");
  }
  if (idOf(fields["sha256"]) !== textHash(text)) {
    throw new CircleError("text-hash", `the text of the ${kind} document is not the one whose hash stands beside it`);
  }
  return { heads, id, kind, sha256: textHash(text), text, zone: zoneOf(kind) };
}

function areInOrder(docs: readonly ManifestDocument[]): boolean {
  const bytes = docs.map(({ id }) => documentIdBytes(id) ?? new Uint8Array());
  return bytes.every((id, at) => at === 0 || compareBytes(bytes[at - 1] ?? id, id) < 0);
}

function textHash(text: string): string {
  return toB64u(sha256(utf8(text)));
}
