// The documents of our circles: opened from this device, kept, signed, and offered to the repo.

import * as A from "@automerge/automerge/slim";
import { type DocHandle, type DocumentId as RepoDocumentId, Repo } from "@automerge/automerge-repo/slim";
import { type DocumentRef, documentId as idOfDocument } from "../circle/document.ts";
import type { CircleId, DocumentId } from "../circle/ids.ts";
import { type DocumentKind, FIRST_CHANGES, firstChange, isDocumentKind } from "../model/index.ts";
import { concat, toHex } from "./bytes.ts";
import { loadDocument, rowOfChanges, rowsOfRemoval } from "./chunk-store.ts";
import type { Database, Row } from "./database.ts";
import { FrontierBook } from "./frontier-book.ts";
import { freshActor, type Identity } from "./identity.ts";
import { FRONTIERS_PER_FRAME_MAX } from "./limits.ts";
import { Turns } from "./turns.ts";
import type { Outgoing } from "./wire.ts";

const KEEP_AFTER_MS = 30;

/** A document that views read and write. */
export interface OpenText {
  doc(): A.Doc<unknown>;
  change(edit: (doc: A.Doc<unknown>) => void): void;
  /** Calls back after each change, own or others'; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

/** A contribution that was not taken up, with its text. */
export interface RefusedWork {
  readonly documentId: DocumentId;
  readonly circle: CircleId;
  readonly kind: DocumentKind;
  readonly hash: string;
  readonly reason: string;
  readonly text: string;
  /** Orders the changes of one document as they were written. */
  readonly order: number;
  readonly hidden: boolean;
}

interface Refusal {
  readonly id: DocumentId;
  readonly hashes: readonly string[];
  readonly reason: string;
}

export class OpenDocument implements OpenText {
  /** Heads that are in the browser's storage. */
  keptHeads: A.Heads = [];
  readonly turns = new Turns();
  /** A time at which it will be kept. */
  soon: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly tell = () => {
    for (const listener of this.listeners) listener();
  };

  constructor(
    readonly id: DocumentId,
    readonly circle: CircleId,
    readonly ref: DocumentRef,
    readonly kind: DocumentKind,
    private handle: DocHandle<unknown>,
    readonly frontiers: FrontierBook,
  ) {
    handle.on("heads-changed", this.tell);
  }

  doc(): A.Doc<unknown> {
    return this.handle.doc();
  }

  change(edit: (doc: A.Doc<unknown>) => void): void {
    this.handle.change(edit as A.ChangeFn<unknown>);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get actor(): string {
    return A.getActorId(this.doc());
  }

  get heads(): A.Heads {
    return A.getHeads(this.doc());
  }

  get isKept(): boolean {
    return this.heads.join() === this.keptHeads.join();
  }

  /** Whether somebody wrote in it; before that it has its first change alone. */
  get isTouched(): boolean {
    const [head, ...others] = this.heads;
    return others.length > 0 || head !== FIRST_CHANGES[this.kind].hash;
  }

  /** Leaves its handle, before that one goes. */
  leave(): void {
    this.handle.off("heads-changed", this.tell);
  }

  /** Goes on with another handle of the same document. */
  goOn(handle: DocHandle<unknown>): void {
    this.handle = handle;
    handle.on("heads-changed", this.tell);
    this.tell();
  }
}

export interface DocumentsEvents {
  /** Something was written that is not kept yet: what was true of the document is true no more. */
  touched(document: OpenDocument): void;
  /** What is kept of a document has changed. */
  kept(document: OpenDocument): void;
  refused(work: readonly RefusedWork[]): void;
  /** The browser's storage refuses to write. */
  failed(fault: unknown): void;
}

export class Documents {
  private readonly open = new Map<DocumentId, OpenDocument>();
  private readonly opening = new Map<DocumentId, Promise<OpenDocument>>();
  private readonly greeted = new WeakMap<object, Set<string>>();

  constructor(
    private readonly repo: Repo,
    private readonly database: Database,
    private readonly identity: Identity,
    private readonly events: DocumentsEvents,
    /** Tells other tabs what was refused: they hold it too, and would bring it back. */
    private readonly tabs: BroadcastChannel | null,
  ) {
    this.tabs?.addEventListener("message", (event: MessageEvent<Refusal>) => {
      const { id, hashes, reason } = event.data;
      this.setAside(id, hashes, reason).catch((fault: unknown) => this.events.failed(fault));
    });
  }

  get(id: DocumentId): OpenDocument | undefined {
    return this.open.get(id);
  }

  all(): OpenDocument[] {
    return [...this.open.values()];
  }

  /** Opens a document from what this device has, or from its first change (F1). */
  async openDocument(circle: CircleId, ref: DocumentRef): Promise<OpenDocument> {
    const id = idOfDocument(circle, ref);
    const known = this.open.get(id);
    if (known) return known;
    let opening = this.opening.get(id);
    if (!opening) {
      opening = this.openNow(id, circle, ref).finally(() => this.opening.delete(id));
      this.opening.set(id, opening);
    }
    return opening;
  }

  private async openNow(id: DocumentId, circle: CircleId, ref: DocumentRef): Promise<OpenDocument> {
    const { kind } = ref;
    if (!isDocumentKind(kind)) throw new Error(`this version does not know documents of the kind ${kind}`);
    const frontiers = await FrontierBook.open(this.database, this.identity, circle, id);
    const actor = freshActor(this.identity);
    const stored = await loadDocument(this.database, id, actor);
    const doc = stored ?? A.loadIncremental(A.init<unknown>({ actor }), firstChange(kind));
    const document = new OpenDocument(id, circle, ref, kind, this.handleOf(id, doc), frontiers);
    if (stored) document.keptHeads = A.getHeads(stored);
    this.open.set(id, document);
    document.onChange(() => this.keepSoon(document));
    await this.keep(document);
    return document;
  }

  /** Puts a document into the repo, with its actor (K2): `import` alone would give it another. */
  private handleOf(id: DocumentId, doc: A.Doc<unknown>): DocHandle<unknown> {
    const handle = this.repo.import<unknown>(A.save(doc), { docId: id as unknown as RepoDocumentId });
    const actor = A.getActorId(doc);
    handle.update((imported) => A.clone(imported, { actor }));
    return handle;
  }

  /** Keeps after a moment, so that quick typing is one chunk and one signature. */
  private keepSoon(document: OpenDocument): void {
    if (document.soon !== undefined) return;
    this.events.touched(document);
    document.soon = setTimeout(() => {
      document.soon = undefined;
      this.keep(document).catch((fault: unknown) => this.events.failed(fault));
    }, KEEP_AFTER_MS);
  }

  /**
   * Signs and keeps what is new in a document, in one transaction: so no tab that dies leaves
   * a change without its frontier. When it returns, that may be told (K1).
   */
  async keep(document: OpenDocument): Promise<void> {
    await document.turns.take(async () => {
      const doc = document.doc();
      const heads = A.getHeads(doc);
      const { actor } = document;
      const { rows } = await document.frontiers.cover(doc, (each) => each === actor);
      const isNew = heads.join() !== document.keptHeads.join();
      const row = isNew ? rowOfChanges(document.id, doc, document.keptHeads) : null;
      await this.database.write(row ? [...rows, row] : rows);
      document.keptHeads = heads;
      if (isNew || rows.length > 0) this.events.kept(document);
    });
  }

  /** Keeps what is new in all open documents. */
  async keepAll(): Promise<void> {
    await Promise.all(this.all().map((document) => this.keep(document)));
  }

  /**
   * What must stand before a sync message about a document: its changes kept, and the
   * frontiers that the node has not got on this connection.
   */
  async before(id: DocumentId, connection: object): Promise<readonly Outgoing[]> {
    const document = this.open.get(id);
    if (!document) return [];
    await this.keep(document);
    await document.frontiers.reload();
    const sent = this.greeted.get(connection) ?? new Set<string>();
    this.greeted.set(connection, sent);
    const all = document.frontiers.all().filter((bytes) => !sent.has(keyOf(id, bytes)));
    for (const bytes of all) sent.add(keyOf(id, bytes));
    const frames: Outgoing[] = [];
    for (let at = 0; at < all.length; at += FRONTIERS_PER_FRAME_MAX) {
      const items = concat(...all.slice(at, at + FRONTIERS_PER_FRAME_MAX));
      frames.push({ type: "smallwin/frontier", documentId: id, items });
    }
    return frames;
  }

  async takeFrontiers(id: DocumentId, items: readonly Uint8Array[]): Promise<void> {
    const document = this.open.get(id);
    if (document) await this.database.write(await document.frontiers.take(items));
  }

  /** The node dropped what came about a document, since its log was behind ours: nothing of it counts as sent. */
  wasDropped(id: DocumentId, connection: object): void {
    const sent = this.greeted.get(connection);
    for (const key of sent ?? []) if (key.startsWith(id)) sent?.delete(key);
  }

  /** The node lacks a frontier: it gets all of them once more. */
  async sendFrontiersAgain(id: DocumentId, connection: object): Promise<readonly Outgoing[]> {
    this.greeted.delete(connection);
    return this.before(id, connection);
  }

  /**
   * Changes of a document were refused: they, and what builds on them, are taken out of it,
   * and the text in them is set aside where its author finds it.
   */
  async setAside(id: DocumentId, hashes: readonly string[], reason: string): Promise<void> {
    const document = this.open.get(id);
    if (!document) return;
    await document.turns.take(async () => {
      let work: RefusedWork[] | null;
      do work = await this.trySetAside(document, hashes, reason);
      while (work === null);
      if (work.length > 0) this.events.refused(work);
      if (work.length > 0) this.tabs?.postMessage({ id, hashes, reason } satisfies Refusal);
    });
  }

  /** Gives `null` when something was written meanwhile: that must not be lost. */
  private async trySetAside(document: OpenDocument, hashes: readonly string[], reason: string) {
    const { id } = document;
    const doc = document.doc();
    const heads = A.getHeads(doc);
    const { kept, removed } = parted(doc, new Set(hashes));
    if (removed.length === 0) return [];
    const own = removed.filter(({ actor }) => actor.startsWith(toHex(this.identity.signer.key)));
    const now = Date.now();
    const work = own.map((change, at) => this.workOf(document, change, reason, now * 1000 + Math.min(at, 999)));
    const [fresh] = A.applyChanges(A.init<unknown>({ actor: freshActor(this.identity) }), kept);
    const rows: Row[] = work.map((value) => ({ table: "refused", key: [id, value.hash], value }));
    const whole = rowOfChanges(id, fresh, []);
    await this.database.write([...(await rowsOfRemoval(this.database, id)), ...rows, ...(whole ? [whole] : [])]);
    if (document.heads.join() !== heads.join()) {
      document.keptHeads = [];
      return null;
    }
    document.keptHeads = A.getHeads(fresh);
    document.frontiers.forget();
    document.leave();
    this.repo.delete(id as unknown as RepoDocumentId);
    document.goOn(this.handleOf(id, fresh));
    this.events.kept(document);
    return work;
  }

  private workOf(document: OpenDocument, change: A.DecodedChange, reason: string, order: number): RefusedWork {
    const { id: documentId, circle, kind } = document;
    const { hash } = change;
    return { documentId, circle, kind, hash, reason, text: textOf(change), order, hidden: false };
  }
}

function keyOf(id: DocumentId, frontier: Uint8Array): string {
  // Actor and number tell frontiers apart.
  return id + toHex(frontier.subarray(0, 48));
}

/** Parts the changes of a document into those without, and those with, something of `refused` before them. */
function parted(doc: A.Doc<unknown>, refused: Set<string>) {
  const kept: A.Change[] = [];
  const removed: A.DecodedChange[] = [];
  // In an order in which each stands after what it depends on.
  for (const change of A.getAllChanges(doc)) {
    const decoded = A.decodeChange(change);
    if (refused.has(decoded.hash) || decoded.deps.some((hash) => refused.has(hash))) {
      refused.add(decoded.hash);
      removed.push(decoded);
    } else {
      kept.push(change);
    }
  }
  return { kept, removed };
}

/** The words that a change added, in their order. */
function textOf(change: A.DecodedChange): string {
  let text = "";
  for (const op of change.ops) {
    const { action, insert, value } = op as { action: string; insert?: boolean; value?: unknown };
    if (action === "set" && insert && typeof value === "string") text += value;
    else if (action === "makeMap" && insert) text += "\n";
  }
  return text;
}

