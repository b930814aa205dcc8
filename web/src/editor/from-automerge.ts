// Stored text → screen. Pure: spans in, document or step out.

import type { Span } from "@automerge/automerge/slim";
import { Fragment, type Node } from "prosemirror-model";
import { ReplaceStep } from "prosemirror-transform";
import { MARK_NAMES, paragraph, schema } from "./schema.ts";

/**
 * The document that shows these spans. Every block shows as a paragraph, so a
 * block type of a later version keeps its words.
 */
export function documentOf(spans: readonly Span[]): Node {
  const paragraphs: Node[] = [];
  let inline: Node[] = [];
  let open = false;
  const close = () => {
    paragraphs.push(paragraph(inline));
    inline = [];
  };
  for (const span of spans) {
    if (span.type === "block") {
      if (open) close();
      open = true;
    } else if (span.value !== "") {
      open = true;
      inline.push(schema.text(span.value, marksOf(span.marks)));
    }
  }
  close();
  return schema.node("doc", null, Fragment.fromArray(paragraphs));
}

/** Whether the stored text opens with a block marker, as places in it suppose (F2). */
export function opensWithMarker(spans: readonly Span[]): boolean {
  return spans[0]?.type === "block";
}

/** The one step that turns what is shown into what is stored, or `null` when they are equal. */
export function stepBetween(shown: Node, stored: Node): ReplaceStep | null {
  const start = shown.content.findDiffStart(stored.content);
  if (start === null) return null;
  const ends = shown.content.findDiffEnd(stored.content);
  if (ends === null) return null;
  // Where letters repeat the two searches overlap; the start wins. Before `start` and
  // after the ends both documents hold the same tokens, so the slice fits as it is.
  const overlap = Math.max(start - Math.min(ends.a, ends.b), 0);
  return new ReplaceStep(start, ends.a + overlap, stored.slice(start, ends.b + overlap));
}

function marksOf(stored: Record<string, unknown> | undefined) {
  if (!stored) return [];
  return MARK_NAMES.filter((name) => stored[name] === true).map((name) => schema.mark(name));
}
