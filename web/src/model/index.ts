// What a Small Win is: its documents, their first changes and their rendering.

export { type DocumentKind, FIRST_CHANGES, firstChange } from "./first-changes.ts";
export { render, renderText } from "./render.ts";
export { type Block, readText, type RichText, richTextOf, type Span } from "./rich-text.ts";
export { isDocumentKind, QUESTION_IDS, type QuestionId, TEXT_NAMES } from "./schema.ts";
