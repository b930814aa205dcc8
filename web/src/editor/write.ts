// Writes a whole text at once, into a text that is still empty.

import type * as A from "@automerge/automerge/slim";
import type { Node } from "prosemirror-model";
import { ReplaceStep } from "prosemirror-transform";
import { documentOf } from "./from-automerge.ts";
import { paragraph, schema } from "./schema.ts";
import { applyEdits, editsOf, type TextPath } from "./to-automerge.ts";

/** Writes plain text, a paragraph for each line, or a document of an editor. */
export function writeText(doc: A.Doc<unknown>, path: TextPath, text: string | Node): void {
  const wanted = typeof text === "string" ? documentOfLines(text) : text;
  const empty = documentOf([]);
  const step = new ReplaceStep(0, empty.content.size, wanted.slice(0, wanted.content.size));
  applyEdits(doc, path, editsOf(step, empty, wanted));
}

function documentOfLines(text: string): Node {
  const lines = text.trim().split(/(?:\r\n?|\n)+/);
  return schema.node(
    "doc",
    null,
    lines.map((line) => paragraph(line === "" ? [] : [schema.text(line)])),
  );
}
