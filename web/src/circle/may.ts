// Whether a device may read or write a document.

import { type DocumentRef, personOf } from "./document.ts";
import type { DeviceKey, PersonId } from "./ids.ts";
import { isAtLeast, type Role } from "./role.ts";
import type { State } from "./state.ts";

export type Action = "read" | "write";

/** Why a device may not. */
export type Refusal =
  /** The device belongs to nobody with a role in the circle. */
  | "not-member"
  /** The person's role does not write such documents, or it is another person's. */
  | "not-writer"
  /** The document is another person's and not shared. */
  | "not-reader"
  /** The draft was shared and is closed since. */
  | "shared"
  /** The circle has no such document. */
  | "unknown-document";

/** Answers from the state alone: `undefined` when the device may, otherwise the reason it may not. */
export function may(state: State, device: DeviceKey, action: Action, document: DocumentRef): Refusal | undefined {
  const person = state.personOf(device);
  const role = person === undefined ? undefined : state.roleOf(person);
  if (person === undefined || role === undefined) return "not-member";
  if (!state.hasDocument(document)) return "unknown-document";
  return action === "read" ? mayRead(state, person, document) : mayWrite(state, person, role, document);
}

/** The stable code of a refusal, as in `smallwin/refused` frames. */
export function refusalCode(refusal: Refusal): string {
  return refusal === "not-member" ? "not-writer" : refusal;
}

function mayRead(state: State, person: PersonId, document: DocumentRef): Refusal | undefined {
  const isOwn = personOf(document) === person;
  if (document.kind === "draft") return isOwn ? undefined : "not-reader";
  // Rule V1: until it is shared, a voice goes nowhere but to its own person's devices.
  if (document.kind === "voice") return isOwn || state.isShared(document) ? undefined : "not-reader";
  return undefined;
}

function mayWrite(state: State, person: PersonId, role: Role, document: DocumentRef): Refusal | undefined {
  const isOwn = personOf(document) === person;
  switch (document.kind) {
    case "case":
    case "step":
      return isAtLeast(role, "inner") ? undefined : "not-writer";
    case "checkin":
    case "report":
      return undefined;
    case "draft":
      if (!isOwn) return "not-writer";
      return state.isShared(document) ? "shared" : undefined;
    case "voice":
      return isOwn && state.isShared(document) ? undefined : "not-writer";
  }
}
