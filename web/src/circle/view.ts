// The facts of the ledger as they stand in some set of records that is closed under the past.

import { compareIds } from "./bytes.ts";
import type { Cuts } from "./cuts.ts";
import { type Zone, ZONES } from "./document.ts";
import type { DeviceKey, PersonId, RecordId } from "./ids.ts";
import { compareRanks, type Ledger, type LedgerEntry } from "./ledger.ts";
import type { Past } from "./past.ts";
import { isAtLeast, lowest, type Role } from "./role.ts";

/** The ledger seen from a record's past, or as a whole. Every answer depends on the set only. */
export class View {
  private readonly cuts: Cuts;

  /** `cuts` are those of the whole ledger. */
  constructor(
    readonly ledger: Ledger,
    cuts: Cuts,
    private readonly scope?: Past,
  ) {
    this.cuts = scope === undefined ? cuts : cuts.within(ledger, scope);
  }

  has(place: number): boolean {
    return this.scope === undefined || this.scope.has(place);
  }

  /** Whether a removal took the record at this place away (rules R4 and R5). */
  isCut(place: number | undefined): boolean {
    return place !== undefined && this.cuts.has(place);
  }

  /**
   * The first number under which the author made several records: from there on they count for nothing,
   * because no two devices could agree on which of them came first (rule R6).
   */
  frozenFrom(author: DeviceKey): number | undefined {
    return this.ledger.forkedFrom(author, this.scope);
  }

  /** The record at this place, when it is in view, was valid in its past, is not cut and not frozen. */
  effective(place: number | undefined): LedgerEntry | undefined {
    const entry = place !== undefined && this.has(place) ? this.ledger.entries[place] : undefined;
    if (place === undefined || entry === undefined) return undefined;
    if (entry.judgement.void !== undefined || this.isCut(place) || this.isFrozen(place, entry)) return undefined;
    return entry;
  }

  effectiveId(id: RecordId): LedgerEntry | undefined {
    return this.effective(this.ledger.places.get(id));
  }

  /** The first effective join of an invite, or the first by somebody else than `author`. */
  firstJoin(invite: RecordId, author?: DeviceKey): LedgerEntry | undefined {
    return this.joins(invite).find((entry) => entry.record.payload.author !== author);
  }

  /** The effective joins of an invite: those of one person make a member, those of several are contested. */
  joins(invite: RecordId): LedgerEntry[] {
    return this.effectiveAt(this.ledger.joins.get(invite));
  }

  /** Whether the record is a join whose invite somebody else used too. */
  isContested({ record: { payload } }: LedgerEntry): boolean {
    return payload.body.kind === "join" && this.firstJoin(payload.body.invite, payload.author) !== undefined;
  }

  /** Whether one of the joins by which this person entered is contested. */
  isContestedPerson(person: PersonId): boolean {
    return this.effectiveAt(this.ledger.roles.get(person)).some((entry) => this.isContested(entry));
  }

  /** The record that takes an invite, offer, snapshot or approval back: the first in the common order. */
  withdrawalOf(record: RecordId): LedgerEntry | undefined {
    return first(this.effectiveAt(this.ledger.withdrawals.get(record)));
  }

  /** The role that the invite or offer of this join names. */
  invitedRole({ record: { payload } }: LedgerEntry): Role | undefined {
    if (payload.body.kind !== "join") return undefined;
    // That the invite was valid was judged with the join and is final.
    const invite = this.ledger.find(payload.body.invite)?.record.payload.body;
    return invite?.kind === "invite" || invite?.kind === "offer" ? invite.role : undefined;
  }

  /** The people who made the invites by which this person entered. */
  inviters(person: PersonId): PersonId[] {
    return this.effectiveAt(this.ledger.roles.get(person))
      .map(({ record: { payload } }) =>
        payload.body.kind === "join" ? this.ledger.find(payload.body.invite)?.person : undefined,
      )
      .filter((inviter) => inviter !== undefined);
  }

  /**
   * Whose device it is: of the records that bind it, those not followed by another; of several, the one
   * with the smallest id. Also of a device that was removed.
   */
  personOf(device: DeviceKey): PersonId | undefined {
    const newest = this.notFollowed(this.ledger.bindings.get(device) ?? [], () => true);
    return newest.sort((a, b) => compareIds(a.rank.id, b.rank.id))[0]?.person;
  }

  /**
   * The role of a person: of the records that give one, those not followed by another; of several, the
   * lowest (rule R7). A contested join and a removed person have none.
   */
  roleOf(person: PersonId): Role | undefined {
    const places = this.ledger.roles.get(person);
    if (places === undefined || this.removalOf(person) !== undefined) return undefined;
    const newest = this.notFollowed(places, (entry) => this.countsForRole(entry));
    return lowest(newest.map((entry) => entry.judgement.gives).filter((role) => role !== undefined));
  }

  /** The role of the person whose device it is; a removed device has none. */
  roleOfDevice(device: DeviceKey): Role | undefined {
    const person = this.personOf(device);
    if (person === undefined || this.deviceRemoval(person, device) !== undefined) return undefined;
    return this.roleOf(person);
  }

  /** The record that removed the person: the first in the common order. */
  removalOf(person: PersonId): LedgerEntry | undefined {
    return first(
      this.effectiveAt(this.ledger.removalsOf.get(person)).filter(({ record: { payload: { body } } }) =>
        body.kind === "leave" || (body.kind === "revoke" && body.device === undefined && body.role === undefined),
      ),
    );
  }

  /** The record that removed this one device of the person. */
  deviceRemoval(person: PersonId, device: DeviceKey): LedgerEntry | undefined {
    return first(
      this.effectiveAt(this.ledger.removalsOf.get(person)).filter(
        ({ record: { payload: { body } } }) => body.kind === "revoke" && body.device === device,
      ),
    );
  }

  /** Whether the device was removed, alone or with its person. */
  isRemovedDevice(device: DeviceKey): boolean {
    const person = this.personOf(device);
    if (person === undefined) return false;
    return this.removalOf(person) !== undefined || this.deviceRemoval(person, device) !== undefined;
  }

  /** Whether a second person vouched for this one, or there was nobody who could (rule R3). */
  isVouched(person: PersonId): boolean {
    return this.effectiveAt(this.ledger.vouchers.get(person)).length > 0;
  }

  /** Whether the person has a vote: of the inner circle or up, vouched for, with a device left. */
  hasVote(person: PersonId): boolean {
    if (!this.isVouched(person)) return false;
    const role = this.roleOf(person);
    return role !== undefined && isAtLeast(role, "inner") && this.hasDevice(person);
  }

  /** Everybody who has a vote. */
  voters(): Set<PersonId> {
    return new Set([...this.ledger.vouchers.keys()].filter((person) => this.hasVote(person)));
  }

  /** Whether nobody, or one person, has a vote. */
  votersAtMostOne(): boolean {
    let count = 0;
    for (const person of this.ledger.vouchers.keys()) {
      if (this.hasVote(person)) count += 1;
      if (count > 1) return false;
    }
    return true;
  }

  /**
   * The zones that a relay may carry: of the records about it, those not followed by another; of several, what
   * all of them name.
   */
  relayZones(relay: DeviceKey): Zone[] {
    const newest = this.notFollowed(this.ledger.relays.get(relay) ?? [], () => true);
    if (newest.length === 0) return [];
    return ZONES.filter((zone) =>
      newest.every(({ record: { payload: { body } } }) => body.kind === "zone" && body.zones.includes(zone)),
    );
  }

  private effectiveAt(places: readonly number[] | undefined): LedgerEntry[] {
    return (places ?? []).map((place) => this.effective(place)).filter((entry) => entry !== undefined);
  }

  /**
   * Whether the record stands on or after its author's equivocation. What decides about people stands: nobody
   * takes back a removal by making another record beside it.
   */
  private isFrozen(place: number, entry: LedgerEntry): boolean {
    const { author, body, seq } = entry.record.payload;
    if (body.kind === "revoke" || body.kind === "leave" || body.kind === "withdraw" || body.kind === "promote") {
      return false;
    }
    return seq >= (this.frozenFrom(author) ?? Infinity) && !this.isOnChosenBranch(place, entry);
  }

  private isOnChosenBranch(place: number, entry: LedgerEntry): boolean {
    if (entry.person === undefined) return false;
    const removals = this.effectiveAt(this.ledger.removalsOf.get(entry.person));
    return removals.some((removal) => this.ledger.chooses(removal, place, entry));
  }

  private countsForRole(entry: LedgerEntry): boolean {
    const { body } = entry.record.payload;
    if (body.kind === "join") return entry.judgement.gives !== undefined && !this.isContested(entry);
    if (body.kind !== "confirm") return true;
    // Two people confirmed by two others who used one invite are as contested as before.
    const join = this.ledger.find(body.join)?.record.payload;
    if (join?.body.kind !== "join") return false;
    return !this.joins(join.body.invite).some(
      ({ record }) => record.payload.author !== join.author && this.isConfirmed(record.id),
    );
  }

  private isConfirmed(join: RecordId): boolean {
    const confirms = this.effectiveAt(this.ledger.confirms.get(join));
    return confirms.some((confirm) => confirm.judgement.gives !== undefined);
  }

  private hasDevice(person: PersonId): boolean {
    const devices = [...(this.ledger.devices.get(person) ?? [])];
    return devices.some(
      (device) => this.personOf(device) === person && this.deviceRemoval(person, device) === undefined,
    );
  }

  /** Of the effective records at these places that count, those that no other of them follows. */
  private notFollowed(places: readonly number[], counts: (entry: LedgerEntry) => boolean): LedgerEntry[] {
    const newest: LedgerEntry[] = [];
    // A record stands after its past, so going backwards the followers come first.
    for (const place of places.toReversed()) {
      if (newest.some((later) => later.past.has(place))) continue;
      const entry = this.effective(place);
      if (entry !== undefined && counts(entry)) newest.push(entry);
    }
    return newest;
  }
}

/** The first in the common order. */
function first(entries: LedgerEntry[]): LedgerEntry | undefined {
  return entries.sort((a, b) => compareRanks(a.rank, b.rank))[0];
}
