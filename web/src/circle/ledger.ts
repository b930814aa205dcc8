// The records that were judged, and where to find the facts about keys, people and invites in them.

import { compareIds } from "./bytes.ts";
import type { CircleId, DeviceKey, PersonId, RecordId } from "./ids.ts";
import { Past } from "./past.ts";
import type { SignedRecord } from "./record.ts";
import type { Role } from "./role.ts";

/**
 * Where a record stands in the order that all devices agree on: how many records are between it and the
 * genesis record at most, then its id.
 */
export interface Rank {
  readonly depth: number;
  readonly id: RecordId;
}

/** A record in the ledger. */
export interface LedgerEntry {
  readonly record: SignedRecord;
  readonly past: Past;
  readonly rank: Rank;
  /** The author's person in the record's own past, or the one who enters with it. */
  readonly person: PersonId | undefined;
  /** The person whose device accepted this join, in the join's own past. */
  readonly accepter: PersonId | undefined;
  /** What it is worth, judged in its own past; final. */
  readonly judgement: Judgement;
}

/** What a record is worth in its own past. */
export interface Judgement {
  /** Why it counts for nothing. */
  readonly void: string | undefined;
  /** The role that its author must have for it to count. */
  readonly needs: Role;
  /** The role it gives to the person it is about. */
  readonly gives: Role | undefined;
  /** Whether a quorum makes it, so that only a quorum can undo its author's right to it (rule R2). */
  readonly byQuorum: boolean;
  /** Whether it helps the person it is about to a vote (rule R3). */
  readonly vouches: boolean;
}

export function compareRanks(a: Rank, b: Rank): number {
  return a.depth - b.depth || compareIds(a.id, b.id);
}

/** Grow-only: a record comes after every record in its past, and its judgement never changes. */
export class Ledger {
  readonly entries: LedgerEntry[] = [];
  readonly places = new Map<RecordId, number>();
  /** The records of each author by number; several under one number are an equivocation. */
  readonly chains = new Map<DeviceKey, Map<number, number[]>>();
  /** The numbers under which an author made several records, ascending. */
  readonly forks = new Map<DeviceKey, number[]>();
  // Where the valid records stand that say something about a key, a person or a record.
  /** `genesis`, `join` and `link` by the device they bind to a person. */
  readonly bindings = new Map<DeviceKey, number[]>();
  /** The devices that were ever bound to a person. */
  readonly devices = new Map<PersonId, Set<DeviceKey>>();
  /** `genesis`, `join`, `grant`, `promote`, some `confirm` and `revoke` by the person they give a role. */
  readonly roles = new Map<PersonId, number[]>();
  /** `join` by the invite they use. */
  readonly joins = new Map<RecordId, number[]>();
  /** `join` by the person whose device accepted them. */
  readonly accepted = new Map<PersonId, number[]>();
  /** `confirm` by the join they name. */
  readonly confirms = new Map<RecordId, number[]>();
  /** What lets a person have a vote: `genesis`, and `join`, `confirm` and `grant` that vouch. */
  readonly vouchers = new Map<PersonId, number[]>();
  /** `revoke`, `leave` and `withdraw`. */
  readonly removals: number[] = [];
  /** `revoke` and `leave` by the person they are about. */
  readonly removalsOf = new Map<PersonId, number[]>();
  /** `withdraw` by what they take back. */
  readonly withdrawals = new Map<RecordId, number[]>();
  /** `promote` and `revoke` of a quorum, by the person they are about. */
  readonly quorums = new Map<PersonId, number[]>();
  /** `zone` by the relay they are about. */
  readonly relays = new Map<DeviceKey, number[]>();
  /** Every valid record by its author's person. */
  readonly byPerson = new Map<PersonId, number[]>();

  constructor(readonly circle: CircleId) {}

  find(id: RecordId): LedgerEntry | undefined {
    const place = this.places.get(id);
    return place === undefined ? undefined : this.entries[place];
  }

  /** The past of a record with these dependencies, and its depth. Unknown ones count for nothing. */
  pastOf(deps: readonly RecordId[]): { past: Past; depth: number } {
    const past = new Past();
    let depth = 0;
    for (const id of deps) {
      const place = this.places.get(id);
      const entry = place === undefined ? undefined : this.entries[place];
      if (place === undefined || entry === undefined) continue;
      past.join(entry.past);
      past.add(place);
      depth = Math.max(depth, entry.rank.depth + 1);
    }
    return { past, depth };
  }

  /** Takes a judged record in, files the facts in it, and returns its place. */
  push(entry: LedgerEntry): number {
    const place = this.entries.length;
    const { author, seq } = entry.record.payload;
    const chain = this.chains.get(author) ?? new Map<number, number[]>();
    this.chains.set(author, chain);
    const rivals = file(chain, seq, place);
    if (rivals === 2) {
      file(this.forks, author, seq);
      this.forks.get(author)?.sort((a, b) => a - b);
    }
    if (entry.judgement.void === undefined) this.fileFacts(place, entry);
    this.places.set(entry.rank.id, place);
    this.entries.push(entry);
    return place;
  }

  private fileFacts(place: number, entry: LedgerEntry): void {
    const { accepter, judgement, person } = entry;
    const { author, body } = entry.record.payload;
    if (person !== undefined) file(this.byPerson, person, place);
    let subject: PersonId | undefined;
    switch (body.kind) {
      case "genesis":
      case "join":
        subject = author;
        this.bind(place, author, author);
        file(this.roles, author, place);
        if (body.kind === "join") file(this.joins, body.invite, place);
        if (accepter !== undefined) file(this.accepted, accepter, place);
        break;
      case "grant":
        subject = body.person;
        file(this.roles, body.person, place);
        break;
      case "promote":
        file(this.roles, body.person, place);
        file(this.quorums, body.person, place);
        break;
      case "link":
        if (person !== undefined) this.bind(place, body.device, person);
        break;
      case "confirm":
        file(this.confirms, body.join, place);
        subject = this.find(body.join)?.record.payload.author;
        if (subject !== undefined && judgement.gives !== undefined) file(this.roles, subject, place);
        break;
      case "revoke":
        if (body.role !== undefined) file(this.roles, body.person, place);
        if (judgement.byQuorum) file(this.quorums, body.person, place);
        this.remove(place, body.person);
        break;
      case "leave":
        if (person !== undefined) this.remove(place, person);
        break;
      case "withdraw":
        file(this.withdrawals, body.record, place);
        this.removals.push(place);
        break;
      case "zone":
        file(this.relays, body.relay, place);
        break;
      default:
        break;
    }
    if (judgement.vouches && subject !== undefined) file(this.vouchers, subject, place);
  }

  private bind(place: number, device: DeviceKey, person: PersonId): void {
    file(this.bindings, device, place);
    const devices = this.devices.get(person) ?? new Set();
    this.devices.set(person, devices.add(device));
  }

  private remove(place: number, person: PersonId): void {
    file(this.removalsOf, person, place);
    this.removals.push(place);
  }

  /**
   * The first number under which the author made several records, as far as this past shows it.
   *
   * Joins beside joins are no such thing: who got no answer asks again, having seen more of the log, and both
   * may be accepted. Each is judged for itself.
   */
  forkedFrom(author: DeviceKey, scope?: Past): number | undefined {
    const forks = this.forks.get(author);
    if (forks === undefined) return undefined;
    const chain = this.chains.get(author);
    const isJoin = (place: number | undefined) =>
      place !== undefined && this.entries[place]?.record.payload.body.kind === "join";
    const isFork = (seq: number) => {
      const [first, ...others] = (chain?.get(seq) ?? []).filter((place) => scope === undefined || scope.has(place));
      return others.length > 0 && !(isJoin(first) && others.every(isJoin));
    };
    return forks.find(isFork);
  }

  /** Whether the record stands on a branch that this removal chose. */
  chooses(by: LedgerEntry, place: number, entry: LedgerEntry): boolean {
    const body = by.record.payload.body;
    if (body.kind !== "revoke") return false;
    return body.branches.some((id) => {
      const at = this.places.get(id);
      const end = at === undefined ? undefined : this.entries[at];
      return (
        end?.record.payload.author === entry.record.payload.author && (at === place || end.past.has(place))
      );
    });
  }
}

/** Adds to a list of the map and returns its length. */
function file<K>(map: Map<K, number[]>, key: K, item: number): number {
  const list = map.get(key) ?? [];
  list.push(item);
  map.set(key, list);
  return list.length;
}
