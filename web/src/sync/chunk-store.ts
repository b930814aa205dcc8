// Documents in the browser's storage: chunks of changes, each under its hash, so that
// several tabs can write at once and nothing is ever overwritten.

import * as A from "@automerge/automerge/slim";
import { sha256 } from "@noble/hashes/sha2.js";
import type { DocumentId } from "../circle/ids.ts";
import { concat, toHex } from "./bytes.ts";
import type { Database, Row } from "./database.ts";

/** Chunks beyond which opening a document also compacts it. */
const CHUNKS_MAX = 64;

interface Chunk {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** Reads a document with the given actor; `null` when there is none. */
export async function loadDocument(
  database: Database,
  document: DocumentId,
  actor: string,
): Promise<A.Doc<unknown> | null> {
  const chunks = await database.all<Chunk>("chunks", document);
  if (chunks.length === 0) return null;
  // Order does not matter to Automerge: changes wait for what they depend on.
  const doc = A.loadIncremental(A.init<unknown>({ actor }), concat(...chunks.map(({ bytes }) => bytes)));
  if (chunks.length > CHUNKS_MAX) await compact(database, document, doc, chunks);
  return doc;
}

/** The row that keeps what a document has beyond `since`; `null` when that is nothing. */
export function rowOfChanges(document: DocumentId, doc: A.Doc<unknown>, since: A.Heads): Row | null {
  const bytes = since.length === 0 ? A.save(doc) : A.saveSince(doc, since);
  return bytes.length === 0 ? null : rowOf(document, bytes);
}

/** Rows that delete everything of a document. */
export async function rowsOfRemoval(database: Database, document: DocumentId): Promise<Row[]> {
  const chunks = await database.all<Chunk>("chunks", document);
  return chunks.map(({ hash }) => ({ table: "chunks", key: [document, hash] }));
}

/** Replaces chunks by one, after that one was read back to the same heads (K3). */
async function compact(
  database: Database,
  document: DocumentId,
  doc: A.Doc<unknown>,
  chunks: readonly Chunk[],
): Promise<void> {
  const bytes = A.save(doc);
  const again = A.load<unknown>(bytes);
  if (A.getHeads(again).join() !== A.getHeads(doc).join()) return;
  const whole = rowOf(document, bytes);
  const covered = chunks.map(({ hash }): Row => ({ table: "chunks", key: [document, hash] }));
  await database.write([...covered, whole]);
}

function rowOf(document: DocumentId, bytes: Uint8Array): Row {
  const hash = toHex(sha256(bytes));
  return { table: "chunks", key: [document, hash], value: { hash, bytes } satisfies Chunk };
}
