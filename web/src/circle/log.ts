// The log: the grow-only set of a circle's records, each judged once by what its author had seen (rule C1).

import { compareIds } from "./bytes.ts";
import { Cuts } from "./cuts.ts";
import { CircleError } from "./error.ts";
import type { CircleId, DeviceKey, PersonId, RecordId } from "./ids.ts";
import { judge } from "./judge.ts";
import { compareRanks, Ledger, type LedgerEntry } from "./ledger.ts";
import { DEPS_MAX, RECORDS_MAX } from "./limits.ts";
import type { Past } from "./past.ts";
import { Pending } from "./pending.ts";
import { approver, type Question } from "./quorum.ts";
import type { SignedRecord } from "./record.ts";
import type { Role } from "./role.ts";
import { State } from "./state.ts";
import { View } from "./view.ts";

/** What came of an insertion. */
export type Inserted =
  /** These records joined the set: the inserted one and those that waited for it. */
  | { readonly kind: "new"; readonly ids: readonly RecordId[] }
  /** The record was there before. */
  | { readonly kind: "known" }
  /** It waits for a record that it names. */
  | { readonly kind: "pending" };

/** What a record of the log is worth. */
export type Verdict =
  | { readonly kind: "valid" }
  /** It counts for nothing, for this reason. */
  | { readonly kind: "void"; readonly reason: string }
  /** A join whose invite was used by somebody else at the same time: it gives no role. */
  | { readonly kind: "contested" };

/** What an author's next record must carry. */
export interface Next {
  readonly seq: number;
  readonly prev: RecordId | undefined;
  readonly deps: readonly RecordId[];
}

/** A circle's records. The same set gives the same state, in whatever order it came. */
export class Log {
  private readonly ledger: Ledger;
  private readonly headIds = new Set<RecordId>();
  private readonly pending = new Pending();
  private cuts = Cuts.none();
  private current: State;

  /** Begins a log with a genesis record. */
  constructor(genesis: SignedRecord) {
    if (genesis.payload.body.kind !== "genesis") {
      throw new CircleError("not-genesis", "a circle's log begins with a genesis record");
    }
    this.ledger = new Ledger(genesis.id);
    this.current = new State(genesis.id);
    this.takeIn(genesis);
  }

  get circle(): CircleId {
    return this.ledger.circle;
  }

  /** The state of the whole set. It changes in place with the next insertion. */
  get state(): State {
    return this.current;
  }

  /** How many records the set holds. */
  get size(): number {
    return this.ledger.entries.length;
  }

  /** How many records wait, and how many bytes they are. */
  get waiting(): { readonly count: number; readonly bytes: number } {
    return { count: this.pending.count, bytes: this.pending.bytes };
  }

  /**
   * Takes a record in, judges it, and with it those that waited for it. A waiting record that turns out not
   * to fit is dropped. Throws, and changes nothing, when this record cannot belong to the log.
   */
  insert(record: SignedRecord): Inserted {
    if (this.has(record.id)) return { kind: "known" };
    if (record.payload.circle !== this.circle) {
      throw new CircleError("wrong-circle", "the record belongs to another circle");
    }
    if (record.isOpenJoin) {
      throw new CircleError("not-accepted", "the join has not been accepted by a member's device");
    }
    const missing = this.missing(record);
    if (missing !== undefined) {
      this.pending.add(record, missing);
      return { kind: "pending" };
    }
    this.takeIn(record);
    const ids = [record.id];
    // The list grows while it is walked: each arrival may let others in.
    for (const id of ids) for (const waiting of this.pending.take(id)) this.retry(waiting, ids);
    return { kind: "new", ids };
  }

  /** The records that no other record names, ascending. */
  heads(): RecordId[] {
    return [...this.headIds].sort(compareIds);
  }

  /** Every id in the set, ascending. */
  ids(): RecordId[] {
    return [...this.ledger.places.keys()].sort(compareIds);
  }

  /** Every record in the set, each after those it names. */
  records(): SignedRecord[] {
    return this.ledger.entries.map((entry) => entry.record);
  }

  get(id: RecordId): SignedRecord | undefined {
    return this.ledger.find(id)?.record;
  }

  /** Whether the set holds it; waiting records do not count. */
  has(id: RecordId): boolean {
    return this.ledger.places.has(id);
  }

  knowsAll(ids: readonly RecordId[]): boolean {
    return ids.every((id) => this.has(id));
  }

  /** What somebody lacks who holds the closure of these heads, each record after those it names. */
  missingFor(theirHeads: readonly RecordId[]): SignedRecord[] {
    const { past } = this.ledger.pastOf(theirHeads);
    return this.records().filter((_, place) => !past.has(place));
  }

  /** The records whose ids are not among these, each after those it names. */
  notIn(ids: ReadonlySet<RecordId>): SignedRecord[] {
    return this.records().filter((record) => !ids.has(record.id));
  }

  /** The records that these build on, and these, in the order that all devices agree on. */
  closure(ids: readonly RecordId[]): SignedRecord[] {
    const { past } = this.ledger.pastOf(ids);
    const entries = this.ledger.entries.filter((_, place) => past.has(place));
    return entries.sort((a, b) => compareRanks(a.rank, b.rank)).map((entry) => entry.record);
  }

  /** What the author's next record must carry. */
  next(author: DeviceKey): Next {
    const chain = this.ledger.chains.get(author);
    if (chain === undefined) return { seq: 0, prev: undefined, deps: this.someHeads(undefined) };
    // The numbers of a chain have no gaps.
    const last = chain.size - 1;
    const ids = (chain.get(last) ?? []).map((place) => this.ledger.entries[place]?.rank.id ?? "");
    const prev = ids.sort(compareIds)[0];
    return { seq: last + 1, prev, deps: this.someHeads(prev) };
  }

  /** The state as it was for somebody who had seen the closure of these heads. */
  stateAt(heads: readonly RecordId[]): State {
    const { past } = this.ledger.pastOf(heads);
    return State.of(new View(this.ledger, this.cuts, past), past.places());
  }

  /** What the record is worth in the whole set. */
  verdict(id: RecordId): Verdict {
    const entry = this.ledger.find(id);
    if (entry === undefined) return { kind: "void", reason: "it is not in the log" };
    if (entry.judgement.void !== undefined) return { kind: "void", reason: entry.judgement.void };
    const view = new View(this.ledger, this.cuts);
    if (view.isCut(this.ledger.places.get(id))) {
      return { kind: "void", reason: "a removal took away its author's right to it" };
    }
    if (view.effectiveId(id) === undefined) {
      return { kind: "void", reason: "its author made two records under one number" };
    }
    return { kind: view.isContested(entry) ? "contested" : "valid" };
  }

  /** The author's person and role in the record's own past. */
  roleBefore(id: RecordId): { readonly person: PersonId; readonly role: Role } | undefined {
    const entry = this.ledger.find(id);
    if (entry === undefined) return undefined;
    const view = new View(this.ledger, this.cuts, entry.past);
    const person = view.personOf(entry.record.payload.author);
    const role = person === undefined ? undefined : view.roleOf(person);
    return person === undefined || role === undefined ? undefined : { person, role };
  }

  /** The approvals that a statement by `question.to` could name now. */
  approvals(question: Question): RecordId[] {
    const view = new View(this.ledger, this.cuts);
    const approvals = this.records().filter(({ payload }) => payload.body.kind === "approve");
    const usable = approvals.filter(({ id }) => approver(id, question, view) !== undefined);
    return usable.map(({ id }) => id).sort(compareIds);
  }

  /**
   * The ends of the branches of a device that made two records under one number, ascending; a removal chooses
   * one of them. Empty for a device that did not.
   */
  branches(device: DeviceKey): RecordId[] {
    if (this.ledger.forkedFrom(device) === undefined) return [];
    const own = this.records().filter(({ payload }) => payload.author === device);
    const followed = new Set(own.map(({ payload }) => payload.prev));
    return own.map(({ id }) => id).filter((id) => !followed.has(id)).sort(compareIds);
  }

  private missing(record: SignedRecord): RecordId | undefined {
    return record.payload.deps.find((id) => !this.has(id));
  }

  /** Takes in a record that waited, lets it wait on, or drops it. */
  private retry(record: SignedRecord, ids: RecordId[]): void {
    if (this.has(record.id)) return;
    const missing = this.missing(record);
    if (missing !== undefined) {
      this.pending.add(record, missing);
      return;
    }
    try {
      this.takeIn(record);
      ids.push(record.id);
    } catch (error) {
      if (!(error instanceof CircleError)) throw error;
    }
  }

  /** Judges a record whose dependencies are here, and adds it. */
  private takeIn(record: SignedRecord): void {
    if (this.size >= RECORDS_MAX) {
      throw new CircleError("full", `the circle's log is full: it holds ${RECORDS_MAX} records`);
    }
    const { author, body, deps } = record.payload;
    const { past, depth } = this.ledger.pastOf(deps);
    this.checkPlace(record, past);
    const before = new View(this.ledger, this.cuts, past);
    const judgement = judge(record, before);
    const enters = body.kind === "genesis" || body.kind === "join";
    const person = enters ? author : before.personOf(author);
    const accepter = record.accepter === undefined ? undefined : before.personOf(record.accepter);
    for (const dep of deps) this.headIds.delete(dep);
    this.headIds.add(record.id);
    const frozen = this.ledger.forkedFrom(author);
    const rank = { depth, id: record.id };
    const place = this.ledger.push({ record, past, rank, person, accepter, judgement });
    const { changed, cuts } = this.cuts.after(this.ledger, place);
    this.cuts = cuts;
    // A removal that chooses a branch lets records on it count again.
    const chooses = body.kind === "revoke" && body.branches.length > 0;
    const view = new View(this.ledger, cuts);
    if (!changed && !chooses && this.ledger.forkedFrom(author) === frozen) this.current.note(view, place);
    else this.current = State.of(view, this.ledger.entries.keys());
  }

  /** Checks that the dependencies are heads of one past and that the record follows its author's last. */
  private checkPlace({ payload }: SignedRecord, past: Past): void {
    const deps = payload.deps.map((id) => this.ledger.find(id)).filter((entry) => entry !== undefined);
    const places = payload.deps.map((id) => this.ledger.places.get(id) ?? 0);
    if (deps.some((dep) => places.some((place) => dep.past.has(place)))) {
      throw misplaced("one of its dependencies stands before another");
    }
    // The numbers of a chain have no gaps: each record needed the one before it.
    const chain = this.ledger.chains.get(payload.author);
    for (let seq = payload.seq, rivals = chain?.get(seq); rivals !== undefined; seq += 1, rivals = chain?.get(seq)) {
      if (rivals.some((place) => past.has(place))) throw misplaced("its author had used its number before");
    }
    if (payload.prev === undefined) return;
    const place = this.ledger.places.get(payload.prev);
    const before = this.ledger.find(payload.prev)?.record.payload;
    const follows = before?.author === payload.author && before.seq + 1 === payload.seq;
    if (place === undefined || !past.has(place) || !follows) {
      throw misplaced("it does not follow its author's record before it");
    }
  }

  /** The heads, or so many of them as a record can name: first the one that stands for `tip`. */
  private someHeads(tip: RecordId | undefined): RecordId[] {
    const heads = this.heads();
    if (heads.length <= DEPS_MAX) return heads;
    const place = tip === undefined ? undefined : this.ledger.places.get(tip);
    const covers = (id: RecordId, entry: LedgerEntry | undefined) =>
      id === tip || (place !== undefined && entry?.past.has(place) === true);
    const first = heads.find((id) => covers(id, this.ledger.find(id))) ?? heads[0];
    const rest = heads.filter((id) => id !== first).slice(0, DEPS_MAX - 1);
    return [...(first === undefined ? [] : [first]), ...rest].sort(compareIds);
  }
}

function misplaced(what: string): CircleError {
  return new CircleError("misplaced", `the record does not fit the records it names: ${what}`);
}
