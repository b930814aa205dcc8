// One text under edit: keeps what is shown and what is stored equal, in both
// directions. It knows no DOM; the view is told through `show`.

import * as A from "@automerge/automerge/slim";
import type { Node } from "prosemirror-model";
import { EditorState, type Plugin, type Transaction } from "prosemirror-state";
import { Mapping } from "prosemirror-transform";
import { documentOf, opensWithMarker, stepBetween } from "./from-automerge.ts";
import { findPlaces, notePlaces, type Places } from "./places.ts";
import { applyEdits, type Edit, editsOf, insertLeadingMarker, type TextPath } from "./to-automerge.ts";

/** The part of a document handle that an editor needs. */
export interface TextHandle {
  doc(): A.Doc<unknown>;
  change(edit: (doc: A.Doc<unknown>) => void): void;
}

/** Set on transactions that show what is stored already. */
const STORED = "smallwin-stored";

/**
 * In a longer text, reading all of it after each key costs more than a frame;
 * it is then compared once the writer pauses.
 */
const COMPARED_AT_ONCE_MAX = 20_000;
const PAUSE_MS = 400;

export class TextSession {
  state: EditorState;
  /** How often the screen had to be put right after an own edit; a sign of a fault in the mapping. */
  repairs = 0;
  /** Asked before stored changes are shown: during an input-method composition they must wait. */
  composing: () => boolean = () => false;
  private stored: Node;
  private heads: string;
  private places: Places | null;
  private writing = false;
  private pause: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly handle: TextHandle,
    private readonly path: TextPath,
    plugins: readonly Plugin[],
    private readonly show: (state: EditorState) => void = () => {},
  ) {
    const doc = handle.doc();
    this.heads = A.getHeads(doc).join();
    this.stored = documentOf(A.spans(doc, path));
    this.state = EditorState.create({ doc: this.stored, plugins: [...plugins] });
    this.places = this.notePlaces();
  }

  /** Takes a transaction of the view: into the text, then onto the screen. */
  dispatch(transaction: Transaction): void {
    const { state, transactions } = this.state.applyTransaction(transaction);
    const own = transactions.filter((each) => each.docChanged && each.getMeta(STORED) === undefined);
    if (own.length > 0) this.store(own);
    this.state = state;
    this.show(state);
    if (own.length > 0) this.compare();
    this.places = this.notePlaces();
  }

  /**
   * Shows what is stored now; call it whenever the document has changed. Returns whether
   * that changed what is shown.
   */
  receive(): boolean {
    if (this.writing) return false;
    const doc = this.handle.doc();
    const heads = A.getHeads(doc).join();
    if (heads !== this.heads) {
      this.heads = heads;
      this.stored = documentOf(A.spans(doc, this.path));
    }
    return this.showStored();
  }

  destroy(): void {
    clearTimeout(this.pause);
  }

  /** Writes own transactions; on screen and in store the text may differ while a composition runs. */
  private store(transactions: readonly Transaction[]): void {
    const before = this.handle.doc();
    if (A.getHeads(before).join() !== this.heads) this.stored = documentOf(A.spans(before, this.path));
    const edits = transactions.flatMap((each) => this.editsOfOwn(each));
    if (edits.length === 0) return;
    const spans = A.spans(before, this.path);
    this.writing = true;
    try {
      this.handle.change((doc) => {
        if (!opensWithMarker(spans)) insertLeadingMarker(doc, this.path);
        applyEdits(doc, this.path, edits);
      });
    } finally {
      this.writing = false;
      this.heads = A.getHeads(this.handle.doc()).join();
    }
  }

  private editsOfOwn(transaction: Transaction): Edit[] {
    return transaction.steps.flatMap((step, number) => {
      const shown = transaction.docs[number] ?? this.stored;
      const ahead = stepBetween(shown, this.stored);
      const mapped = ahead ? step.map(new Mapping([ahead.getMap()])) : step;
      const after = mapped?.apply(this.stored).doc;
      if (!mapped || !after) return [];
      const edits = editsOf(mapped, this.stored, after);
      this.stored = after;
      return edits;
    });
  }

  /** Holds the belief about what is stored against what is. */
  private compare(): void {
    clearTimeout(this.pause);
    if (this.stored.content.size > COMPARED_AT_ONCE_MAX) {
      this.pause = setTimeout(() => this.compareNow(), PAUSE_MS);
    } else {
      this.compareNow();
    }
  }

  private compareNow(): void {
    const truth = documentOf(A.spans(this.handle.doc(), this.path));
    if (!truth.eq(this.stored)) {
      this.repairs += 1;
      this.stored = truth;
    }
    this.showStored();
  }

  private showStored(): boolean {
    if (this.composing()) return false;
    const step = stepBetween(this.state.doc, this.stored);
    if (!step) return false;
    const { storedMarks } = this.state;
    const transaction = this.state.tr.step(step).setMeta("addToHistory", false).setMeta(STORED, true);
    const doc = this.handle.doc();
    const selection = this.places && findPlaces(doc, this.path, this.text(doc), transaction.doc, this.places);
    if (selection) transaction.setSelection(selection);
    this.dispatch(transaction.setStoredMarks(storedMarks));
    return true;
  }

  private notePlaces(): Places | null {
    const doc = this.handle.doc();
    // While the two differ, places on screen have no index in the text.
    if (this.state.doc !== this.stored && !this.state.doc.eq(this.stored)) return this.places;
    return notePlaces(doc, this.path, this.state.doc, this.state.selection);
  }

  private text(doc: A.Doc<unknown>): string {
    let value: unknown = doc;
    for (const step of this.path) value = (value as Record<A.Prop, unknown>)[step];
    return typeof value === "string" ? value : "";
  }
}
