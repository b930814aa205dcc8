// What went wrong, in a stable code and a sentence.

export type CircleErrorCode =
  | "too-large"
  | "malformed"
  | "signature"
  | "wrong-key"
  | "not-acceptable"
  | "not-genesis"
  | "wrong-circle"
  | "not-accepted"
  | "stranger"
  | "misplaced"
  | "full"
  | "text-hash"
  | "records"
  | "no-snapshot"
  | "differs"
  | "signer"
  | "document"
  | "link";

/** Every refusal of this folder. Nothing was changed when it is thrown (rule B1). */
export class CircleError extends Error {
  override readonly name = "CircleError";

  constructor(
    readonly code: CircleErrorCode,
    message: string,
  ) {
    super(message);
  }
}
