import { Schema, type Mark, type Node } from "prosemirror-model";

/** The names under which marks are stored in a text; also their names on screen. */
export const MARK_NAMES = ["strong", "em"] as const;
export type MarkName = (typeof MARK_NAMES)[number];

/** What an editor shows: a flat row of paragraphs, so that every place in it is one place in the stored text. */
export const schema = new Schema({
  nodes: {
    doc: { content: "paragraph+" },
    paragraph: {
      content: "text*",
      marks: "_",
      parseDOM: [
        { tag: "p" },
        // What is pasted from elsewhere keeps its words, not its layout.
        ...["h1", "h2", "h3", "h4", "h5", "h6", "li", "blockquote", "pre", "td"].map((tag) => ({ tag })),
      ],
      toDOM: () => ["p", 0],
    },
    text: {},
  },
  marks: {
    strong: {
      parseDOM: [
        { tag: "strong" },
        { tag: "b", getAttrs: (element) => element.style.fontWeight !== "normal" && null },
        { style: "font-weight", getAttrs: (value) => /^(bold|bolder|[6-9]\d\d)$/.test(value) && null },
      ],
      toDOM: () => ["strong", 0],
    },
    em: {
      parseDOM: [{ tag: "em" }, { tag: "i" }, { style: "font-style=italic" }],
      toDOM: () => ["em", 0],
    },
  },
});

/** The marks of a piece of text as names, in a fixed order. */
export function markNames(marks: readonly Mark[]): MarkName[] {
  return MARK_NAMES.filter((name) => marks.some((mark) => mark.type.name === name));
}

/** One paragraph with the given inline content. */
export function paragraph(content: readonly Node[]): Node {
  return schema.node("paragraph", null, content);
}
