// A selection that stays at its letters while the text around it changes.

import * as A from "@automerge/automerge/slim";
import type { Node } from "prosemirror-model";
import { type Selection, TextSelection } from "prosemirror-state";
import { toIndex, toPosition } from "./flat.ts";
import type { TextPath } from "./to-automerge.ts";

/**
 * Both ends of a selection, each held by the element before it: what others type
 * at the same spot then comes after the caret, as two people at one table expect.
 */
export interface Places {
  readonly anchor: A.Cursor;
  readonly head: A.Cursor;
}

/** Notes where a text selection is; `shown` must be what `doc` stores. Other selections give `null`. */
export function notePlaces(doc: A.Doc<unknown>, path: TextPath, shown: Node, selection: Selection): Places | null {
  if (!(selection instanceof TextSelection)) return null;
  const cursor = (position: number) => A.getCursor(doc, path, toIndex(shown, position) - 1, "before");
  try {
    return { anchor: cursor(selection.anchor), head: cursor(selection.head) };
  } catch {
    return null; // The text has no element before the place: the mapping of the step is good enough.
  }
}

/** The selection at these places in what is stored now, as shown by `shown`. */
export function findPlaces(
  doc: A.Doc<unknown>,
  path: TextPath,
  text: string,
  shown: Node,
  places: Places,
): Selection | null {
  const position = (cursor: A.Cursor) => {
    const before = A.getCursorPosition(doc, path, cursor);
    return toPosition(shown, before + ((text.codePointAt(before) ?? 0) > 0xffff ? 2 : 1));
  };
  try {
    return TextSelection.create(shown, position(places.anchor), position(places.head));
  } catch {
    return null;
  }
}
