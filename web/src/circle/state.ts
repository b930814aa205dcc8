// The state of a circle: what its records, taken together, say.

import { compareBytes, compareIds } from "./bytes.ts";
import {
  caseDocument,
  checkInDocument,
  documentId,
  type DocumentRef,
  draftDocument,
  revisionOf,
  stepDocument,
  voiceDocument,
} from "./document.ts";
import {
  type ChangeHash,
  type CircleId,
  type DeviceKey,
  type DocumentId,
  documentIdBytes,
  type ManifestHash,
  type PersonId,
  type RecordId,
  type Signature,
} from "./ids.ts";
import type { Json } from "./jcs.ts";
import { compareRanks, type LedgerEntry, type Rank } from "./ledger.ts";
import type { Role } from "./role.ts";
import type { View } from "./view.ts";

/** A person in the circle. */
export interface Member {
  readonly person: PersonId;
  /** None while their join is contested. */
  readonly role: Role | undefined;
  /** Their devices: the one they entered with first, if it is still theirs, then ascending. */
  readonly devices: readonly DeviceKey[];
  /** Whether their join is contested, so that it gives them no role. */
  readonly contested: boolean;
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
  readonly cosigns: readonly { readonly record: RecordId; readonly device: DeviceKey }[];
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

  /** Whose device it is; also of a person whose join is contested. */
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
      case "invite": {
        const { invite, role, expires } = body;
        const item = { record: record.id, author, invite, role, expires, usedBy: [] };
        this.inviteStates.set(record.id, { rank, item });
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
        insertRanked(this.snapshotStates, { rank, item: { ...said, manifest, signature, prev, cosigns: [] } });
        break;
      }
      case "cosign":
        this.noteCosign(view, body.snapshot, entry);
        break;
      case "statement":
        insertRanked(this.statementStates, { rank, item: { ...said, about: body.about, value: body.value } });
        break;
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
    const member = before?.member ?? { person, role: undefined, devices: [], contested: false };
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
    this.change(person, (member) => ({ ...member, role, contested: role === undefined }));
  }

  private noteDevice(view: View, device: DeviceKey): void {
    const before = this.devices.get(device);
    const after = view.personOf(device);
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
    const cosigns = [...found.item.cosigns, { record: record.id, device: record.payload.author }];
    cosigns.sort((a, b) => byRank(view, a.record, b.record));
    this.snapshotStates[at] = { rank: found.rank, item: { ...found.item, cosigns } };
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

/** An item in the order that all devices agree on, however it arrived. */
interface Ranked<T> {
  readonly rank: Rank;
  readonly item: T;
}

function insertRanked<T>(list: Ranked<T>[], ranked: Ranked<T>): void {
  const later = list.findLastIndex(({ rank }) => compareRanks(rank, ranked.rank) < 0);
  list.splice(later + 1, 0, ranked);
}

function byRank(view: View, a: RecordId, b: RecordId): number {
  const [left, right] = [view.ledger.find(a)?.rank, view.ledger.find(b)?.rank];
  return left === undefined || right === undefined ? 0 : compareRanks(left, right);
}

function bytesOf(id: DocumentId): Uint8Array {
  return documentIdBytes(id) ?? new Uint8Array();
}
