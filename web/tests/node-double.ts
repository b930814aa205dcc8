// A node as far as the browser's sync needs one, in memory, for tests only. It proves
// itself, holds logs and documents, and writes down every frame it gets.

import * as A from "@automerge/automerge/slim";
import { cbor } from "@automerge/automerge-repo/slim";
import { Frontier } from "../src/circle/frontier.ts";
import type { CircleId, DocumentId } from "../src/circle/ids.ts";
import { Log } from "../src/circle/log.ts";
import { channelMessage, channelTranscript, circleMessage, circleTag, linkMessage } from "../src/circle/messages.ts";
import { SignedRecord } from "../src/circle/record.ts";
import { signerOf } from "../src/circle/keys.ts";
import { concat, cut, fromB64u, randomBytes, toB64u, toHex } from "../src/sync/bytes.ts";

export type Frame = Record<string, unknown> & { readonly type: string };

export class NodeDouble {
  readonly nodeKey = signerOf(randomBytes(32));
  readonly deviceKey = signerOf(randomBytes(32));
  readonly secret = randomBytes(16);
  readonly frames: Frame[] = [];
  readonly logs = new Map<CircleId, Log>();
  readonly documents = new Map<DocumentId, A.Doc<unknown>>();
  /** Changes that no frontier covered when they came. */
  readonly uncovered: string[] = [];
  /** Asked with each frame, before it is handled. */
  watch: (frame: Frame) => void | Promise<void> = () => {};
  /** Refuses writes of a document, with this reason. */
  readonly refuses = new Map<DocumentId, string>();
  /** Lies about who it is. */
  isImpostor = false;
  isUp = true;
  connections: Connection[] = [];

  readonly dial = (): WebSocket => {
    const connection = new Connection(this);
    if (this.isUp) this.connections.push(connection);
    setTimeout(() => (this.isUp ? connection.onopen?.() : connection.onclose?.()));
    return connection as unknown as WebSocket;
  };

  get device(): string {
    return toB64u(this.deviceKey.key);
  }

  framesOf(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Whether a document has come, with its first change at least. */
  holds(id: DocumentId): boolean {
    const doc = this.documents.get(id);
    return doc !== undefined && A.getHeads(doc).length > 0;
  }

  cut(): void {
    for (const connection of this.connections.splice(0)) connection.onclose?.();
  }

  /** Changes a document as somebody else would. */
  write(id: DocumentId, edit: (doc: A.Doc<unknown>) => void): void {
    const doc = this.documents.get(id);
    if (!doc) throw new Error("the node does not have this document");
    this.documents.set(id, A.change(A.clone(doc), edit as A.ChangeFn<unknown>));
    for (const connection of this.connections) connection.offer(id);
  }
}

class Connection {
  binaryType = "arraybuffer";
  readyState = 1;
  bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  private transcript = new Uint8Array();
  private peer = "";
  private readonly states = new Map<DocumentId, A.SyncState>();
  private readonly frontiers = new Map<string, Frontier[]>();
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly node: NodeDouble) {}

  send(bytes: Uint8Array): void {
    const frame = cbor.decode(bytes) as Frame;
    this.turn = this.turn.then(async () => {
      await this.node.watch(frame);
      this.node.frames.push(frame);
      await this.take(frame);
    });
  }

  close(): void {
    this.readyState = 3;
    this.node.connections = this.node.connections.filter((each) => each !== this);
  }

  tell(frame: Frame): void {
    const bytes = new Uint8Array(cbor.encode({ senderId: "node", targetId: this.peer, ...frame }));
    setTimeout(() => this.onmessage?.({ data: bytes.buffer as ArrayBuffer }));
  }

  offer(id: DocumentId): void {
    const doc = this.node.documents.get(id) ?? A.init<unknown>();
    const [state, message] = A.generateSyncMessage(doc, this.states.get(id) ?? A.initSyncState());
    this.states.set(id, state);
    if (message) this.tell({ type: "sync", documentId: id, data: message });
  }

  private async take(frame: Frame): Promise<void> {
    switch (frame.type) {
      case "join":
        return this.greet(frame);
      case "smallwin/pair":
        return this.pair();
      case "smallwin/host":
        return this.host(frame["records"] as Uint8Array[]);
      case "smallwin/log":
        return this.log(frame);
      case "smallwin/ask":
        return this.tell({ type: "smallwin/told", what: frame["what"], json: "[]" });
      case "smallwin/frontier":
        return this.frontier(frame);
      case "sync":
      case "request":
        return this.sync(frame);
    }
  }

  private async greet(frame: Frame): Promise<void> {
    const { key, nonce, channel } = frame["smallwin"] as { key: Uint8Array; nonce: Uint8Array; channel: string };
    const own = randomBytes(32);
    this.peer = frame["senderId"] as string;
    this.transcript = new Uint8Array(channelTranscript(key, this.node.nodeKey.key, nonce, own, channel));
    const signer = this.node.isImpostor ? this.node.deviceKey : this.node.nodeKey;
    const proof = await signer.sign(channelMessage("listener", this.transcript));
    const smallwin = { v: 1, key: this.node.nodeKey.key, nonce: own, proof };
    this.tell({ type: "peer", selectedProtocolVersion: "1", smallwin });
    for (const circle of this.node.logs.keys()) await this.present(circle);
  }

  private async pair(): Promise<void> {
    const browser = this.peer.slice(0, 43);
    const consent = await this.node.deviceKey.sign(linkMessage(browser, this.node.device));
    this.tell({ type: "smallwin/paired", device: this.node.deviceKey.key, consent, sealing: randomBytes(32) });
  }

  private async host(records: Uint8Array[]): Promise<void> {
    const [genesis, ...rest] = await Promise.all(records.map((bytes) => SignedRecord.parse(bytes)));
    if (!genesis) return;
    const log = this.node.logs.get(genesis.id) ?? new Log(genesis);
    for (const record of rest) log.insert(record);
    this.node.logs.set(genesis.id, log);
    // To all who are here: a tab that came while another one's circle was read would wait for ever.
    for (const connection of this.node.connections) await connection.present(genesis.id);
  }

  async present(circle: CircleId): Promise<void> {
    if (this.transcript.length === 0) return;
    const proof = await this.node.deviceKey.sign(circleMessage(circle, "listener", this.transcript));
    const tag = circleTag(this.transcript, circle);
    const item = { tag, key: this.node.deviceKey.key, proof, purpose: "member" };
    this.tell({ type: "smallwin/circles", items: [item] });
    this.tellLog(circle);
  }

  private async log(frame: Frame): Promise<void> {
    const tag = toB64u(frame["circle"] as Uint8Array);
    const found = [...this.node.logs].find(([id]) => toB64u(circleTag(this.transcript, id)) === tag);
    if (!found) return;
    const [, log] = found;
    for (const bytes of (frame["records"] ?? []) as Uint8Array[]) log.insert(await SignedRecord.parse(bytes));
    const heads = cut(frame["heads"] as Uint8Array, 32) ?? [];
    if (log.knowsAll(heads.map(toB64u))) return;
    const ids = row(log.ids());
    this.tell({ type: "smallwin/log", circle: frame["circle"], heads: row(log.heads()), ids });
  }

  /** All of it each time: simple, and allowed. */
  tellLog(circle: CircleId): void {
    const log = this.node.logs.get(circle);
    if (!log) return;
    const records = log.records().map(({ bytes }) => bytes);
    this.tell({ type: "smallwin/log", circle: circleTag(this.transcript, circle), heads: row(log.heads()), records });
  }

  private frontier(frame: Frame): void {
    const items = frame["items"] as Uint8Array;
    const known = this.frontiers.get(frame["documentId"] as string) ?? [];
    for (let at = 0; at < items.length; at += 144) {
      const frontier = Frontier.decode(items.slice(at, at + 144));
      if (frontier) known.push(frontier);
    }
    this.frontiers.set(frame["documentId"] as string, known);
  }

  private sync(frame: Frame): void {
    const id = frame["documentId"] as DocumentId;
    const before = this.node.documents.get(id) ?? A.init<unknown>();
    const state = this.states.get(id) ?? A.initSyncState();
    const [after, next] = A.receiveSyncMessage(A.clone(before), state, frame["data"] as Uint8Array);
    const fresh = A.getChangesMetaSince(after, A.getHeads(before)).filter(({ actor }) => !/^0{78}/.test(actor));
    const reason = this.node.refuses.get(id);
    if (reason !== undefined && fresh.length > 0) {
      const hashes = concat(...fresh.map(({ hash }) => Uint8Array.from(hash.match(/../g) ?? [], (pair) => Number(`0x${pair}`))));
      this.tell({ type: "smallwin/refused", documentId: id, hashes, reason });
      return;
    }
    for (const { actor, seq, hash } of fresh) {
      const covers = (each: Frontier) => toHex(each.actor) === actor && each.seq >= seq;
      if (!this.frontiers.get(id)?.some(covers)) this.node.uncovered.push(hash);
    }
    this.states.set(id, next);
    this.node.documents.set(id, after);
    for (const connection of this.node.connections) connection.offer(id);
  }
}

function row(ids: readonly string[]): Uint8Array {
  return concat(...ids.map((id) => fromB64u(id) ?? new Uint8Array()));
}
