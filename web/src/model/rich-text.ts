// A text with blocks and marks, as people see it. The twin of `RichText` in the crate smallwin-model.

import { type Doc, getBackend, getHeads, type Span as StoredSpan } from "@automerge/automerge/slim";

export interface Span {
  readonly text: string;
  readonly strong: boolean;
  readonly em: boolean;
}

export interface Block {
  /** Type of the block; `paragraph` is the only one that this version writes. */
  readonly kind: string;
  /** Pieces of text; neighbours differ in their marks. */
  readonly spans: readonly Span[];
}

/** The blocks of a text. A text that nobody wrote in has one empty paragraph. */
export type RichText = readonly Block[];

/**
 * Reads one text, of a `view` as it was then. A missing text reads as empty, so that
 * nobody can keep a document from being read.
 *
 * Automerge's own `spans` looks up the path of a view in the present, and so finds the
 * wrong text, or none, where somebody replaced it later.
 */
export function readText(doc: Doc<unknown>, name: string): RichText {
  const [backend, heads] = [getBackend(doc), getHeads(doc)];
  const found = backend.getWithType("_root", name, heads);
  return found?.[0] === "text" ? richTextOf(backend.spans(found[1], heads)) : [];
}

/** Turns what Automerge stores into blocks. Text before the first block opens a paragraph. */
export function richTextOf(stored: readonly StoredSpan[]): RichText {
  const blocks: { kind: string; spans: { text: string; strong: boolean; em: boolean }[] }[] = [];
  for (const span of stored) {
    if (span.type === "block") {
      blocks.push({ kind: kindOf(span.value["type"]), spans: [] });
      continue;
    }
    if (blocks.length === 0) blocks.push({ kind: PARAGRAPH, spans: [] });
    const [strong, em] = [span.marks?.["strong"] === true, span.marks?.["em"] === true];
    const pieces = blocks.at(-1)?.spans ?? [];
    const last = pieces.at(-1);
    if (last && last.strong === strong && last.em === em) last.text += span.value;
    else if (span.value !== "") pieces.push({ text: span.value, strong, em });
  }
  return blocks;
}

const PARAGRAPH = "paragraph";

/** The type is an immutable string in the document, and a plain one in what older programs wrote. */
function kindOf(type: unknown): string {
  if (typeof type === "string") return type;
  return type === undefined || type === null ? PARAGRAPH : String(type);
}
