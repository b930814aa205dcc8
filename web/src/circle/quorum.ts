// Who may remove whom, and when enough people agree (rules R1 to R3).

import type { DeviceKey, PersonId, RecordId } from "./ids.ts";
import type { Judgement } from "./ledger.ts";
import type { Payload } from "./payload.ts";
import { isAtLeast, type Role } from "./role.ts";
import type { View } from "./view.ts";

/** What a vote is about. */
export interface Question {
  readonly person: PersonId;
  readonly role: Role | undefined;
  readonly device: DeviceKey | undefined;
  readonly to: DeviceKey;
}

/**
 * Whether the author and those who approved are more than half, and at least two, of the people other than the
 * target who have a vote in the statement's own past.
 */
export function isReached({ author, body }: Payload, past: View): boolean {
  if (body.kind !== "promote" && body.kind !== "revoke") return false;
  const about = body.kind === "promote" ? { role: "facilitator" as const, device: undefined } : body;
  const question = { person: body.person, role: about.role, device: about.device, to: author };
  const voters = past.voters();
  voters.delete(body.person);
  const own = past.personOf(author);
  if (own === undefined || !voters.has(own)) return false;
  const agree = new Set([own]);
  for (const id of body.approvals) {
    const person = approver(id, question, past);
    if (person !== undefined && voters.has(person)) agree.add(person);
  }
  return agree.size >= 2 && agree.size * 2 > voters.size;
}

/**
 * The person who approved, when this approval is one for the question and still unspent: what the circle
 * decided about the person since, its giver has not approved.
 */
export function approver(id: RecordId, question: Question, past: View): PersonId | undefined {
  const entry = past.effectiveId(id);
  const body = entry?.record.payload.body;
  if (entry === undefined || body?.kind !== "approve") return undefined;
  const decided = past.ledger.quorums.get(body.person) ?? [];
  const isSpent = decided.some((place) => past.effective(place) !== undefined && !entry.past.has(place));
  const fits =
    body.person === question.person &&
    body.role === question.role &&
    body.device === question.device &&
    body.to === question.to;
  return fits && !isSpent && past.withdrawalOf(id) === undefined ? entry.person : undefined;
}

/** Whether the person entered, also by a contested or unconfirmed join, and was not removed. */
export function takesPart(person: PersonId, past: View): boolean {
  const places = past.ledger.roles.get(person) ?? [];
  return past.removalOf(person) === undefined && places.some((place) => past.effective(place) !== undefined);
}

export function judgeRevoke(payload: Payload, role: Role, past: View): Judgement {
  const { author, body } = payload;
  if (body.kind !== "revoke") throw new Error("only a revoke is judged so");
  const isOwn = past.personOf(author) === body.person;
  const byQuorum = !isOwn && body.approvals.length > 0;
  const needs = isOwn ? "outer" : byQuorum ? "inner" : "facilitator";
  const reason = whyNot(payload, role, past, isOwn, byQuorum);
  return { void: reason, needs, gives: body.role, byQuorum, vouches: false };
}

function whyNot(payload: Payload, role: Role, past: View, isOwn: boolean, byQuorum: boolean): string | undefined {
  const { body } = payload;
  if (body.kind !== "revoke") return "it is of another kind";
  const { branches, device, person } = body;
  const now = past.roleOf(person);
  if (!takesPart(person, past)) return "the person does not take part";
  if (device !== undefined && (past.personOf(device) !== person || past.isRemovedDevice(device))) {
    return "it is not a device of that person";
  }
  if (body.role !== undefined && (now === undefined || isAtLeast(body.role, now))) return "the person has no higher role";
  if (!doBranchesFit(branches, person, device, past)) return "it chooses what is not the end of a branch";
  if (isOwn) return undefined;
  if (byQuorum) return isReached(payload, past) ? undefined : "too few agree";
  if (role !== "facilitator") return "its author is not a facilitator";
  const isFrozen = device !== undefined && past.frozenFrom(device) !== undefined;
  if (now !== "facilitator" || isFrozen) return undefined;
  return "a facilitator is removed by themselves or by a quorum";
}

/**
 * Every branch is the newest record, on its branch, of a device that is removed and made two records under one
 * number; one branch for each such device.
 */
function doBranchesFit(
  branches: readonly RecordId[],
  person: PersonId,
  device: DeviceKey | undefined,
  past: View,
): boolean {
  const seen = new Set<DeviceKey>();
  return branches.every((id) => {
    const { ledger } = past;
    const place = ledger.places.get(id);
    const entry = place === undefined ? undefined : ledger.entries[place];
    if (place === undefined || entry === undefined) return false;
    const { author, seq } = entry.record.payload;
    const isTheirs = (device === undefined || device === author) && past.personOf(author) === person;
    const next = ledger.chains.get(author)?.get(seq + 1) ?? [];
    const isEnd = !next.some((at) => past.has(at) && ledger.entries[at]?.record.payload.prev === id);
    const fits = past.has(place) && isTheirs && isEnd && past.frozenFrom(author) !== undefined && !seen.has(author);
    seen.add(author);
    return fits;
  });
}
