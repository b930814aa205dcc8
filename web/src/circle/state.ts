// The state of a circle: what its records, taken together, say.

import { compareBytes, compareIds } from "./bytes.ts";
import {
  caseDocument,
  checkInDocument,
  documentId,
  type DocumentRef,
  draftDocument,
  personOf,
  revisionOf,
  stepDocument,
  voiceDocument,
  type Zone,
} from "./document.ts";
import {
  type ChangeHash,
  type CircleId,
  type DeviceKey,
  type DocumentId,
  documentIdBytes,
  type PersonId,
  type RecordId,
} from "./ids.ts";
import type { Pin } from "./later-body.ts";
import { compareRanks, type LedgerEntry, type Rank } from "./ledger.ts";
import { may } from "./may.ts";
import type { SignedRecord } from "./record.ts";
import type { Role } from "./role.ts";
import {
  type Answer,
  type CommitState,
  type DecisionState,
  type ForkState,
  hasVote,
  type InviteState,
  type KnownDocument,
  type Member,
  type Quorum,
  type RetireState,
  type ShareState,
  type SnapshotState,
  type StatementState,
} from "./state-items.ts";
import type { View } from "./view.ts";

/** A pure function of the set of records (rules C1 and S1): equal sets give equal states. */
export class State {
  private readonly people = new Map<PersonId, { readonly rank: Rank; readonly member: Member }>();
  private readonly devices = new Map<DeviceKey, PersonId>();
  private readonly revisions = new Set<number>();
  private readonly known = new Map<DocumentId, DocumentRef>();
  private readonly shared = new Set<string>();
  private readonly inviteStates = new Map<RecordId, Ranked<InviteState>>();
  private readonly shareStates: Ranked<ShareState>[] = [];
  private readonly snapshotStates: Ranked<SnapshotState>[] = [];
  private readonly statementStates: Ranked<StatementState>[] = [];
  private readonly owners = new Map<DeviceKey, PersonId>();
  private readonly relays = new Map<DeviceKey, readonly Zone[]>();
  private readonly decisionStates: Ranked<DecisionState>[] = [];
  private readonly commitStates: Ranked<CommitState>[] = [];
  private readonly retireStates: Ranked<RetireState>[] = [];
  private readonly retiredIds = new Set<DocumentId>();
  private readonly pinned = new Map<DocumentId, Set<ChangeHash>>();
  private readonly forkStates: Ranked<ForkState>[] = [];

  constructor(readonly circle: CircleId) {
    this.addDocument(caseDocument);
    this.addDocument(stepDocument);
    this.addRevision(1);
  }

  /** The state of a view, whose records stand at these places. */
  static of(view: View, places: Iterable<number>): State {
    const state = new State(view.ledger.circle);
    for (const place of places) state.note(view, place);
    return state;
  }

  /**
   * Whose device it is; also of a person whose join is contested or who was removed. A device that was removed
   * alone is nobody's; `ownerOf` says whose it was.
   */
  personOf(device: DeviceKey): PersonId | undefined {
    return this.devices.get(device);
  }

  roleOf(person: PersonId): Role | undefined {
    return this.member(person)?.role;
  }

  /** The role of the person whose device it is. A device with a role is a *member device*. */
  roleOfDevice(device: DeviceKey): Role | undefined {
    const person = this.personOf(device);
    return person === undefined ? undefined : this.roleOf(person);
  }

  /** The person, if they ever entered. */
  member(person: PersonId): Member | undefined {
    return this.people.get(person)?.member;
  }

  /** Everybody who entered, in order of joining. */
  members(): Member[] {
    const people = [...this.people.values()].sort((a, b) => compareRanks(a.rank, b.rank));
    return people.map(({ member }) => member);
  }

  /** The documents that exist, in order of their ids: those with known keys and those announced. */
  documents(): KnownDocument[] {
    const documents = [...this.known].map(([id, document]) => ({ id, document, bytes: bytesOf(id) }));
    documents.sort((a, b) => compareBytes(a.bytes, b.bytes));
    return documents.map(({ id, document }) => ({ id, document }));
  }

  document(id: DocumentId): DocumentRef | undefined {
    return this.known.get(id);
  }

  hasDocument(document: DocumentRef): boolean {
    return this.known.has(documentId(this.circle, document));
  }

  /** Whether a valid share names this draft or voice. */
  isShared({ kind, key }: DocumentRef): boolean {
    return (kind === "draft" || kind === "voice") && this.shared.has(key);
  }

  /** The valid invite with this record. */
  invite(record: RecordId): InviteState | undefined {
    return this.inviteStates.get(record)?.item;
  }

  /** The valid invite with this key; the earliest, should there be several. */
  inviteByKey(key: DeviceKey): InviteState | undefined {
    const invites = [...this.inviteStates.values()].filter(({ item }) => item.invite === key);
    return invites.sort((a, b) => compareRanks(a.rank, b.rank))[0]?.item;
  }

  /** The valid invites, in order of their ids. */
  invites(): InviteState[] {
    return [...this.inviteStates.values()].map(({ item }) => item).sort((a, b) => compareIds(a.record, b.record));
  }

  /** The valid shares, earliest first. */
  shares(): ShareState[] {
    return this.shareStates.map(({ item }) => item);
  }

  /** The valid snapshots, earliest first. */
  snapshots(): SnapshotState[] {
    return this.snapshotStates.map(({ item }) => item);
  }

  /** The valid statements, earliest first. */
  statements(): StatementState[] {
    return this.statementStates.map(({ item }) => item);
  }

  /** Whose device it is or was, to name the author of what it signed. */
  ownerOf(device: DeviceKey): PersonId | undefined {
    return this.owners.get(device);
  }

  /** The zones that a relay may carry; none for anybody else. */
  relayZones(relay: DeviceKey): readonly Zone[] {
    return this.relays.get(relay) ?? [];
  }

  /** The valid decisions, earliest first. */
  decisions(): DecisionState[] {
    return this.decisionStates.map(({ item }) => item);
  }

  /** The valid commitments, earliest first. */
  commits(): CommitState[] {
    return this.commitStates.map(({ item }) => item);
  }

  /** The documents that were taken away, earliest first. */
  retired(): RetireState[] {
    return this.retireStates.map(({ item }) => item);
  }

  /** Whether the document was taken away: nobody reads or writes it, and its bytes go. */
  isRetired(document: DocumentId): boolean {
    return this.retiredIds.has(document);
  }

  /** The circle that this one continues. */
  parent(): ForkState | undefined {
    return this.forkStates[0]?.item;
  }

  /** The devices that may write the document now. */
  writers(document: DocumentRef): DeviceKey[] {
    const devices = [...this.devices.keys()].sort(compareIds);
    return devices.filter((device) => may(this, device, "write", document) === undefined);
  }

  /**
   * Whether the device may ever have had the right to write the document: what is admitted by a pin is by such
   * devices (rule R9).
   */
  mayHaveWritten(device: DeviceKey, document: DocumentRef): boolean {
    const [owner, person] = [this.ownerOf(device), personOf(document)];
    return owner !== undefined && (person === undefined || person === owner);
  }

  /**
   * The heads below which the document stays as it is, whoever may write it now: those that valid removals,
   * departures and adoptions name.
   */
  pins(document: DocumentId): ChangeHash[] {
    return [...(this.pinned.get(document) ?? [])].sort(compareIds);
  }

  /** Who decides about a facilitator, or about making this person one. */
  quorum(about: PersonId): Quorum {
    const voters = this.members().filter((member) => hasVote(member) && member.person !== about);
    return { voters: voters.map(({ person }) => person), needed: Math.max(2, Math.floor(voters.length / 2) + 1) };
  }

  /** Whether somebody with a device left is facilitator (rule R8). */
  hasFacilitator(): boolean {
    return this.members().some(({ devices, role }) => role === "facilitator" && devices.length > 0);
  }

  /** Brings the state up to date with the record at this place, the newest of the view. For the log. */
  note(view: View, place: number): void {
    const entry = view.effective(place);
    if (entry === undefined) return;
    const { rank, record } = entry;
    const { author, body, claimed } = record.payload;
    const said = { record: record.id, author, claimed };
    switch (body.kind) {
      case "genesis":
        this.noteEntry(view, entry);
        break;
      case "join":
        this.noteEntry(view, entry);
        this.noteJoin(view, body.invite, entry);
        break;
      case "grant":
        this.noteRole(view, body.person);
        break;
      case "link":
        this.noteDevice(view, body.device);
        break;
      case "invite":
      case "offer": {
        if (view.withdrawalOf(record.id) !== undefined) break;
        const { invite, role, expires } = body;
        const item = { record: record.id, author, invite, role, expires, usedBy: [], confirm: body.kind === "offer" };
        this.inviteStates.set(record.id, { rank, item });
        break;
      }
      case "confirm":
        this.noteConfirm(view, body.join);
        break;
      case "promote":
        this.noteRole(view, body.person);
        break;
      case "revoke":
        this.notePins(body.pins);
        if (body.device !== undefined) this.noteDevice(view, body.device);
        this.noteRole(view, body.person);
        break;
      case "leave":
        this.notePins(body.pins);
        if (entry.person !== undefined) this.noteRole(view, entry.person);
        break;
      case "withdraw":
        this.noteWithdrawal(view, body.record);
        break;
      case "retire": {
        const { document, reason, successor } = body;
        this.retiredIds.add(documentId(this.circle, document));
        insertRanked(this.retireStates, { rank, item: { ...said, document, successor, reason, erased: [] } });
        break;
      }
      case "adopt":
        this.notePins([{ document: documentId(this.circle, body.document), heads: body.heads }]);
        break;
      case "decide": {
        const { about, outcome, reason } = body;
        insertRanked(this.decisionStates, { rank, item: { ...said, about, outcome, reason } });
        break;
      }
      case "commit": {
        const { reason, round, stance } = body;
        insertRanked(this.commitStates, { rank, item: { ...said, round, stance, reason } });
        break;
      }
      case "acknowledge":
        this.noteAcknowledgement(view, body.record, entry);
        break;
      case "zone":
        this.relays.set(body.relay, view.relayZones(body.relay));
        break;
      case "fork": {
        const { heads, parent } = body;
        insertRanked(this.forkStates, { rank, item: { record: record.id, parent, heads } });
        break;
      }
      case "doc": {
        const revision = revisionOf(body.document);
        if (revision === undefined) this.addDocument(body.document);
        else this.addRevision(revision);
        break;
      }
      case "share": {
        const { source, heads, target } = body;
        this.shared.add(target.key);
        insertRanked(this.shareStates, { rank, item: { ...said, source, heads, target } });
        break;
      }
      case "snapshot": {
        const { manifest, signature, prev } = body;
        const withdrawn = view.withdrawalOf(record.id)?.record.id;
        const item = { ...said, manifest, signature, prev, cosigns: [], acknowledged: [], withdrawn };
        insertRanked(this.snapshotStates, { rank, item });
        break;
      }
      case "cosign":
        this.noteCosign(view, body.snapshot, entry);
        break;
      case "statement":
        insertRanked(this.statementStates, { rank, item: { ...said, about: body.about, value: body.value } });
        break;
      case "approve":
      case "unknown":
        break;
    }
  }

  /** A person enters, or enters again. */
  private noteEntry(view: View, { rank, record }: LedgerEntry): void {
    const person = record.payload.author;
    const before = this.people.get(person);
    // A person stands where they first entered, whichever record of it came first.
    const isEarlier = before === undefined || compareRanks(rank, before.rank) < 0;
    const member = before?.member ?? { person, role: undefined, devices: [], ...NOTHING_NOTED };
    this.people.set(person, { rank: isEarlier ? rank : before.rank, member });
    this.noteDevice(view, person);
    this.noteRole(view, person);
    for (const revision of this.revisions) this.addOwnDocuments(revision, person);
  }

  /** A join is filed with its invite; the second person takes the first one's role. */
  private noteJoin(view: View, invite: RecordId, join: LedgerEntry): void {
    const found = this.inviteStates.get(invite);
    if (found !== undefined) {
      const usedBy = [...found.item.usedBy, join.rank.id].sort((a, b) => byRank(view, a, b));
      this.inviteStates.set(invite, { rank: found.rank, item: { ...found.item, usedBy } });
    }
    // Whoever came between was noted as contested when they came.
    const first = view.firstJoin(invite);
    if (first !== undefined) this.noteRole(view, first.record.payload.author);
  }

  private noteRole(view: View, person: PersonId): void {
    const role = view.roleOf(person);
    const removed = view.removalOf(person)?.record.id;
    const isSettled = role !== undefined || removed !== undefined;
    const contested = !isSettled && view.isContestedPerson(person);
    const unconfirmed = !isSettled && !contested;
    const vouched = view.isVouched(person);
    this.change(person, (member) => ({ ...member, role, contested, unconfirmed, vouched, removed }));
  }

  private noteDevice(view: View, device: DeviceKey): void {
    const before = this.devices.get(device);
    const owner = view.personOf(device);
    if (owner !== undefined) this.owners.set(device, owner);
    const isRemoved = owner !== undefined && view.deviceRemoval(owner, device) !== undefined;
    const after = isRemoved ? undefined : owner;
    if (after === undefined) this.devices.delete(device);
    else this.devices.set(device, after);
    for (const person of new Set([before, after])) if (person !== undefined) this.noteDevices(person, device);
  }

  private noteDevices(person: PersonId, device: DeviceKey): void {
    const isTheirs = this.devices.get(device) === person;
    this.change(person, (member) => {
      const others = member.devices.filter((other) => other !== device);
      const devices = [...others, ...(isTheirs ? [device] : [])];
      devices.sort((a, b) => Number(b === person) - Number(a === person) || compareIds(a, b));
      return { ...member, devices };
    });
  }

  /** A co-signature stands after its snapshot, so the snapshot is there unless it was frozen. */
  private noteCosign(view: View, snapshot: RecordId, { record }: LedgerEntry): void {
    const at = this.snapshotStates.findIndex(({ item }) => item.record === snapshot);
    const found = this.snapshotStates[at];
    if (found === undefined) return;
    const cosigns = answered(view, found.item.cosigns, record);
    this.snapshotStates[at] = { rank: found.rank, item: { ...found.item, cosigns } };
  }

  private noteConfirm(view: View, join: RecordId): void {
    const payload = view.ledger.find(join)?.record.payload;
    if (payload?.body.kind !== "join") return;
    this.noteRole(view, payload.author);
    // Of two who used one invite, the other's role may end with it.
    for (const rival of view.joins(payload.body.invite)) this.noteRole(view, rival.record.payload.author);
  }

  private notePins(pins: readonly Pin[]): void {
    for (const { document, heads } of pins) {
      const pinned = this.pinned.get(document) ?? new Set();
      for (const head of heads) pinned.add(head);
      this.pinned.set(document, pinned);
    }
  }

  /** An invite that was taken back is no invite; a snapshot that was stays and says so. */
  private noteWithdrawal(view: View, record: RecordId): void {
    this.inviteStates.delete(record);
    const at = this.snapshotStates.findIndex(({ item }) => item.record === record);
    const found = this.snapshotStates[at];
    if (found === undefined) return;
    const withdrawn = view.withdrawalOf(record)?.record.id;
    this.snapshotStates[at] = { rank: found.rank, item: { ...found.item, withdrawn } };
  }

  /** An acknowledgement stands after what it names, which is there unless it was frozen or cut. */
  private noteAcknowledgement(view: View, about: RecordId, { record }: LedgerEntry): void {
    const at = this.snapshotStates.findIndex(({ item }) => item.record === about);
    const snapshot = this.snapshotStates[at];
    if (snapshot !== undefined) {
      const acknowledged = answered(view, snapshot.item.acknowledged, record);
      this.snapshotStates[at] = { rank: snapshot.rank, item: { ...snapshot.item, acknowledged } };
    }
    const place = this.retireStates.findIndex(({ item }) => item.record === about);
    const retired = this.retireStates[place];
    if (retired !== undefined) {
      const erased = answered(view, retired.item.erased, record);
      this.retireStates[place] = { rank: retired.rank, item: { ...retired.item, erased } };
    }
  }

  private change(person: PersonId, how: (member: Member) => Member): void {
    const found = this.people.get(person);
    if (found !== undefined) this.people.set(person, { rank: found.rank, member: how(found.member) });
  }

  private addDocument(document: DocumentRef): void {
    this.known.set(documentId(this.circle, document), document);
  }

  private addRevision(revision: number): void {
    this.revisions.add(revision);
    this.addDocument(checkInDocument(revision));
    for (const person of this.people.keys()) this.addOwnDocuments(revision, person);
  }

  private addOwnDocuments(revision: number, person: PersonId): void {
    this.addDocument(draftDocument(person, revision));
    this.addDocument(voiceDocument(person, revision));
  }
}

const NOTHING_NOTED = { contested: false, unconfirmed: false, vouched: false, removed: undefined };

/** An item in the order that all devices agree on, however it arrived. */
interface Ranked<T> {
  readonly rank: Rank;
  readonly item: T;
}

function insertRanked<T>(list: Ranked<T>[], ranked: Ranked<T>): void {
  const later = list.findLastIndex(({ rank }) => compareRanks(rank, ranked.rank) < 0);
  list.splice(later + 1, 0, ranked);
}

/** The answers with one more, in the order that all devices agree on. */
function answered(view: View, answers: readonly Answer[], { id, payload }: SignedRecord): readonly Answer[] {
  const more = [...answers, { record: id, device: payload.author }];
  return more.sort((a, b) => byRank(view, a.record, b.record));
}

function byRank(view: View, a: RecordId, b: RecordId): number {
  const [left, right] = [view.ledger.find(a)?.rank, view.ledger.find(b)?.rank];
  return left === undefined || right === undefined ? 0 : compareRanks(left, right);
}

function bytesOf(id: DocumentId): Uint8Array {
  return documentIdBytes(id) ?? new Uint8Array();
}
