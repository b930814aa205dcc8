// Which records the removals in a set take away (rules R4 and R5): the twin of cuts.rs of smallwin-circle, where
// the reasons stand.

import type { DeviceKey, PersonId } from "./ids.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";
import { CIRCLE_MAX, WEIGHING_ROUNDS_MAX } from "./limits.ts";
import type { Past } from "./past.ts";
import { isAtLeast, type Role } from "./role.ts";

type Places = ReadonlySet<number>;

export class Cuts {
  private constructor(
    private readonly cut: Set<number>,
    /** The removals that strike something: a past that holds all of them is cut as the whole is. */
    private readonly strikers: Places,
    /** Whether a limit ended the weighing, so that a part of the set may weigh otherwise. */
    private readonly isRough: boolean,
  ) {}

  static none(): Cuts {
    return new Cuts(new Set(), new Set(), false);
  }

  /** The cuts of a set: the whole ledger, or a past. */
  static of(ledger: Ledger, scope?: Past): Cuts {
    const weigh = new Weigh(ledger, scope);
    weigh.findStruck();
    if (weigh.struck.size === 0) return Cuts.none();
    const strikers = new Set([...weigh.struck.values()].flat());
    const cut = weigh.run();
    return new Cuts(cut, strikers, weigh.isRough);
  }

  has(place: number): boolean {
    return this.cut.has(place);
  }

  /** The cuts as they are for somebody who has seen this past. */
  within(ledger: Ledger, past: Past): Cuts {
    const isWhole = !this.isRough && [...this.strikers].every((place) => past.has(place));
    return isWhole ? this : Cuts.of(ledger, past);
  }

  /**
   * The cuts after the record at `place`, the newest, was added, when they were these before, and whether
   * something that was there before is cut otherwise.
   */
  after(ledger: Ledger, place: number): { readonly cuts: Cuts; readonly changed: boolean } {
    const entry = ledger.entries[place];
    if (entry === undefined || entry.judgement.void !== undefined) return { cuts: this, changed: false };
    const hasStruck =
      ledger.removals.at(-1) === place &&
      struckBy(ledger, place).some((struck) => strikes(ledger, place, struck));
    const isStruck = mayStrike(ledger, entry).some((removal) => strikes(ledger, removal, place));
    if (!hasStruck && !isStruck) {
      // Nothing rests on the newest record yet, and a removal that falls strikes nobody.
      if (this.cut.size > 0 && !new Weigh(ledger).isSupported(place, entry, this.cut)) this.cut.add(place);
      return { cuts: this, changed: false };
    }
    const cuts = Cuts.of(ledger);
    const others = [...cuts.cut].filter((cut) => cut !== place);
    const changed = others.length !== this.cut.size || others.some((cut) => !this.cut.has(cut));
    return { cuts, changed };
  }
}

class Weigh {
  /** The places that removals strike, each with those removals. */
  readonly struck = new Map<number, number[]>();
  isRough = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly scope?: Past,
  ) {}

  findStruck(): void {
    for (const removal of this.removals()) {
      for (const place of struckBy(this.ledger, removal)) {
        if (!this.has(place) || !strikes(this.ledger, removal, place)) continue;
        this.struck.set(place, [...(this.struck.get(place) ?? []), removal]);
      }
    }
  }

  /** Weighs both strata and returns what is cut when the removals that stand strike. */
  run(): Set<number> {
    const removals = this.removals();
    const quorums = new Set(removals.filter((place) => this.isQuorum(place)));
    const others = new Set(removals.filter((place) => !this.isQuorum(place)));
    const first = this.settle(
      new Set(),
      quorums,
      (standing) => new Set(this.struckPlaces(standing).filter((place) => this.isQuorum(place))),
    );
    const all = this.settle(first, others, (standing) => this.pass(standing, first, new Set()));
    return this.pass(all, first, all);
  }

  /**
   * Whether its author's device and role, as the record's own past knew them, rest on something that is not
   * cut; for a join, its invite and its accepter.
   */
  isSupported(place: number, entry: LedgerEntry, cut: Places): boolean {
    const { author, body } = entry.record.payload;
    if (body.kind === "genesis") return true;
    if (body.kind === "join") {
      const invite = this.ledger.places.get(body.invite);
      const isOffered = invite !== undefined && !cut.has(invite);
      return isOffered && this.rests(entry.record.accepter, entry.accepter, "outer", entry.past, cut);
    }
    if (entry.judgement.byQuorum) return !cut.has(place);
    return this.rests(author, entry.person, entry.judgement.needs, entry.past, cut);
  }

  private has(place: number): boolean {
    return this.scope === undefined || this.scope.has(place);
  }

  private removals(): number[] {
    return this.ledger.removals.filter((place) => this.has(place));
  }

  private isQuorum(place: number): boolean {
    return this.ledger.entries[place]?.judgement.byQuorum === true;
  }

  /** Decides which of the candidates stand beside those that stand already. */
  private settle(before: Places, candidates: Places, cutBy: (standing: Places) => Places): Places {
    const standing = new Set(before);
    const open = new Set(candidates);
    for (let round = 0; round < WEIGHING_ROUNDS_MAX; round += 1) {
      const most = cutBy(new Set([...standing, ...open]));
      const count = open.size;
      move(open, standing, (place) => !most.has(place));
      const least = cutBy(standing);
      for (const place of [...open]) if (least.has(place)) open.delete(place);
      if (open.size === 0 || open.size > CIRCLE_MAX) break;
      if (open.size === count) {
        const stands = circles(standing, open, cutBy);
        move(open, standing, (place) => stands.has(place));
      }
    }
    if (open.size > 0) this.isRough = true;
    move(open, standing, () => true);
    return standing;
  }

  private struckPlaces(standing: Places): number[] {
    return [...this.struck].filter(([, by]) => by.some((removal) => standing.has(removal))).map(([place]) => place);
  }

  /**
   * What is cut when these removals stand; of the statements of a quorum, `quorums` stand. What was `settled`
   * stands, also when others that were settled strike it.
   */
  private pass(standing: Places, quorums: Places, settled: Places): Set<number> {
    const direct = new Set(this.struckPlaces(standing));
    const byQuorum = new Set(this.struckPlaces(quorums));
    const cut = new Set<number>();
    if (direct.size === 0) return cut;
    // Whatever rests on a record stands after it.
    for (let place = Math.min(...direct); place < this.ledger.entries.length; place += 1) {
      const entry = this.ledger.entries[place];
      if (entry === undefined || !this.has(place) || entry.judgement.void !== undefined || settled.has(place)) continue;
      const isCut = entry.judgement.byQuorum
        ? byQuorum.has(place)
        : direct.has(place) || !this.isSupported(place, entry, cut);
      if (isCut) cut.add(place);
    }
    return cut;
  }

  private rests(
    device: DeviceKey | undefined,
    person: PersonId | undefined,
    needs: Role,
    past: Past,
    cut: Places,
  ): boolean {
    if (device === undefined || person === undefined) return false;
    const { bindings, entries, roles } = this.ledger;
    const counts = (place: number) => past.has(place) && !cut.has(place);
    const isBound = (bindings.get(device) ?? []).some((place) => counts(place) && entries[place]?.person === person);
    const gives = (place: number) => {
      const role = entries[place]?.judgement.gives;
      return role !== undefined && isAtLeast(role, needs);
    };
    return isBound && (roles.get(person) ?? []).some((place) => counts(place) && gives(place));
  }
}

/** Moves the places that fit from one set to the other. */
function move(from: Set<number>, to: Set<number>, fits: (place: number) => boolean): void {
  for (const place of [...from]) {
    if (!fits(place)) continue;
    from.delete(place);
    to.add(place);
  }
}

/**
 * Of the open removals, those that only strike, or take the ground from, one another in a circle: what brings
 * one of them down is brought down by it.
 */
function circles(standing: Places, open: Places, cutBy: (standing: Places) => Places): Places {
  const reach = new Map<number, Set<number>>();
  for (const removal of open) {
    const falls = [...cutBy(new Set([...standing, removal]))].filter((place) => open.has(place) && place !== removal);
    reach.set(removal, new Set(falls));
  }
  const ordered = [...open].sort((a, b) => a - b);
  // What they bring down through others, one more step at a time.
  for (const through of ordered) {
    const further = [...(reach.get(through) ?? [])];
    for (const falls of reach.values()) if (falls.has(through)) for (const place of further) falls.add(place);
  }
  const reaches = (from: number, to: number) => reach.get(from)?.has(to) === true;
  const isFirst = (place: number) => ordered.every((from) => !reaches(from, place) || reaches(place, from));
  return new Set(ordered.filter(isFirst));
}

/** The removals that may strike this record. */
function mayStrike(ledger: Ledger, entry: LedgerEntry): number[] {
  const of = (person: PersonId | undefined) => (person === undefined ? [] : (ledger.removalsOf.get(person) ?? []));
  const body = entry.record.payload.body;
  const withdrawn = body.kind === "join" ? (ledger.withdrawals.get(body.invite) ?? []) : [];
  return [...of(entry.person), ...of(entry.accepter), ...withdrawn];
}

/** The places that this removal may strike. */
function struckBy(ledger: Ledger, removal: number): number[] {
  const entry = ledger.entries[removal];
  const body = entry?.record.payload.body;
  if (body?.kind === "withdraw") return ledger.joins.get(body.record) ?? [];
  const person = body?.kind === "revoke" ? body.person : body?.kind === "leave" ? entry?.person : undefined;
  if (person === undefined) return [];
  return [...(ledger.byPerson.get(person) ?? []), ...(ledger.accepted.get(person) ?? [])];
}

/** Whether the removal takes this record away, if it stands. */
function strikes(ledger: Ledger, removal: number, place: number): boolean {
  const [by, entry] = [ledger.entries[removal], ledger.entries[place]];
  if (by === undefined || entry === undefined) return false;
  // Who made a record in the knowledge of the removal was judged with it.
  if (removal === place || entry.past.has(removal) || entry.judgement.void !== undefined) return false;
  const isSeen = by.past.has(place);
  const body = by.record.payload.body;
  if (body.kind === "withdraw") {
    const joined = entry.record.payload.body;
    return joined.kind === "join" && joined.invite === body.record && !isSeen;
  }
  if (body.kind !== "revoke" && body.kind !== "leave") return false;
  const [person, device, role] =
    body.kind === "leave" ? [by.person, undefined, undefined] : [body.person, body.device, body.role];
  if (person === undefined) return false;
  const isAccepted =
    role === undefined && entry.accepter === person && (device === undefined || entry.record.accepter === device);
  if (isAccepted && !isSeen) return true;
  // A quorum's statement is undone by a quorum only.
  if (entry.judgement.byQuorum && !by.judgement.byQuorum) return false;
  const isTheirs =
    entry.person === person && (device === undefined || device === entry.record.payload.author);
  const needsMore = role === undefined || !isAtLeast(role, entry.judgement.needs);
  return isTheirs && needsMore && !(isSeen && keeps(ledger, by, place, entry));
}

/** Whether a removal keeps this record, which its author had seen. */
function keeps(ledger: Ledger, by: LedgerEntry, place: number, entry: LedgerEntry): boolean {
  const { author, seq } = entry.record.payload;
  return seq < (ledger.forkedFrom(author, by.past) ?? Infinity) || ledger.chooses(by, place, entry);
}
