// What one connection says about circles: which ones both ends take part in, the exchange
// of their logs, and the cards and manifests beside them (docs/spec.md, section 6).

import type { Card } from "../circle/card.ts";
import type { CircleId, DeviceKey, RecordId } from "../circle/ids.ts";
import { inviteSigner, parseInviteLink } from "../circle/invite-link.ts";
import { type Signer, verify } from "../circle/keys.ts";
import type { Log } from "../circle/log.ts";
import { circleMessage, circleTag, joinMessage } from "../circle/messages.ts";
import { concat, fromB64u, toB64u } from "./bytes.ts";
import type { Circle, CircleBook, KeptManifest } from "./circle-book.ts";
import type { Identity } from "./identity.ts";
import { IDS_PER_FRAME_MAX, RECORD_BYTES_PER_FRAME, RECORDS_PER_FRAME_MAX } from "./limits.ts";
import type { Channel, NodeSocket } from "./node-socket.ts";
import type { BesideFrame, CircleItem, LogFrame, Outgoing, Purpose } from "./wire.ts";

/** What is known of the other end in one circle. */
interface Match {
  device: DeviceKey | null;
  /** Heads of our log that the other end was told, joined. */
  told: readonly RecordId[] | null;
  theirs: readonly RecordId[] | null;
  /** Their heads for which we already said what we have. */
  askedFor: string | null;
  isBesideTold: boolean;
  isJoinSent: boolean;
  readonly wanted: Set<string>;
}

export interface ExchangeEvents {
  /** What the other end may have of a circle's documents may have changed. */
  accessChanged(circle: Circle): void;
}

export class CircleExchange {
  private readonly matches = new Map<CircleId, Match>();
  private readonly presented = new Set<string>();
  /** Circles that we asked the node to hold. */
  private readonly hosted = new Set<CircleId>();
  private unmatched: CircleItem[] = [];

  constructor(
    private readonly book: CircleBook,
    private readonly identity: Identity,
    private readonly socket: NodeSocket,
    private readonly channel: Channel,
    /** Whether the node at the other end is paired with us. */
    private readonly isPaired: () => boolean,
    private readonly events: ExchangeEvents,
  ) {}

  /** The device key that the node proved for this circle. */
  deviceFor(circle: CircleId): DeviceKey | null {
    return this.matches.get(circle)?.device ?? null;
  }

  /** Names the circles that we have not named yet, and asks our own node to hold those it lacks. */
  present(): void {
    this.send(async () => {
      const items: CircleItem[] = [];
      for (const circle of this.book.all()) {
        await this.addItem(items, circle, "member", this.identity.signer);
        const { link } = circle.stored;
        if (link) await this.addItem(items, circle, "invite", inviteSigner(parseInviteLink(link).secret));
      }
      return items.length > 0 ? [{ type: "smallwin/circles", items }] : [];
    });
    for (const circle of this.book.all()) this.host(circle);
    const waiting = this.unmatched;
    this.unmatched = [];
    this.takeItems(waiting).catch((fault: unknown) => console.error("a circle of the node was left out", fault));
  }

  /** Presents an invitation again, on a connection where it was tried before. */
  presentAgain(circle: Circle): void {
    this.presented.delete(`${circle.id} invite`);
    this.present();
  }

  async takeItems(items: readonly CircleItem[]): Promise<void> {
    for (const item of items) await this.takeItem(item);
  }

  async takeLog(frame: LogFrame): Promise<void> {
    const circle = this.circleOf(frame.circle);
    const match = circle && this.matches.get(circle.id);
    if (!circle || !match || !this.mayHaveLog(circle, match)) return;
    const heads = frame.heads.map(toB64u);
    match.theirs = heads;
    await this.book.takeRecords(circle, frame.records);
    const ids = frame.ids?.map(toB64u) ?? null;
    this.answerLog(circle, match, heads, ids);
  }

  async takeBeside(frame: BesideFrame): Promise<void> {
    const circle = this.circleOf(frame.circle);
    if (!circle) return;
    await this.book.takeCards(circle, frame.cards);
    await this.book.takeManifests(circle, frame.manifests);
    const wanted = frame.want.map((hash) => circle.manifests.get(toB64u(hash))).filter((kept) => kept !== undefined);
    if (wanted.length > 0) this.sendManifests(circle, wanted);
  }

  /** Our log has grown, or what the other end is has changed. */
  logChanged(circle: Circle): void {
    const match = this.matches.get(circle.id);
    if (match && this.mayHaveLog(circle, match)) this.tellLog(circle, match);
    this.greetBeside(circle);
    this.join(circle);
    this.events.accessChanged(circle);
  }

  sendCards(circle: Circle, cards: readonly Card[]): void {
    if (cards.length > 0 && this.isMember(circle)) this.sendBeside(circle, { cards: cards.map(({ bytes }) => bytes) });
  }

  sendManifests(circle: Circle, manifests: readonly KeptManifest[]): void {
    if (this.isMember(circle)) {
      // One a frame: each may be as large as a manifest can be.
      for (const { bytes } of manifests) this.sendBeside(circle, { manifests: [bytes] });
    }
  }

  /** Asks to be let in, once the person said yes and the log says what the invite is. */
  join(circle: Circle): void {
    const match = this.matches.get(circle.id);
    const { link, joining } = circle.stored;
    const state = circle.log?.state;
    if (!match || match.isJoinSent || !link || !joining || !state || state.personOf(this.identity.name)) return;
    const signer = inviteSigner(parseInviteLink(link).secret);
    const invite = state.inviteByKey(toB64u(signer.key));
    if (!invite) return;
    match.isJoinSent = true;
    this.send(async () => {
      const sealing = toB64u(this.identity.sealing);
      const proof = await signer.sign(joinMessage(circle.id, this.identity.name, sealing));
      const record = await this.book.makeJoin(circle, invite.record, toB64u(proof));
      return [{ type: "smallwin/join", circle: this.tag(circle.id), record }];
    });
  }

  joinAgain(circle: Circle): void {
    const match = this.matches.get(circle.id);
    if (match) match.isJoinSent = false;
    this.join(circle);
  }

  private async addItem(items: CircleItem[], circle: Circle, purpose: Purpose, signer: Signer): Promise<void> {
    const name = `${circle.id} ${purpose}`;
    if (this.presented.has(name)) return;
    this.presented.add(name);
    const proof = await signer.sign(circleMessage(circle.id, "dialer", this.channel.transcript));
    items.push({ tag: this.tag(circle.id), key: signer.key, proof, purpose });
  }

  private host(circle: Circle): void {
    if (circle.stored.hosted || !circle.log || !this.isPaired() || this.hosted.has(circle.id)) return;
    this.hosted.add(circle.id);
    const records = circle.log.records().slice(0, RECORDS_PER_FRAME_MAX);
    this.send(() => [{ type: "smallwin/host", records: records.map(({ bytes }) => bytes) }]);
  }

  private async takeItem(item: CircleItem): Promise<void> {
    const circle = this.circleOf(item.tag);
    if (!circle) {
      this.unmatched.push(item);
      return;
    }
    const message = circleMessage(circle.id, "listener", this.channel.transcript);
    if (!(await verify(item.key, message, item.proof))) throw new Error("the node's proof for a circle does not fit");
    const match = this.matches.get(circle.id) ?? newMatch();
    this.matches.set(circle.id, match);
    if (item.purpose === "member") match.device = toB64u(item.key);
    if (!circle.stored.hosted) await this.book.store(circle, { ...circle.stored, hosted: true });
    if (match.told === null && this.mayHaveLog(circle, match)) {
      this.sendLog(circle, match, [], circle.log ? null : []);
    }
    this.greetBeside(circle);
    this.join(circle);
    this.events.accessChanged(circle);
  }

  /** Whether the node may exchange this circle's log with us: a member's device, or our own node. */
  private mayHaveLog(circle: Circle, match: Match): boolean {
    return !circle.log || this.isPaired() || this.isMember(circle) || match.device === this.identity.name;
  }

  /** Whether the device behind the node is a member's. */
  private isMember(circle: Circle): boolean {
    const device = this.matches.get(circle.id)?.device;
    return device !== undefined && device !== null && circle.state?.roleOfDevice(device) !== undefined;
  }

  private answerLog(circle: Circle, match: Match, heads: readonly RecordId[], ids: readonly RecordId[] | null): void {
    const { log } = circle;
    const theirs = heads.join();
    if (!log) {
      if (heads.length > 0 && match.askedFor !== theirs) {
        match.askedFor = theirs;
        this.sendLog(circle, match, [], []);
      }
      return;
    }
    const isUnknown = !log.knowsAll(heads);
    const asks = isUnknown && match.askedFor !== theirs;
    if (asks) match.askedFor = theirs;
    const records = ids
      ? log.notIn(new Set(ids)).map(({ bytes }) => bytes)
      : isUnknown
        ? []
        : lacking(log, heads, match.told);
    const ours = asks ? log.ids().slice(0, IDS_PER_FRAME_MAX) : null;
    if (ours || records.length > 0) this.sendLog(circle, match, records, ours);
    else this.tellLog(circle, match);
  }

  private tellLog(circle: Circle, match: Match): void {
    const { log } = circle;
    if (!log || match.told?.join() === log.heads().join()) return;
    this.sendLog(circle, match, match.theirs ? lacking(log, match.theirs, match.told) : [], null);
  }

  private sendLog(
    circle: Circle,
    match: Match,
    records: readonly Uint8Array[],
    ids: readonly RecordId[] | null,
  ): void {
    const heads = circle.log?.heads() ?? [];
    match.told = heads;
    const frames = inParts(records).map((part, at): Outgoing => {
      return {
        type: "smallwin/log",
        circle: this.tag(circle.id),
        heads: row(heads),
        ...(part.length > 0 ? { records: part } : {}),
        ...(ids && at === 0 ? { ids: row(ids) } : {}),
      };
    });
    this.send(() => frames);
  }

  /** Cards, and the wish for manifests, once both ends are members. */
  private greetBeside(circle: Circle): void {
    const match = this.matches.get(circle.id);
    if (!match || !this.isMember(circle) || circle.state?.roleOfDevice(this.identity.name) === undefined) return;
    if (!match.isBesideTold) {
      match.isBesideTold = true;
      this.sendBeside(circle, { cards: [...circle.cards.values()].map(({ bytes }) => bytes) });
      this.sendManifests(circle, [...circle.manifests.values()]);
    }
    const want = this.book.missingManifests(circle).filter((hash) => !match.wanted.has(hash));
    for (const hash of want) match.wanted.add(hash);
    if (want.length > 0) this.sendBeside(circle, { want: row(want) });
  }

  private sendBeside(circle: Circle, fields: { cards?: Uint8Array[]; manifests?: Uint8Array[]; want?: Uint8Array }): void {
    this.send(() => [{ type: "smallwin/beside", circle: this.tag(circle.id), ...fields }]);
  }

  private circleOf(tag: Uint8Array): Circle | undefined {
    const wanted = toB64u(tag);
    return this.book.all().find(({ id }) => toB64u(this.tag(id)) === wanted);
  }

  private tag(circle: CircleId): Uint8Array {
    return circleTag(this.channel.transcript, circle);
  }

  private send(make: () => Promise<readonly Outgoing[]> | readonly Outgoing[]): void {
    this.socket.send(this.channel, make);
  }
}

function newMatch(): Match {
  return {
    device: null,
    told: null,
    theirs: null,
    askedFor: null,
    isBesideTold: false,
    isJoinSent: false,
    wanted: new Set(),
  };
}

/** What somebody lacks who has `theirs` and everything that was told before. */
function lacking(log: Log, theirs: readonly RecordId[], told: readonly RecordId[] | null): Uint8Array[] {
  const known = [...theirs, ...(told ?? [])].filter((id) => log.has(id));
  return log.missingFor(known).map(({ bytes }) => bytes);
}

/** Ids as they travel: their bytes, one after the other. */
function row(ids: readonly string[]): Uint8Array {
  return concat(...ids.map((id) => fromB64u(id) ?? new Uint8Array()));
}

/** Cuts records into frames by number and bytes; at least one, perhaps empty. */
function inParts(records: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    bytes += record.length;
    const part = parts.at(-1);
    if (part && (part.length === 0 || (part.length < RECORDS_PER_FRAME_MAX && bytes <= RECORD_BYTES_PER_FRAME))) {
      part.push(record);
    } else {
      parts.push([record]);
      bytes = record.length;
    }
  }
  return parts;
}
