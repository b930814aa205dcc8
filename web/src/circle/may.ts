// Whether a device may read or write a document.

import { documentId, type DocumentRef, personOf, zoneOf } from "./document.ts";
import type { DeviceKey, PersonId } from "./ids.ts";
import { leastToWrite } from "./rights.ts";
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
  | "unknown-document"
  /** The document was taken away. */
  | "retired";

/** Answers from the state alone: `undefined` when the device may, otherwise the reason it may not. */
export function may(state: State, device: DeviceKey, action: Action, document: DocumentRef): Refusal | undefined {
  const person = state.personOf(device);
  const role = person === undefined ? undefined : state.roleOf(person);
  const isMember = person !== undefined && role !== undefined;
  if (!isMember && state.relayZones(device).length === 0) return "not-member";
  if (!state.hasDocument(document)) return "unknown-document";
  if (state.isRetired(documentId(state.circle, document))) return "retired";
  if (!isMember) return action === "read" ? mayCarry(state, device, document) : "not-writer";
  return action === "read" ? mayRead(state, person, document) : mayWrite(state, person, role, document);
}

/** The stable code of a refusal, as in `smallwin/refused` frames. */
export function refusalCode(refusal: Refusal): string {
  return refusal === "not-member" ? "not-writer" : refusal;
}

/**
 * A relay carries the zones it was given: never what facilitators keep to themselves, and of what is one
 * person's own only what was shared, as long as nothing is encrypted.
 */
function mayCarry(state: State, relay: DeviceKey, document: DocumentRef): Refusal | undefined {
  const zone = zoneOf(document.kind);
  const isOpen = zone === "own" ? document.kind === "voice" && state.isShared(document) : zone !== "guide";
  return isOpen && state.relayZones(relay).includes(zone) ? undefined : "not-reader";
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
    case "checkin":
    case "report":
      return isAtLeast(role, leastToWrite(document)) ? undefined : "not-writer";
    case "draft":
      if (!isOwn) return "not-writer";
      return state.isShared(document) ? "shared" : undefined;
    case "voice":
      return isOwn && state.isShared(document) ? undefined : "not-writer";
  }
}
