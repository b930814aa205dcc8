// Snapshot files: what was agreed and by whom, verified with nothing but the file.

import { fromB64u, sameBytes, toB64u } from "./bytes.ts";
import { CircleError } from "./error.ts";
import type { CircleId, DeviceKey, PersonId, RecordId } from "./ids.ts";
import { fromCanonical, type Json, toCanonical } from "./jcs.ts";
import { type Entry, entryOf, entryVerifies, keyInHeader, type Purpose, readEntry, readGeneral } from "./jws.ts";
import { SNAPSHOT_FILE_BYTES_MAX } from "./limits.ts";
import { Log } from "./log.ts";
import { type Manifest, manifestHash, manifestToBytes, parseManifest, verifyManifest } from "./manifest.ts";
import { fieldsOf, listOf, malformed, textOf } from "./read.ts";
import { SignedRecord } from "./record.ts";
import type { Role } from "./role.ts";
import type { SnapshotState } from "./state-items.ts";
import type { State } from "./state.ts";

const TYPE = "smallwin/snapshot-file@1";

/** What a verified file says. */
export interface Report {
  readonly circle: CircleId;
  readonly title: string;
  readonly created: string;
  /** The snapshot record. */
  readonly snapshot: RecordId;
  readonly manifest: Manifest;
  /** Who signed: the facilitator first. */
  readonly signers: readonly Signatory[];
}

/** Somebody who signed a snapshot. */
export interface Signatory {
  readonly key: DeviceKey;
  readonly purpose: Purpose;
  /** The role of its person when they signed. */
  readonly role: Role;
  readonly person: PersonId;
  readonly record: RecordId;
  readonly claimed: string;
}

/** Builds the file for a valid snapshot of this log, with its co-signatures so far. */
export async function buildSnapshotFile(log: Log, snapshot: RecordId, manifest: Manifest): Promise<Uint8Array> {
  const state = log.state.snapshots().find(({ record }) => record === snapshot);
  if (state === undefined || state.manifest !== manifestHash(manifest)) throw noSnapshot();
  const signatures = [{ record: state.record, entry: entryOf(state.author, state.signature, "snapshot") }];
  const seen = new Set<DeviceKey>();
  for (const { record, device } of state.cosigns) {
    const signature = cosignature(log, record);
    // A co-signature that does not fit the text proves nothing and is left out.
    if (signature === undefined || seen.has(device)) continue;
    if (!(await verifyManifest(manifest, "cosign", device, signature))) continue;
    seen.add(device);
    signatures.push({ record, entry: entryOf(device, signature, "cosign") });
  }
  const bytes = toCanonical({
    payload: toB64u(manifestToBytes(manifest)),
    records: log.closure(signatures.map(({ record }) => record)).map((record) => fromCanonical(record.bytes)),
    signatures: signatures.map(({ entry }) => entry),
    type: TYPE,
  });
  // What we hand out must verify: a snapshot that breaks a rule is found here, not by its reader.
  await verifySnapshotFile(bytes);
  return bytes;
}

/** Verifies a file with nothing but the file. Throws and says in one sentence what does not fit. */
export async function verifySnapshotFile(bytes: Uint8Array): Promise<Report> {
  if (bytes.length > SNAPSHOT_FILE_BYTES_MAX) {
    throw new CircleError("too-large", `the file is ${bytes.length} bytes long, more than a snapshot file can be`);
  }
  const fields = fieldsOf(fromCanonical(bytes), ["payload", "records", "signatures", "type"]);
  if (fields["type"] !== TYPE) throw malformed(`this is not a snapshot file: its type is not ${TYPE}`);
  const payload = fromB64u(textOf(fields["payload"]));
  if (payload === undefined) throw malformed("its payload is not base64url");
  const entries = listOf(fields["signatures"]).map(readEntry);
  const manifest = parseManifest(payload);
  await checkSignatures(entries, payload);
  const records = listOf(fields["records"]);
  const log = await readLog(records);
  const snapshot = findSnapshot(log, entries, manifest);
  checkManifest(log, snapshot, manifest);
  const signed = matchSigners(snapshot, log, entries);
  checkRecords(log, signed, records);
  const signers = signed.map((id) => signatory(log, id, snapshot));
  const { circle, title, created } = manifest;
  return { circle, title, created, snapshot: snapshot.record, manifest, signers };
}

function noSnapshot(): CircleError {
  return new CircleError("no-snapshot", "no enclosed record of a facilitator makes a snapshot of this text");
}

function wrongRecords(): CircleError {
  return new CircleError("records", "the enclosed records are not exactly those that the snapshot builds on");
}

function wrongSigner(at: number): CircleError {
  return new CircleError("signer", `signer ${at + 1} has no enclosed record that agrees to the snapshot`);
}

function cosignature(log: Log, record: RecordId): string | undefined {
  const body = log.get(record)?.payload.body;
  return body?.kind === "cosign" ? body.signature : undefined;
}

async function checkSignatures(entries: readonly Entry[], payload: Uint8Array): Promise<void> {
  for (const [at, entry] of entries.entries()) {
    const purpose = purposeAt(at);
    const key = keyInHeader(entry, purpose);
    if (key === undefined || !(await entryVerifies(entry, payload, key, purpose))) {
      throw new CircleError("signature", `the signature of signer ${at + 1} does not fit the text`);
    }
  }
}

async function readLog(records: readonly Json[]): Promise<Log> {
  const [genesis, ...rest] = records;
  if (genesis === undefined) throw wrongRecords();
  const log = new Log(await readRecord(genesis));
  for (const record of rest) if (log.insert(await readRecord(record)).kind !== "new") throw wrongRecords();
  return log;
}

function readRecord(value: Json): Promise<SignedRecord> {
  return SignedRecord.parse(toCanonical(readGeneral(value)));
}

function findSnapshot(log: Log, entries: readonly Entry[], manifest: Manifest): SnapshotState {
  const [first] = entries;
  const key = first === undefined ? undefined : keyInHeader(first, "snapshot");
  const hash = manifestHash(manifest);
  const found = log.state
    .snapshots()
    .find((state) => state.manifest === hash && state.author === key && state.signature === first?.signature);
  if (found === undefined) throw noSnapshot();
  return found;
}

function checkManifest(log: Log, snapshot: SnapshotState, manifest: Manifest): void {
  const deps = log.get(snapshot.record)?.payload.deps ?? [];
  const differs = (what: string) =>
    new CircleError("differs", `the agreed text and the record of the snapshot differ in ${what}`);
  if (manifest.circle !== log.circle) throw differs("the circle");
  if (manifest.prev !== snapshot.prev) throw differs("the snapshot before");
  if (manifest.log.join() !== deps.join()) throw differs("the log before");
  const state = log.stateAt(manifest.log);
  const unknown = manifest.docs.find(({ id, kind }) => !mayHold(state, id, kind));
  if (unknown !== undefined) {
    throw new CircleError("document", `the ${unknown.kind} document is not one that the circle could read`);
  }
}

/** Whether everybody in the circle could read the document when the snapshot was made. */
function mayHold(state: State, id: string, kind: string): boolean {
  const document = state.document(id);
  if (document === undefined || document.kind !== kind || kind === "draft") return false;
  return kind !== "voice" || state.isShared(document);
}

/** Finds the record of every signature, in their order, and refuses a device that stands there twice. */
function matchSigners(snapshot: SnapshotState, log: Log, entries: readonly Entry[]): RecordId[] {
  const cosigns = [...snapshot.cosigns];
  const seen = new Set<DeviceKey>();
  const signed = [snapshot.record];
  for (const [at, entry] of entries.entries()) {
    if (at === 0) continue;
    const key = keyInHeader(entry, "cosign");
    const found = cosigns.findIndex(
      ({ record, device }) => device === key && cosignature(log, record) === entry.signature,
    );
    // The search goes on behind it, so the signatures stand in the order of their records.
    const [match] = found < 0 ? [] : cosigns.splice(0, found + 1).slice(-1);
    if (match === undefined || seen.has(match.device)) throw wrongSigner(at);
    seen.add(match.device);
    signed.push(match.record);
  }
  return signed;
}

function checkRecords(log: Log, signed: readonly RecordId[], records: readonly Json[]): void {
  const expected = log.closure(signed);
  const isSame = (record: SignedRecord, at: number) => sameBytes(record.bytes, toCanonical(records[at]));
  if (expected.length !== records.length || !expected.every(isSame)) throw wrongRecords();
}

function signatory(log: Log, record: RecordId, snapshot: SnapshotState): Signatory {
  const payload = log.get(record)?.payload;
  const before = log.roleBefore(record);
  if (payload === undefined || before === undefined) throw wrongRecords();
  const purpose = record === snapshot.record ? "snapshot" : "cosign";
  return { key: payload.author, purpose, ...before, record, claimed: payload.claimed };
}

function purposeAt(at: number): Purpose {
  return at === 0 ? "snapshot" : "cosign";
}
