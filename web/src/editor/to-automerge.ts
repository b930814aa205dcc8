// Screen → stored text. `editsOf` is pure; `applyEdits` writes what it says.

import * as A from "@automerge/automerge/slim";
import type { Node } from "prosemirror-model";
import type { Step } from "prosemirror-transform";
import { type Element, elementsBetween, sameElement, toIndex, width } from "./flat.ts";
import { MARK_NAMES, type MarkName } from "./schema.ts";

/** A change to the stored row of elements; indices count from before the change. */
export type Edit =
  | { readonly kind: "replace"; readonly at: number; readonly deleted: number; readonly inserted: readonly Element[] }
  | { readonly kind: "mark"; readonly from: number; readonly to: number; readonly name: MarkName; readonly on: boolean };

/** What a path in a document leads to: the name of a text. */
export type TextPath = A.Prop[];

/**
 * The edits that carry `step`, taken on `before` and leading to `after`, into the
 * stored text. They are in an order in which each may be applied as it stands.
 */
export function editsOf(step: Step, before: Node, after: Node): Edit[] {
  const edits: Edit[] = [];
  step.getMap().forEach((oldStart, oldEnd, newStart, newEnd) => {
    const edit = replacement(
      toIndex(before, oldStart),
      elementsBetween(before, oldStart, oldEnd),
      elementsBetween(after, newStart, newEnd),
    );
    if (edit) edits.push(edit);
  });
  // Last place first: then the indices of the others still hold.
  return edits.length > 0 ? edits.reverse() : markEdits(before, after);
}

/**
 * What a step changed that moved no text: marks only. Read from both documents, since
 * the library has several kinds of steps for it, one of which it does not export.
 */
function markEdits(before: Node, after: Node): Edit[] {
  const start = before.content.findDiffStart(after.content);
  const end = before.content.findDiffEnd(after.content);
  if (start === null || end === null) return [];
  const old = elementsBetween(before, start, end.a);
  const fresh = elementsBetween(after, start, end.b);
  return MARK_NAMES.flatMap((name) => markRuns(toIndex(before, start), old, fresh, name));
}

function markRuns(at: number, old: readonly Element[], fresh: readonly Element[], name: MarkName): Edit[] {
  const edits: Edit[] = [];
  let index = at;
  let run: { from: number; on: boolean } | null = null;
  const close = () => {
    if (run) edits.push({ kind: "mark", from: run.from, to: index, name, on: run.on });
    run = null;
  };
  for (const [place, element] of fresh.entries()) {
    const on = carries(element, name);
    const changed = element.text !== null && on !== carries(old[place], name);
    if (run && (!changed || run.on !== on)) close();
    if (changed) run ??= { from: index, on };
    index += width(element);
  }
  close();
  return edits;
}

function carries(element: Element | undefined, name: MarkName): boolean {
  return element?.marks.split(" ").includes(name) ?? false;
}

/** The least replacement that turns `old` into `fresh` at `start`, or `null` when they are equal. */
function replacement(start: number, old: readonly Element[], fresh: readonly Element[]): Edit | null {
  let head = 0;
  while (head < old.length && head < fresh.length && same(old[head], fresh[head])) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < fresh.length - head &&
    same(old[old.length - 1 - tail], fresh[fresh.length - 1 - tail])
  ) {
    tail += 1;
  }
  const deleted = sum(old.slice(head, old.length - tail));
  const inserted = fresh.slice(head, fresh.length - tail);
  if (deleted === 0 && inserted.length === 0) return null;
  const at = start + sum(old.slice(0, head));
  // The marker that opens the text stays (F2): the next one, its equal, goes instead.
  const keepsFirst = at === 0 && deleted > 0 && inserted[0]?.text !== null;
  return { kind: "replace", at: keepsFirst ? 1 : at, deleted, inserted };
}

function same(a: Element | undefined, b: Element | undefined): boolean {
  return a !== undefined && b !== undefined && sameElement(a, b);
}

function sum(row: readonly Element[]): number {
  return row.reduce((total, element) => total + width(element), 0);
}

/** Writes edits into a text, inside a change. */
export function applyEdits(doc: A.Doc<unknown>, path: TextPath, edits: readonly Edit[]): void {
  for (const edit of edits) {
    if (edit.kind === "mark") setMark(doc, path, edit.from, edit.to, edit.name, edit.on);
    else applyReplacement(doc, path, edit.at, edit.deleted, edit.inserted);
  }
}

/** Puts the marker that every text opens with (F2), where one is missing. */
export function insertLeadingMarker(doc: A.Doc<unknown>, path: TextPath): void {
  A.splitBlock(doc, path, 0, newBlock());
}

function applyReplacement(
  doc: A.Doc<unknown>,
  path: TextPath,
  at: number,
  deleted: number,
  inserted: readonly Element[],
): void {
  if (deleted > 0) A.splice(doc, path, at, deleted);
  let index = at;
  let text = "";
  const flush = () => {
    if (text === "") return;
    A.splice(doc, path, index, 0, text); // One splice, so that no one's letters come between.
    index += text.length;
    text = "";
  };
  for (const element of inserted) {
    if (element.text !== null) {
      text += element.text;
      continue;
    }
    flush();
    A.splitBlock(doc, path, index, newBlock());
    index += 1;
  }
  flush();
  correctMarks(doc, path, at, inserted);
}

/**
 * Gives inserted text the marks it wants. What it took over from its surroundings is
 * read from `marks`, which agrees with `spans`; `marksAt` does not where marks expand.
 */
function correctMarks(doc: A.Doc<unknown>, path: TextPath, at: number, inserted: readonly Element[]): void {
  if (inserted.every((element) => element.text === null)) return;
  const stored = A.marks(doc, path);
  for (const name of MARK_NAMES) {
    const ranges = stored.filter((mark) => mark.name === name && mark.value === true);
    let run: { start: number; on: boolean } | null = null;
    let index = at;
    const close = () => {
      if (run) setMark(doc, path, run.start, index, name, run.on);
      run = null;
    };
    for (const element of inserted) {
      const wanted = carries(element, name);
      const has = ranges.some((mark) => mark.start <= index && index < mark.end);
      const wrong = element.text !== null && wanted !== has;
      if (run && (!wrong || run.on !== wanted)) close();
      if (wrong) run ??= { start: index, on: wanted };
      index += width(element);
    }
    close();
  }
}

function setMark(
  doc: A.Doc<unknown>,
  path: TextPath,
  start: number,
  end: number,
  name: MarkName,
  on: boolean,
): void {
  if (end <= start) return;
  if (on) A.mark(doc, path, { start, end, expand: "both" }, name, true);
  else A.unmark(doc, path, { start, end, expand: "none" }, name);
}

function newBlock() {
  return { type: new A.ImmutableString("paragraph"), parents: [], attrs: {}, isEmbed: false };
}
