// The circles that this profile knows: their logs, cards and manifests, and the invites
// it holds. What is new is kept before anybody hears of it (K1).

import type { Body } from "../circle/body.ts";
import { Card } from "../circle/card.ts";
import type { CircleId, ManifestHash, PersonId, RecordId } from "../circle/ids.ts";
import { Log, type Next } from "../circle/log.ts";
import { type Manifest, manifestHash, parseManifest } from "../circle/manifest.ts";
import { SignedRecord } from "../circle/record.ts";
import type { State } from "../circle/state.ts";
import { timestampOf } from "../circle/timestamp.ts";
import { randomBytes, toB64u } from "./bytes.ts";
import type { Database, Row } from "./database.ts";
import { exclusively, type Identity } from "./identity.ts";
import { CARDS_WAITING_MAX } from "./limits.ts";
import { Turns } from "./turns.ts";

/** What is kept of a circle beside its records. */
interface StoredCircle {
  readonly id: CircleId;
  /** Our own node holds it; until then it is offered on each connection. */
  readonly hosted: boolean;
  /** The link with which we were invited, while we are not a member. */
  readonly link?: string;
  /** Whether the person said yes to joining. */
  readonly joining?: boolean;
  /** Our join, without the accepter's signature. */
  readonly join?: Uint8Array;
}

export interface KeptManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

/** What an own record says, and rows to keep with it. */
export interface OwnRecord {
  readonly body: Body;
  readonly rows?: readonly Row[];
}

/** One circle. */
export class Circle {
  log: Log | null = null;
  readonly cards = new Map<PersonId, Card>();
  readonly manifests = new Map<ManifestHash, KeptManifest>();
  cardsWaiting: Card[] = [];
  /** Work that must not run twice at once. */
  readonly turns = new Turns();
  /** Why we could not join, as a code. */
  trouble: string | null = null;

  constructor(
    readonly id: CircleId,
    public stored: StoredCircle,
  ) {}

  get state(): State | null {
    return this.log?.state ?? null;
  }
}

export interface CircleBookEvents {
  /** Records were added, by us or by others. */
  logChanged(circle: Circle): void;
  cardsChanged(circle: Circle, cards: readonly Card[]): void;
  manifestsChanged(circle: Circle, manifests: readonly KeptManifest[]): void;
  /** Anything else. */
  changed(circle: Circle): void;
}

export class CircleBook {
  private readonly circles = new Map<CircleId, Circle>();

  constructor(
    private readonly database: Database,
    private readonly identity: Identity,
    private readonly events: CircleBookEvents,
    /** Tells other tabs which circle has changed. */
    private readonly channel: BroadcastChannel | null,
  ) {}

  /** Reads everything that is kept, and listens to other tabs. */
  async load(): Promise<void> {
    for (const stored of await this.database.all<StoredCircle>("circles")) {
      const circle = this.place(stored);
      await this.reread(circle);
    }
    this.channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (typeof event.data === "string") void this.heard(event.data);
    });
  }

  get(id: CircleId): Circle | undefined {
    return this.circles.get(id);
  }

  all(): Circle[] {
    return [...this.circles.values()];
  }

  /** Founds a circle; its author becomes its facilitator. */
  async found(): Promise<Circle> {
    const sealing = toB64u(this.identity.sealing);
    const record = await SignedRecord.sign(
      {
        author: this.identity.name,
        body: { kind: "genesis", nonce: toB64u(randomBytes(16)), sealing },
        claimed: timestampOf(Date.now()),
        deps: [],
        seq: 0,
      },
      this.identity.signer,
    );
    const stored: StoredCircle = { id: record.id, hosted: false };
    await this.database.write([circleRow(stored), recordRow(record.id, record)]);
    const circle = this.place(stored);
    circle.log = new Log(record);
    this.tellTabs(circle);
    this.events.logChanged(circle);
    return circle;
  }

  /** Takes part in a circle of which only an invitation is known. */
  async invited(id: CircleId, link: string): Promise<Circle> {
    const known = this.circles.get(id);
    if (known?.state?.personOf(this.identity.name)) return known;
    const circle = known ?? this.place({ id, hosted: true });
    circle.trouble = null;
    await this.store(circle, { ...circle.stored, link });
    return circle;
  }

  /** Takes part in a circle that our own node holds. */
  async follow(id: CircleId): Promise<Circle> {
    const known = this.circles.get(id);
    if (known) return known;
    const circle = this.place({ id, hosted: true });
    await this.store(circle, circle.stored);
    return circle;
  }

  async store(circle: Circle, stored: StoredCircle): Promise<void> {
    circle.stored = stored;
    await this.database.write([circleRow(stored)]);
    this.tellTabs(circle);
    this.events.changed(circle);
  }

  /**
   * Adds an own record. `make` is given what it must name, may add rows that are kept with
   * it, and gives `null` when there is nothing to say after all. One tab at a time: two records under one number would freeze this device.
   */
  async append(
    circle: Circle,
    make: (next: Next) => Promise<OwnRecord | null>,
  ): Promise<SignedRecord | null> {
    return exclusively(`smallwin-log-${circle.id}`, async () => {
      await this.reread(circle);
      const { log } = circle;
      if (!log) throw new Error("the circle's log is not here yet");
      const next = log.next(this.identity.name);
      const made = await make(next);
      if (!made) return null;
      const { body, rows = [] } = made;
      const record = await SignedRecord.sign(this.payload(circle.id, body, next), this.identity.signer);
      await this.database.write([...rows, recordRow(circle.id, record)]);
      log.insert(record);
      const verdict = log.verdict(record.id);
      this.tellTabs(circle);
      this.events.logChanged(circle);
      if (verdict.kind === "void") throw new Error(`the record does not count: ${verdict.reason}`);
      return record;
    });
  }

  /** Makes our join of an invite; it stands in the log only once a member's device accepted it. */
  async makeJoin(circle: Circle, invite: RecordId, proof: string): Promise<Uint8Array> {
    if (circle.stored.join) return circle.stored.join;
    if (!circle.log) throw new Error("the circle's log is not here yet");
    const body: Body = { kind: "join", invite, proof, sealing: toB64u(this.identity.sealing) };
    const payload = this.payload(circle.id, body, circle.log.next(this.identity.name));
    const record = await SignedRecord.sign(payload, this.identity.signer);
    await this.store(circle, { ...circle.stored, join: record.bytes });
    return record.bytes;
  }

  /** Lets go of a join that cannot be accepted as it stands. */
  async forgetJoin(circle: Circle): Promise<void> {
    const { join: _, ...rest } = circle.stored;
    await this.store(circle, rest);
  }

  /** Takes records of a peer. Those that do not belong here are left out. */
  async takeRecords(circle: Circle, items: readonly Uint8Array[]): Promise<void> {
    const rows: Row[] = [];
    for (const bytes of items) {
      try {
        const record = await SignedRecord.parse(bytes);
        rows.push(...this.insert(circle, record).map((id) => recordRow(circle.id, circle.log?.get(id) ?? record)));
      } catch (fault) {
        console.warn("a record of the circle was left out", fault);
      }
    }
    if (rows.length === 0) return;
    await this.database.write(rows);
    this.tellTabs(circle);
    await this.judgeWaitingCards(circle);
    this.events.logChanged(circle);
  }

  /** Takes cards of a peer; one whose author is not known yet waits. */
  async takeCards(circle: Circle, items: readonly Uint8Array[]): Promise<void> {
    const cards: Card[] = [];
    for (const bytes of items) {
      const card = await Card.parse(bytes).catch(() => null);
      if (card) cards.push(card);
    }
    await this.keepCards(circle, cards);
  }

  /** Writes our own card, when it says something new. */
  async writeCard(circle: Circle, name: string, organisation: string | undefined): Promise<void> {
    const person = circle.state?.personOf(this.identity.name);
    if (!person) return;
    const before = circle.cards.get(person);
    if (before && before.fields.name === name && before.fields.organisation === organisation) return;
    const fields = {
      author: this.identity.name,
      circle: circle.id,
      name,
      ...(organisation ? { organisation } : {}),
      person,
      rev: (before?.fields.rev ?? 0) + 1,
    };
    await this.keepCards(circle, [await Card.sign(fields, this.identity.signer)]);
  }

  /** Takes manifests that the log names. */
  async takeManifests(circle: Circle, items: readonly Uint8Array[]): Promise<void> {
    const named = new Set(circle.state?.snapshots().map(({ manifest }) => manifest) ?? []);
    const rows: Row[] = [];
    const fresh: KeptManifest[] = [];
    for (const bytes of items) {
      try {
        const manifest = parseManifest(bytes);
        const hash = manifestHash(manifest);
        if (!named.has(hash) || circle.manifests.has(hash)) continue;
        rows.push(manifestRow(circle.id, hash, bytes));
        circle.manifests.set(hash, { manifest, bytes });
        fresh.push({ manifest, bytes });
      } catch (fault) {
        console.warn("a manifest was left out", fault);
      }
    }
    if (rows.length === 0) return;
    await this.database.write(rows);
    this.tellTabs(circle);
    this.events.manifestsChanged(circle, fresh);
  }

  /** Manifests that the log names and we lack. */
  missingManifests(circle: Circle): ManifestHash[] {
    const snapshots = circle.state?.snapshots() ?? [];
    return snapshots.map(({ manifest }) => manifest).filter((hash) => !circle.manifests.has(hash));
  }

  private payload(circle: CircleId, body: Body, { seq, prev, deps }: Next) {
    const claimed = timestampOf(Date.now());
    return { author: this.identity.name, body, circle, claimed, deps, ...(prev ? { prev } : {}), seq };
  }

  private insert(circle: Circle, record: SignedRecord): readonly RecordId[] {
    if (!circle.log) {
      if (record.id !== circle.id) throw new Error("the log does not begin with this circle's genesis");
      circle.log = new Log(record);
      return [record.id];
    }
    const inserted = circle.log.insert(record);
    return inserted.kind === "new" ? inserted.ids : [];
  }

  private async judgeWaitingCards(circle: Circle): Promise<void> {
    const waiting = circle.cardsWaiting;
    circle.cardsWaiting = [];
    await this.keepCards(circle, waiting);
  }

  private async keepCards(circle: Circle, cards: readonly Card[]): Promise<void> {
    const fresh: Card[] = [];
    for (const card of cards) {
      const { state } = circle;
      if (card.fields.circle !== circle.id) continue;
      if (!state || !card.fits(state)) {
        if (circle.cardsWaiting.length < CARDS_WAITING_MAX) circle.cardsWaiting.push(card);
        continue;
      }
      const known = circle.cards.get(card.fields.person);
      if (known && !card.newerThan(known)) continue;
      circle.cards.set(card.fields.person, card);
      fresh.push(card);
    }
    if (fresh.length === 0) return;
    await this.database.write(
      fresh.map((card) => ({ table: "cards", key: [circle.id, card.fields.person], value: card.bytes })),
    );
    this.tellTabs(circle);
    this.events.cardsChanged(circle, fresh);
  }

  private place(stored: StoredCircle): Circle {
    const circle = new Circle(stored.id, stored);
    this.circles.set(stored.id, circle);
    return circle;
  }

  /** Takes in what is kept and not here yet: at the start, and what other tabs wrote. */
  private async reread(circle: Circle): Promise<boolean> {
    const size = circle.log?.size ?? 0;
    let waiting: SignedRecord[] = [];
    for (const bytes of await this.database.all<Uint8Array>("records", circle.id)) {
      const record = await SignedRecord.parse(bytes).catch(() => null);
      if (record && !circle.log?.has(record.id)) waiting.push(record);
    }
    // Kept in no order; the log lets records wait for one another, but for its first.
    waiting = waiting.sort((a, b) => Number(b.id === circle.id) - Number(a.id === circle.id));
    for (const record of waiting) {
      try {
        this.insert(circle, record);
      } catch (fault) {
        console.warn("a kept record was left out", fault);
      }
    }
    for (const bytes of await this.database.all<Uint8Array>("cards", circle.id)) {
      const card = await Card.parse(bytes).catch(() => null);
      const known = card && circle.cards.get(card.fields.person);
      if (card && (!known || card.newerThan(known))) circle.cards.set(card.fields.person, card);
    }
    for (const bytes of await this.database.all<Uint8Array>("manifests", circle.id)) {
      const manifest = parseManifest(bytes);
      circle.manifests.set(manifestHash(manifest), { manifest, bytes });
    }
    return (circle.log?.size ?? 0) !== size;
  }

  private async heard(id: CircleId): Promise<void> {
    const stored = await this.database.get<StoredCircle>("circles", id);
    if (!stored) return;
    const circle = this.circles.get(id) ?? this.place(stored);
    circle.stored = stored;
    if (await this.reread(circle)) this.events.logChanged(circle);
    else this.events.changed(circle);
  }

  private tellTabs(circle: Circle): void {
    this.channel?.postMessage(circle.id);
  }
}

export function manifestRow(circle: CircleId, hash: ManifestHash, bytes: Uint8Array): Row {
  return { table: "manifests", key: [circle, hash], value: bytes };
}

function circleRow(stored: StoredCircle): Row {
  return { table: "circles", key: stored.id, value: stored };
}

function recordRow(circle: CircleId, record: SignedRecord): Row {
  return { table: "records", key: [circle, record.id], value: record.bytes };
}
