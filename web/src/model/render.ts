// The canonical rendering: the text that snapshots name by its hash. The twin of the crate smallwin-model.

import type { Doc } from "@automerge/automerge/slim";
import type { DocumentKind } from "./first-changes.ts";
import { readText, type RichText, type Span } from "./rich-text.ts";
import { TEXT_NAMES } from "./schema.ts";

/**
 * Renders a document as Markdown, the same bytes on every device with the same changes.
 * For an earlier state give `view(doc, heads)`.
 */
export function render(doc: Doc<unknown>, kind: DocumentKind): string {
  return TEXT_NAMES[kind].map((name) => `## ${name}\n\n${renderText(readText(doc, name))}\n`).join("\n");
}

/**
 * Renders one text: blocks one blank line apart, `**strong**`, `*em*`, `***both***`.
 * Control characters, block markers and white space at line ends are left out.
 */
export function renderText(text: RichText): string {
  const blocks = text.map((block) => block.spans.map(renderSpan).join(""));
  const lines = blocks.join("\n\n").split("\n").map(trimEnd);
  return trimEnd(lines.join("\n"));
}

function renderSpan({ text, strong, em }: Span): string {
  const shown = text.replace(NOT_SHOWN, "");
  const mark = shown === "" ? "" : `${strong ? "**" : ""}${em ? "*" : ""}`;
  return mark + shown + mark;
}

/** U+FFFC stands for an embedded object; of the control characters only the line feed means anything. */
const NOT_SHOWN = /[^\n\P{Cc}]|\ufffc/gu;

/** White space by its Unicode property, as in Rust; JavaScript's own idea of it differs. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && WHITE_SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const WHITE_SPACE = /^\p{White_Space}$/u;
