// The text on screen: a ProseMirror view over a session.

import { history } from "prosemirror-history";
import { Fragment, type ResolvedPos, Slice } from "prosemirror-model";
import type { EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { keys } from "./keys.ts";
import { paragraph, schema } from "./schema.ts";
import { type TextHandle, TextSession } from "./session.ts";

export interface TextViewOptions {
  readonly place: HTMLElement;
  readonly handle: TextHandle;
  /** The name of the text in its document. */
  readonly text: string;
  readonly isEditable: () => boolean;
  /** Attributes of the element that takes the keyboard: its label, and what tests find it by. */
  readonly attributes: Record<string, string>;
  readonly changed: (state: EditorState) => void;
  /** One line only, as in a title: Enter does nothing. */
  readonly singleLine?: boolean;
}

export class TextView {
  readonly session: TextSession;
  readonly view: EditorView;

  constructor(options: TextViewOptions) {
    const { place, handle, text, singleLine } = options;
    this.session = new TextSession(handle, [text], [history(), ...keys()], (state) => {
      this.view.updateState(state);
      options.changed(state);
    });
    this.view = new EditorView(
      { mount: place },
      {
        state: this.session.state,
        editable: options.isEditable,
        attributes: options.attributes,
        dispatchTransaction: (transaction) => this.session.dispatch(transaction),
        clipboardTextParser: (pasted, context) => sliceOfText(pasted, context, singleLine ?? false),
        transformPasted: (slice) => (singleLine ? inOneLine(slice) : slice),
        handleKeyDown: (_view, event) => (singleLine ?? false) && event.key === "Enter",
        handleDOMEvents: {
          // What others wrote meanwhile is shown once the word is finished.
          compositionend: () => {
            setTimeout(() => this.session.receive());
            return false;
          },
        },
      },
    );
    this.session.composing = () => this.view.composing;
  }

  /** Asks again whether the text may be changed. */
  refresh(): void {
    this.view.setProps({});
  }

  destroy(): void {
    this.session.destroy();
    this.view.destroy();
  }
}

/** Pasted plain text: a paragraph for each line, with the marks of the place it goes to. */
function sliceOfText(pasted: string, context: ResolvedPos, singleLine: boolean): Slice {
  const clean = pasted.replace(/[^\n\r\t\P{Cc}]|\ufffc/gu, "");
  const lines = singleLine ? [clean.replace(/\s+/g, " ")] : clean.split(/(?:\r\n?|\n)+/);
  const paragraphs = lines.map((line) => paragraph(line === "" ? [] : [schema.text(line, context.marks())]));
  return Slice.maxOpen(Fragment.fromArray(paragraphs));
}

function inOneLine(slice: Slice): Slice {
  const text = slice.content.textBetween(0, slice.content.size, " ");
  return text === "" ? Slice.empty : new Slice(Fragment.from(schema.text(text)), 0, 0);
}
