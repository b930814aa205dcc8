// The records that were judged, and where to find the facts about keys, people and invites in them.

import { compareIds } from "./bytes.ts";
import type { CircleId, DeviceKey, PersonId, RecordId } from "./ids.ts";
import { Past } from "./past.ts";
import type { SignedRecord } from "./record.ts";

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
  /** Why it counts for nothing, judged in its own past; final. */
  readonly void: string | undefined;
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
  /** Valid `genesis`, `join` and `link` records by the device they bind to a person. */
  readonly bindings = new Map<DeviceKey, number[]>();
  /** Valid `genesis`, `join` and `grant` records by the person they give a role. */
  readonly roles = new Map<PersonId, number[]>();
  /** Valid `join` records by the invite they use. */
  readonly joins = new Map<RecordId, number[]>();

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
    if (entry.void === undefined) this.fileFacts(place, entry.record);
    this.places.set(entry.rank.id, place);
    this.entries.push(entry);
    return place;
  }

  private fileFacts(place: number, { payload: { author, body } }: SignedRecord): void {
    if (body.kind === "genesis" || body.kind === "join") {
      file(this.bindings, author, place);
      file(this.roles, author, place);
    }
    if (body.kind === "join") file(this.joins, body.invite, place);
    if (body.kind === "grant") file(this.roles, body.person, place);
    if (body.kind === "link") file(this.bindings, body.device, place);
  }
}

/** Adds to a list of the map and returns its length. */
function file<K>(map: Map<K, number[]>, key: K, item: number): number {
  const list = map.get(key) ?? [];
  list.push(item);
  map.set(key, list);
  return list.length;
}
