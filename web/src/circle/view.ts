// The facts of the ledger as they stand in some set of records that is closed under the past.

import { compareIds } from "./bytes.ts";
import type { DeviceKey, PersonId, RecordId } from "./ids.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";
import type { Past } from "./past.ts";
import { lowest, type Role } from "./role.ts";

/** The ledger seen from a record's past, or as a whole. Every answer depends on the set only. */
export class View {
  constructor(
    readonly ledger: Ledger,
    private readonly scope?: Past,
  ) {}

  has(place: number): boolean {
    return this.scope === undefined || this.scope.has(place);
  }

  /**
   * The first number under which the author made several records: from there on they count for nothing,
   * because no two devices could agree on which of them came first.
   *
   * Joins beside joins are no such thing: who got no answer asks again, having seen more of the log, and both
   * may be accepted. Each is judged for itself.
   */
  frozenFrom(author: DeviceKey): number | undefined {
    const chain = this.ledger.chains.get(author);
    const isFork = (seq: number) => {
      const [first, ...others] = (chain?.get(seq) ?? []).filter((place) => this.has(place));
      return others.length > 0 && !(this.isJoin(first) && others.every((place) => this.isJoin(place)));
    };
    return this.ledger.forks.get(author)?.find(isFork);
  }

  /** The record at this place, when it is in view, was valid in its past, and is not frozen. */
  effective(place: number | undefined): LedgerEntry | undefined {
    const entry = place !== undefined && this.has(place) ? this.ledger.entries[place] : undefined;
    if (entry === undefined || entry.void !== undefined) return undefined;
    const { author, seq } = entry.record.payload;
    return seq >= (this.frozenFrom(author) ?? Infinity) ? undefined : entry;
  }

  effectiveId(id: RecordId): LedgerEntry | undefined {
    return this.effective(this.ledger.places.get(id));
  }

  /** The first effective join of an invite, or the first by somebody else than `author`. */
  firstJoin(invite: RecordId, author?: DeviceKey): LedgerEntry | undefined {
    for (const place of this.ledger.joins.get(invite) ?? []) {
      const entry = this.effective(place);
      if (entry !== undefined && entry.record.payload.author !== author) return entry;
    }
    return undefined;
  }

  /** Whether the record is a join whose invite somebody else used too. */
  isContested({ record: { payload } }: LedgerEntry): boolean {
    return payload.body.kind === "join" && this.firstJoin(payload.body.invite, payload.author) !== undefined;
  }

  /**
   * Whose device it is: of the records that bind it, those not followed by another; of several, the one
   * with the smallest id.
   */
  personOf(device: DeviceKey): PersonId | undefined {
    const newest = this.notFollowed(this.ledger.bindings.get(device) ?? [], () => true);
    return newest.sort((a, b) => compareIds(a.rank.id, b.rank.id))[0]?.person;
  }

  /**
   * The role of a person: of the records that give one, those not followed by another; of several, the
   * lowest. A contested join gives none.
   */
  roleOf(person: PersonId): Role | undefined {
    const newest = this.notFollowed(this.ledger.roles.get(person) ?? [], (entry) => !this.isContested(entry));
    return lowest(newest.map((entry) => this.gives(entry)).filter((role) => role !== undefined));
  }

  roleOfDevice(device: DeviceKey): Role | undefined {
    const person = this.personOf(device);
    return person === undefined ? undefined : this.roleOf(person);
  }

  private isJoin(place: number | undefined): boolean {
    return place !== undefined && this.ledger.entries[place]?.record.payload.body.kind === "join";
  }

  private gives({ record: { payload } }: LedgerEntry): Role | undefined {
    if (payload.body.kind === "genesis") return "facilitator";
    if (payload.body.kind === "grant") return payload.body.role;
    if (payload.body.kind !== "join") return undefined;
    // That the invite was valid was judged with the join and is final.
    const invite = this.ledger.find(payload.body.invite)?.record.payload.body;
    return invite?.kind === "invite" ? invite.role : undefined;
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
