// What a person does in a Small Win, beyond writing: each act is a signed record.

import * as A from "@automerge/automerge/slim";
import { compareBytes, compareIds } from "../circle/bytes.ts";
import { caseDocument, type DocumentRef, draftDocument, stepDocument, voiceDocument } from "../circle/document.ts";
import { documentIdBytes, type PersonId, type RecordId } from "../circle/ids.ts";
import { formatHint, formatInviteLink, type Hint, inviteSigner, parseHint, parseInviteLink } from "../circle/invite-link.ts";
import {
  type Manifest,
  manifestDocument,
  manifestHash,
  manifestToBytes,
  signManifest,
} from "../circle/manifest.ts";
import type { Role } from "../circle/role.ts";
import { buildSnapshotFile } from "../circle/snapshot.ts";
import { timestampOf } from "../circle/timestamp.ts";
import { documentOf } from "../editor/from-automerge.ts";
import { writeText } from "../editor/write.ts";
import { isDocumentKind, QUESTION_IDS, render } from "../model/index.ts";
import { fromB64u, fromHex, randomBytes, toB64u, toHex } from "./bytes.ts";
import { type Circle, manifestRow } from "./circle-book.ts";
import type { Client } from "./client.ts";
import { exclusively } from "./identity.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Begins a Small Win: a circle of its own, and its case. */
export async function beginSmallWin(client: Client, title: string, caseText: string): Promise<Circle> {
  const circle = await client.book.found();
  const document = await client.open(circle, caseDocument);
  document.change((doc) => {
    writeText(doc, ["title"], title);
    writeText(doc, ["body"], caseText);
  });
  return circle;
}

/** A fresh link that lets one person in. */
export async function invite(client: Client, circle: Circle, role: Role, days: number): Promise<string> {
  const secret = randomBytes(16);
  const key = toB64u(inviteSigner(secret).key);
  const expires = timestampOf(Date.now() + days * DAY_MS);
  await client.book.append(circle, async () => ({ body: { kind: "invite", invite: key, role, expires } }));
  const { origin, hints } = await addresses(client);
  return formatInviteLink({ origin, circle: circle.id, secret, hints });
}

/** Where others find this circle: what our own node says, or where this page came from. */
export async function addresses(client: Client): Promise<{ origin: string; hints: Hint[] }> {
  const here = { origin: location.origin, hints: [hereAsHint(client)] };
  if (!client.isAtOwnNode) return here;
  const answer = (await client.ask("addresses")) as { origins?: unknown; hints?: unknown } | null;
  const origins = texts(answer?.origins);
  const hints = texts(answer?.hints).flatMap((hint) => {
    try {
      return [parseHint(hint)];
    } catch {
      return [];
    }
  });
  const origin = origins.find((each) => !isLoopback(each)) ?? here.origin;
  return { origin, hints: hints.length > 0 ? hints : here.hints };
}

function hereAsHint(client: Client): Hint {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
  return client.nodeKey ? { url, nodeKey: client.nodeKey } : { url };
}

/** Whether an address only means something on this very computer. */
export function isLoopback(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

/** Opens an invitation: names the circle to the node, and has our own node dial where it leads. */
export async function openInvitation(client: Client, link: string): Promise<Circle> {
  const circle = await client.book.invited(parseInviteLink(link).circle, link);
  client.tryAgain(circle);
  dialInvitation(client, circle);
  return circle;
}

/** Has our own node dial where an invitation leads; nothing when this page came from there. */
export function dialInvitation(client: Client, circle: Circle): void {
  const { link } = circle.stored;
  if (!link || !client.isAtOwnNode) return;
  const { origin, secret, hints } = parseInviteLink(link);
  const elsewhere: Hint[] = hints.filter(({ url }) => new URL(url).host !== location.host);
  if (hints.length === 0 && origin !== location.origin) elsewhere.push({ url: toSocket(origin) });
  for (const hint of elsewhere) client.dial(formatHint(hint), circle.id, secret);
}

function toSocket(origin: string): string {
  return origin.replace(/^http/, "ws");
}

/** Says yes to an invitation. */
export async function join(client: Client, circle: Circle): Promise<void> {
  await client.book.store(circle, { ...circle.stored, joining: true });
}

export async function grant(client: Client, circle: Circle, person: PersonId, role: Role): Promise<void> {
  await client.book.append(circle, async () => ({ body: { kind: "grant", person, role } }));
}

/**
 * Shares our voice: the log says which state of the draft, and a fresh document gets its
 * text, without the history of how it was written.
 */
export async function shareVoice(client: Client, circle: Circle): Promise<void> {
  const person = client.personIn(circle);
  if (!person) return;
  const draft = await client.open(circle, draftDocument(person));
  await client.documents.keep(draft);
  await client.book.append(circle, async () => {
    if (circle.state?.isShared(voiceDocument(person))) return null;
    const heads = draft.heads.map((head) => toB64u(fromHex(head))).sort(compareIds);
    return { body: { kind: "share", source: draft.ref, heads, target: voiceDocument(person) } };
  });
  await fillVoice(client, circle);
}

/** Copies the shared text, where a crash kept us from it. Only the device that shared does so. */
export async function fillVoice(client: Client, circle: Circle): Promise<void> {
  const person = client.personIn(circle);
  if (!person) return;
  const ref = voiceDocument(person);
  const share = circle.state?.shares().find(({ target }) => target.kind === ref.kind && target.key === ref.key);
  if (!share || share.author !== client.identity.name) return;
  await exclusively(`smallwin-voice-${circle.id}`, async () => {
    const [draft, voice] = [await client.open(circle, share.source), await client.open(circle, ref)];
    if (voice.isTouched) return;
    const shared = A.view(draft.doc(), share.heads.map(hexOf));
    voice.change((doc) => {
      for (const question of QUESTION_IDS) writeText(doc, [question], documentOf(A.spans(shared, [question])));
    });
    await client.documents.keep(voice);
  });
}

function hexOf(head: string): string {
  return toHex(fromB64u(head) ?? new Uint8Array());
}

/** What a snapshot of the step covers: its text, and the case it is about. */
export const SNAPSHOT_DOCUMENTS: readonly DocumentRef[] = [caseDocument, stepDocument];

/** Records the step as it is now, and signs it. */
export async function snapshot(client: Client, circle: Circle, title: string): Promise<RecordId | null> {
  const documents = await Promise.all(SNAPSHOT_DOCUMENTS.map((ref) => client.open(circle, ref)));
  await Promise.all(documents.map((document) => client.documents.keep(document)));
  const docs = documents
    .map((document) => {
      const heads = document.heads.map((head) => toB64u(fromHex(head)));
      return manifestDocument(document.id, document.kind, heads, render(document.doc(), document.kind));
    })
    .sort((a, b) => compareBytes(documentIdBytes(a.id) ?? new Uint8Array(), documentIdBytes(b.id) ?? new Uint8Array()));
  const record = await client.book.append(circle, async ({ deps }) => {
    const prev = circle.state?.snapshots().at(-1)?.record;
    const created = timestampOf(Date.now());
    const manifest: Manifest = { circle: circle.id, created, docs, log: deps, ...(prev ? { prev } : {}), title };
    const hash = manifestHash(manifest);
    const bytes = manifestToBytes(manifest);
    const signature = await signManifest(manifest, "snapshot", client.identity.signer);
    circle.manifests.set(hash, { manifest, bytes });
    return {
      body: { kind: "snapshot", manifest: hash, signature, ...(prev ? { prev } : {}) },
      rows: [manifestRow(circle.id, hash, bytes)],
    };
  });
  return record?.id ?? null;
}

/** Signs a snapshot along: "ik doe mee". */
export async function cosign(client: Client, circle: Circle, record: RecordId): Promise<void> {
  const kept = manifestOf(circle, record);
  if (!kept) return;
  await client.book.append(circle, async () => {
    const isSigned = circle.state
      ?.snapshots()
      .find((each) => each.record === record)
      ?.cosigns.some(({ device }) => device === client.identity.name);
    if (isSigned) return null;
    const signature = await signManifest(kept, "cosign", client.identity.signer);
    return { body: { kind: "cosign", snapshot: record, signature } };
  });
}

/** The text of a snapshot, when it is on this device. */
export function manifestOf(circle: Circle, record: RecordId): Manifest | null {
  const hash = circle.state?.snapshots().find((each) => each.record === record)?.manifest;
  return hash === undefined ? null : (circle.manifests.get(hash)?.manifest ?? null);
}

/** The file that proves a snapshot to anybody. */
export async function snapshotFile(circle: Circle, record: RecordId): Promise<Uint8Array> {
  const manifest = manifestOf(circle, record);
  if (!circle.log || !manifest) throw new Error("the text of the snapshot is not on this device");
  return buildSnapshotFile(circle.log, record, manifest);
}

/** Whether the step has changed since it was recorded. */
export function hasChangedSince(client: Client, manifest: Manifest): boolean {
  return manifest.docs.some(({ id, kind, text }) => {
    const document = client.documents.get(id);
    return document !== undefined && isDocumentKind(kind) && render(document.doc(), kind) !== text;
  });
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
