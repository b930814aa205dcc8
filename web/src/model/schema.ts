// Which texts each kind of document has. The same as `text_names` of the crate smallwin-model.

import type { DocumentKind } from "./first-changes.ts";

/** The questions of the check-in, each the name of the text that holds its answer. */
export const QUESTION_IDS = ["q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8"] as const;

export type QuestionId = (typeof QUESTION_IDS)[number];

/** Names of a document's texts, in the order in which they are shown and rendered. */
export const TEXT_NAMES = {
  case: ["title", "body", "practice"],
  checkin: QUESTION_IDS,
  draft: QUESTION_IDS,
  voice: QUESTION_IDS,
  step: ["weUsedTo", "nowWePractise", "recognisable", "effect"],
} as const satisfies Record<DocumentKind, readonly string[]>;

/** Whether this version can read documents of a kind; others it knows by name only. */
export function isDocumentKind(kind: string): kind is DocumentKind {
  return Object.hasOwn(TEXT_NAMES, kind);
}
