// What keys do in a text.

import { baseKeymap, chainCommands, splitBlock, toggleMark } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import type { MarkType } from "prosemirror-model";
import type { EditorState, Plugin } from "prosemirror-state";
import { type MarkName, schema } from "./schema.ts";

/** Tab is left to the page, so that the keyboard never gets stuck in a text. */
export function keys(): Plugin[] {
  return [
    keymap({
      "Mod-b": toggleMark(markType("strong")),
      "Mod-i": toggleMark(markType("em")),
      "Mod-z": undo,
      "Mod-y": redo,
      "Shift-Mod-z": redo,
      // One kind of line: a soft line break would look like a paragraph and not be one.
      "Shift-Enter": chainCommands(splitBlock),
    }),
    keymap(baseKeymap),
  ];
}

export function markType(name: MarkName): MarkType {
  const type = schema.marks[name];
  if (!type) throw new Error(`the schema has no mark ${name}`);
  return type;
}

/** Whether a mark is on for what would be typed now, or in the selection. */
export function isMarkOn(state: EditorState, name: MarkName): boolean {
  const { from, to, empty, $from } = state.selection;
  const type = markType(name);
  if (empty) return type.isInSet(state.storedMarks ?? $from.marks()) !== undefined;
  return state.doc.rangeHasMark(from, to, type);
}
