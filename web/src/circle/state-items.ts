// What a state is made of.

import type { DocumentRef } from "./document.ts";
import type { ChangeHash, CircleId, DeviceKey, DocumentId, ManifestHash, PersonId, RecordId, Signature } from "./ids.ts";
import type { Json } from "./jcs.ts";
import type { Stance } from "./later-body.ts";
import { isAtLeast, type Role } from "./role.ts";

/** A person in the circle. */
export interface Member {
  readonly person: PersonId;
  /** None while their join is contested. */
  readonly role: Role | undefined;
  /** Their devices: the one they entered with first, if it is still theirs, then ascending. */
  readonly devices: readonly DeviceKey[];
  /** Whether their join is contested, so that it gives them no role. */
  readonly contested: boolean;
  /** Whether their join waits for somebody who compares the spoken words. */
  readonly unconfirmed: boolean;
  /** Whether a second person vouched for them, or there was nobody who could (rule R3). */
  readonly vouched: boolean;
  /** The record that removed them, or by which they left. */
  readonly removed: RecordId | undefined;
}

/** Whether the person has a vote: of the inner circle or up, vouched for, with a device left. */
export function hasVote({ devices, role, vouched }: Member): boolean {
  return vouched && role !== undefined && isAtLeast(role, "inner") && devices.length > 0;
}

/** A valid invite. */
export interface InviteState {
  readonly record: RecordId;
  readonly author: DeviceKey;
  readonly invite: DeviceKey;
  readonly role: Role;
  /** Until when a member device may accept a join. */
  readonly expires: string;
  /** The valid joins; those of several people are contested. */
  readonly usedBy: readonly RecordId[];
  /** Whether it is an offer: a join gives no role until somebody confirms it. */
  readonly confirm: boolean;
}

/** A valid share. */
export interface ShareState {
  readonly record: RecordId;
  readonly author: DeviceKey;
  readonly source: DocumentRef;
  readonly heads: readonly ChangeHash[];
  readonly target: DocumentRef;
  readonly claimed: string;
}

/** A valid snapshot with its valid co-signatures. */
export interface SnapshotState {
  readonly record: RecordId;
  readonly author: DeviceKey;
  readonly manifest: ManifestHash;
  readonly signature: Signature;
  readonly prev: RecordId | undefined;
  readonly claimed: string;
  readonly cosigns: readonly Answer[];
  /** Who says that they read it. */
  readonly acknowledged: readonly Answer[];
  /** The record that takes it back. */
  readonly withdrawn: RecordId | undefined;
}

/** A record that answers another one, and its author. */
export interface Answer {
  readonly record: RecordId;
  readonly device: DeviceKey;
}

/** A valid statement; the model judges what it means. */
export interface StatementState {
  readonly record: RecordId;
  readonly author: DeviceKey;
  readonly about: string;
  readonly value: Json;
  readonly claimed: string;
}

/** A document that exists. */
export interface KnownDocument {
  readonly id: DocumentId;
  readonly document: DocumentRef;
}

/** What every record in the state carries. */
interface Said {
  readonly record: RecordId;
  readonly author: DeviceKey;
  readonly claimed: string;
}

/** A valid decision. */
export interface DecisionState extends Said {
  readonly about: string;
  readonly outcome: string;
  readonly reason: string | undefined;
}

/** A valid commitment; the model judges whether it is the person's newest. */
export interface CommitState extends Said {
  readonly round: RecordId;
  readonly stance: Stance;
  readonly reason: string | undefined;
}

/** A valid retirement of a document. */
export interface RetireState extends Said {
  readonly document: DocumentRef;
  readonly successor: DocumentRef | undefined;
  readonly reason: string | undefined;
  /** The devices that say that they erased it. */
  readonly erased: readonly Answer[];
}

/** What the circle continues. */
export interface ForkState {
  readonly record: RecordId;
  readonly parent: CircleId;
  readonly heads: readonly RecordId[];
}

/** How many of whom must agree to something that needs a quorum. */
export interface Quorum {
  /** The people who have a vote about it, in the order in which they entered. */
  readonly voters: readonly PersonId[];
  /** How many of them it takes, the one who makes the statement included. */
  readonly needed: number;
}
