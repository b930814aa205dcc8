// This browser as a small node: its keys, circles and documents, and its one connection.

import { type PeerId, Repo } from "@automerge/automerge-repo/slim";
import type { DocumentRef } from "../circle/document.ts";
import type { CircleId, DeviceKey, DocumentId, PersonId } from "../circle/ids.ts";
import { may } from "../circle/may.ts";
import { isDocumentKind } from "../model/index.ts";
import { fromB64u, toB64u, toHex } from "./bytes.ts";
import { dialInvitation, fillVoice } from "./acts.ts";
import { Attempts } from "./attempts.ts";
import { type Circle, CircleBook } from "./circle-book.ts";
import { CircleExchange } from "./circle-exchange.ts";
import type { Database } from "./database.ts";
import { Documents, type OpenDocument, type RefusedWork } from "./documents.ts";
import { freshPeerId, type Identity, identityOf } from "./identity.ts";
import { NodeAdapter } from "./node-adapter.ts";
import { type Channel, NodeSocket } from "./node-socket.ts";
import { PairingDesk } from "./pairing.ts";
import { ReachBook } from "./reach.ts";
import { TabsAdapter } from "./tabs-adapter.ts";
import type { Incoming } from "./wire.ts";

/** How we call ourselves. */
export interface OwnName {
  readonly name: string;
  readonly organisation?: string;
}

export interface ClientOptions {
  readonly database: Database;
  /** Address of the node's `/sync`, and its `host:port`. */
  readonly url: string;
  readonly authority: string;
  /** Whether other tabs may be there. */
  readonly tabs: boolean;
  readonly dial?: (url: string) => WebSocket;
}

const NOTICES_OF_JOIN = ["invite-used", "invite-expired", "invite-unknown", "join-refused", "no-accepter", "dial-failed"];
const FINAL_REFUSALS = ["invite-used", "invite-expired", "join-refused"];
const BUSY_WAIT_MS = 800;

export class Client {
  readonly reach = new ReachBook();
  readonly book: CircleBook;
  readonly documents: Documents;
  readonly repo: Repo;
  ownName: OwnName | null = null;
  refused: RefusedWork[] = [];
  /** The node cannot write at present. */
  isNodeReadOnly = false;
  /** This browser's storage refused to write. */
  storageFault: unknown = null;
  private readonly adapter: NodeAdapter;
  private readonly socket: NodeSocket;
  private exchange: CircleExchange | null = null;
  private channel: Channel | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly pairing: PairingDesk;
  private readonly attempts = new Attempts();
  private isTelling = false;

  static async start(options: ClientOptions): Promise<Client> {
    const identity = await identityOf(options.database);
    const client = new Client(options, identity);
    await client.load();
    client.socket.start();
    return client;
  }

  private constructor(
    private readonly options: ClientOptions,
    readonly identity: Identity,
  ) {
    const { database, url, authority, dial } = options;
    const peerId = freshPeerId(identity);
    this.socket = new NodeSocket(
      { url, authority, identity, peerId, ...(dial ? { dial } : {}) },
      {
        ready: (channel) => this.connected(channel),
        frame: (frame, channel) => this.receive(frame, channel),
        lost: (channel) => this.lost(channel),
        changed: () => this.changed(),
      },
    );
    this.pairing = new PairingDesk(database, identity, () => this.socket);
    this.adapter = new NodeAdapter(
      () => this.socket,
      (id, channel) => this.documents.before(id, channel),
    );
    const channel = (name: string) => (options.tabs ? new BroadcastChannel(name) : null);
    const tabs = options.tabs ? [new TabsAdapter((id) => this.keep(id))] : [];
    const share = async (peer: PeerId, id?: string) => this.mayShare(peer, id);
    this.repo = new Repo({
      peerId: peerId as PeerId,
      network: [this.adapter, ...tabs],
      shareConfig: { announce: share, access: share },
    });
    this.documents = new Documents(this.repo, database, identity, {
      touched: () => this.changed(),
      kept: () => this.changed(),
      refused: (work) => {
        const known = new Set(this.refused.map(({ hash }) => hash));
        this.refused = [...this.refused, ...work.filter(({ hash }) => !known.has(hash))];
        this.changed();
      },
      failed: (fault) => {
        this.storageFault = fault;
        this.changed();
      },
    }, channel("smallwin-refused"));
    this.book = new CircleBook(database, identity, {
      logChanged: (circle) => this.logChanged(circle),
      cardsChanged: (circle, cards) => {
        this.exchange?.sendCards(circle, cards);
        this.changed();
      },
      manifestsChanged: (circle, manifests) => {
        this.exchange?.sendManifests(circle, manifests);
        this.changed();
      },
      changed: (circle) => {
        this.exchange?.join(circle);
        this.exchange?.present();
        this.changed();
      },
    }, channel("smallwin-circles"));
    this.repo.synchronizer.on("sync-state", ({ peerId: peer, documentId, syncState }) => {
      if (peer !== this.channel?.peerId || !syncState.theirHeads) return;
      this.reach.nodeConfirmed(documentId, syncState.theirHeads);
      this.changed();
    });
  }

  get isOnline(): boolean {
    return this.socket.isReady;
  }

  get isPaired(): boolean {
    return this.pairing.current !== null;
  }

  /** Whether the node at the other end now is the one we paired with. */
  get isAtOwnNode(): boolean {
    const own = this.pairing.current?.nodeKey;
    return own !== undefined && own === this.nodeKey;
  }

  /** The node's key, once connected. */
  get nodeKey(): DeviceKey | null {
    return this.channel ? toB64u(this.channel.nodeKey) : null;
  }

  /** Our person in a circle. */
  personIn(circle: Circle): PersonId | undefined {
    return circle.state?.personOf(this.identity.name);
  }

  /** The name of a person, as far as known. */
  nameOf(circle: Circle, person: PersonId): string | null {
    return circle.cards.get(person)?.fields.name ?? null;
  }

  /** Calls back, once a frame at most, after anything that views show has changed. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  stop(): void {
    this.socket.stop();
    void this.repo.shutdown();
  }

  async setName(ownName: OwnName): Promise<void> {
    await this.options.database.write([{ table: "settings", key: "name", value: ownName }]);
    this.ownName = ownName;
    for (const circle of this.book.all()) {
      await this.book.writeCard(circle, ownName.name, ownName.organisation);
    }
    this.changed();
  }

  async hideRefused(work: RefusedWork, hidden: boolean): Promise<void> {
    const value = { ...work, hidden };
    await this.options.database.write([{ table: "refused", key: [work.documentId, work.hash], value }]);
    this.refused = this.refused.map((each) => (each.hash === work.hash ? value : each));
    this.changed();
  }

  /** Pairs with the node at the other end by its one-time secret. */
  async pair(secret: Uint8Array, device: DeviceKey): Promise<boolean> {
    await this.whenOnline();
    return this.channel ? this.pairing.offer(this.channel, secret, device) : false;
  }

  /** Asks our own node something; `null` when it does not answer. */
  async ask(what: string): Promise<unknown> {
    return this.channel ? this.pairing.ask(this.channel, what) : null;
  }

  /** Asks our own node to dial another, to present an invitation there. */
  dial(url: string, circle: CircleId, secret: Uint8Array): void {
    const { channel } = this;
    if (channel) {
      this.socket.send(channel, () => [{ type: "smallwin/dial", url, circle: fromB64u(circle), secret }]);
    }
  }

  /** Presents an invitation once more. */
  tryAgain(circle: Circle): void {
    circle.trouble = null;
    this.exchange?.presentAgain(circle);
    this.exchange?.joinAgain(circle);
  }

  /** Opens a document of a circle. */
  open(circle: Circle, ref: DocumentRef): Promise<OpenDocument> {
    return this.documents.openDocument(circle.id, ref);
  }

  async whenOnline(): Promise<void> {
    if (this.isOnline) return;
    await new Promise<void>((resolve) => {
      const stop = this.onChange(() => {
        if (!this.isOnline) return;
        stop();
        resolve();
      });
    });
  }

  private async load(): Promise<void> {
    const { database } = this.options;
    await this.pairing.load();
    this.ownName = (await database.get<OwnName>("settings", "name")) ?? null;
    this.refused = await database.all<RefusedWork>("refused");
    await this.book.load();
    for (const circle of this.book.all()) await this.openDocuments(circle);
  }

  private connected(channel: Channel): void {
    this.channel = channel;
    this.isNodeReadOnly = false;
    this.exchange = new CircleExchange(this.book, this.identity, this.socket, channel, () => this.isAtOwnNode, {
      accessChanged: () => this.accessChanged(),
    });
    this.exchange.present();
    this.adapter.ready(channel);
    if (this.isAtOwnNode) void this.followOwnNode();
    for (const circle of this.book.all()) {
      dialInvitation(this, circle);
      // A page that was closed early may have left something of it undone.
      this.settle(circle);
    }
    this.changed();
  }

  /** Our own node may hold circles that this browser does not know, such as those of the command line. */
  private async followOwnNode(): Promise<void> {
    const circles = await this.ask("circles");
    if (!Array.isArray(circles)) return;
    for (const id of circles) if (typeof id === "string" && fromB64u(id)?.length === 32) await this.book.follow(id);
    this.exchange?.present();
  }

  private lost(channel: Channel): void {
    if (this.channel !== channel) return;
    this.channel = null;
    this.exchange = null;
    this.adapter.lost(channel);
    this.changed();
  }

  private async receive(frame: Incoming, channel: Channel): Promise<void> {
    switch (frame.type) {
      case "repo":
        if (frame.message.type === "doc-unavailable") this.documents.wasDropped(frame.message.documentId, channel);
        this.adapter.receive(frame.message);
        return;
      case "smallwin/circles":
        return this.exchange?.takeItems(frame.items);
      case "smallwin/log":
        return this.exchange?.takeLog(frame);
      case "smallwin/beside":
        return this.exchange?.takeBeside(frame);
      case "smallwin/frontier":
        return this.documents.takeFrontiers(frame.documentId, frame.items);
      case "smallwin/refused":
        return this.refusedBy(channel, frame.documentId, frame.hashes.map(toHex), frame.reason);
      case "smallwin/reached":
        this.reach.peopleConfirmed(
          frame.documentId,
          frame.people.map(({ person, heads }) => ({ person: toB64u(person), heads })),
        );
        this.changed();
        return;
      case "smallwin/paired":
        return this.paired(frame, channel);
      case "smallwin/told":
        return this.pairing.told(frame.what, frame.json);
      case "smallwin/notice":
        return this.noticed(frame.code, frame.about);
    }
  }

  private async refusedBy(channel: Channel, id: DocumentId, hashes: string[], reason: string): Promise<void> {
    // Two reasons may pass: a frontier that was lost on the way, a record still on its way.
    if (reason === "unknown-document") return;
    if (reason === "unsigned" && this.attempts.again(`unsigned ${id}`)) {
      this.socket.send(channel, () => this.documents.sendFrontiersAgain(id, channel));
      return;
    }
    await this.documents.setAside(id, hashes, reason);
  }

  private async paired(frame: Incoming & { type: "smallwin/paired" }, channel: Channel): Promise<void> {
    if (!(await this.pairing.accept(frame, channel))) return;
    for (const circle of this.book.all()) this.logChanged(circle);
    void this.followOwnNode();
    this.changed();
  }

  private noticed(code: string, about: string | null): void {
    if (code === "pairing-refused" || code === "too-many-paired") this.pairing.refuse();
    if (code === "read-only") this.isNodeReadOnly = true;
    const circle = about === null ? undefined : this.book.get(about);
    if (circle && this.personIn(circle) === undefined) {
      if (code === "join-stale") this.joinAnew(circle);
      else if (code === "busy") setTimeout(() => this.exchange?.joinAgain(circle), BUSY_WAIT_MS);
      else if (NOTICES_OF_JOIN.includes(code) && !FINAL_REFUSALS.includes(circle.trouble ?? "")) circle.trouble = code;
    }
    this.changed();
  }

  /** The log has gone on since our join was signed: sign it on the present one. */
  private joinAnew(circle: Circle): void {
    if (!this.attempts.again(`stale ${circle.id}`)) {
      circle.trouble = "join-refused";
      return;
    }
    setTimeout(() => {
      this.book
        .forgetJoin(circle)
        .then(() => this.exchange?.joinAgain(circle))
        .catch((fault: unknown) => console.error("the join could not be signed again", fault));
    }, BUSY_WAIT_MS);
  }

  private logChanged(circle: Circle): void {
    this.exchange?.present();
    this.exchange?.logChanged(circle);
    this.settle(circle);
    this.changed();
  }

  private settle(circle: Circle): void {
    circle.turns
      .take(() => this.settleIn(circle))
      .catch((fault: unknown) => {
        this.storageFault = fault;
        this.changed();
      });
  }

  /** What a member does once: link the own node, say the own name, open the documents. */
  private async settleIn(circle: Circle): Promise<void> {
    const { state } = circle;
    if (!state || state.roleOfDevice(this.identity.name) === undefined) return;
    circle.trouble = null;
    if (circle.stored.link) {
      const { id, hosted } = circle.stored;
      await this.book.store(circle, { id, hosted });
    }
    const { ownName } = this;
    const pairing = this.pairing.current;
    if (pairing && state.personOf(pairing.device) === undefined) {
      await this.book.append(circle, async () => {
        const { device, consent, sealing } = pairing;
        if (circle.state?.personOf(device) !== undefined) return null;
        return { body: { kind: "link", device, consent, sealing } };
      });
    }
    const me = this.personIn(circle);
    if (ownName && me && !circle.cards.has(me)) {
      await this.book.writeCard(circle, ownName.name, ownName.organisation);
    }
    await this.openDocuments(circle);
    await fillVoice(this, circle);
    this.accessChanged();
  }

  private async openDocuments(circle: Circle): Promise<void> {
    const { state } = circle;
    if (!state) return;
    for (const { document } of state.documents()) {
      if (!isDocumentKind(document.kind) || may(state, this.identity.name, "read", document) !== undefined) continue;
      // An unshared voice is empty; what its author writes goes into the draft.
      if (document.kind === "voice" && !state.isShared(document)) continue;
      await this.open(circle, document);
    }
    this.changed();
  }

  private accessChanged(): void {
    this.repo.shareConfigChanged();
    this.changed();
  }

  /** Whether a peer may have a document: another tab of ours, or a node of somebody who may read it (V1). */
  private mayShare(peer: string, id: string | undefined): boolean {
    const document = id === undefined ? undefined : this.documents.get(id);
    if (!document) return false;
    if (peer.startsWith(`${this.identity.name}-`)) return true;
    if (peer !== this.channel?.peerId) return false;
    const device = this.exchange?.deviceFor(document.circle);
    const state = this.book.get(document.circle)?.state;
    return !!device && !!state && may(state, device, "read", document.ref) === undefined;
  }

  private async keep(id: DocumentId): Promise<void> {
    const document = this.documents.get(id);
    if (document) await this.documents.keep(document);
  }

  private changed(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    queueMicrotask(() => {
      this.isTelling = false;
      for (const listener of [...this.listeners]) listener();
    });
  }
}
