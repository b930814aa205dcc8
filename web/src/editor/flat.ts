// Where a place on screen lies in the stored text, and back.
//
// Stored, a text is one row of elements: a block marker opens each paragraph and
// counts as one, text counts in UTF-16 units. On screen a paragraph has an opening
// and a closing token. So a place on screen, less the number of paragraphs closed
// before it, is the index in the row. Both directions need a leading marker (F2).

import type { Node } from "prosemirror-model";
import { markNames } from "./schema.ts";

/** One element of the stored row: a block marker, or one code point with its marks. */
export interface Element {
  /** `null` for a block marker. */
  readonly text: string | null;
  /** Names of marks in the order of `MARK_NAMES`, joined by a space. */
  readonly marks: string;
}

const MARKER: Element = { text: null, marks: "" };

/** The number of units an element takes in the stored row. */
export function width(element: Element): number {
  return element.text === null ? 1 : element.text.length;
}

export function sameElement(a: Element, b: Element): boolean {
  return a.text === b.text && a.marks === b.marks;
}

/** The index in the stored row of a place on screen. */
export function toIndex(doc: Node, position: number): number {
  return position - doc.resolve(position).index(0);
}

/** The place on screen of an index in the stored row: inside a paragraph, never between two. */
export function toPosition(doc: Node, index: number): number {
  let marker = 0;
  for (let child = 0; child < doc.childCount; child += 1) {
    const end = marker + 1 + doc.child(child).content.size;
    if (index <= end) return Math.max(index, marker + 1) + child;
    marker = end;
  }
  return doc.content.size - 1;
}

/** The stored row between two places on screen. */
export function elementsBetween(doc: Node, from: number, to: number): Element[] {
  const row: Element[] = [];
  doc.nodesBetween(from, to, (node, position) => {
    if (node.isTextblock) {
      if (position >= from && position < to) row.push(MARKER);
      return true;
    }
    if (node.isText && node.text !== undefined) {
      const marks = markNames(node.marks).join(" ");
      const text = node.text.slice(Math.max(0, from - position), Math.max(0, to - position));
      for (const point of text) row.push({ text: point, marks });
    }
    return true;
  });
  return row;
}
