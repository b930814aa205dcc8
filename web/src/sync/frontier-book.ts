// Frontiers of open documents: which of our changes are signed, and what others signed.

import * as A from "@automerge/automerge/slim";
import { Frontier } from "../circle/frontier.ts";
import type { CircleId, DocumentId } from "../circle/ids.ts";
import { fromHex, toHex } from "./bytes.ts";
import type { Database, Row } from "./database.ts";
import type { Identity } from "./identity.ts";

interface Known {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** The newest frontier of each actor of one document. */
export class FrontierBook {
  private readonly known = new Map<string, Known>();
  /** Heads up to which own changes were looked for. */
  private looked: A.Heads = [];
  /** The newest change of each own actor. */
  private readonly own = new Map<string, { seq: number; hash: string }>();

  private constructor(
    private readonly database: Database,
    private readonly identity: Identity,
    private readonly circle: CircleId,
    private readonly document: DocumentId,
  ) {}

  static async open(database: Database, identity: Identity, circle: CircleId, document: DocumentId) {
    const book = new FrontierBook(database, identity, circle, document);
    await book.reload();
    return book;
  }

  /** Everything known, for a node that may have lost it. */
  all(): Uint8Array[] {
    return [...this.known.values()].map(({ bytes }) => bytes);
  }

  /**
   * Signs the newest change of each given actor that no frontier covers yet. Only changes
   * that this profile made may be given: a signature makes them ours for everybody.
   * Returns rows to keep before anybody is told (K1), and the frontiers themselves.
   */
  async cover(doc: A.Doc<unknown>, isOurs: (actor: string) => boolean): Promise<{ rows: Row[]; fresh: Uint8Array[] }> {
    this.look(doc);
    const rows: Row[] = [];
    const fresh: Uint8Array[] = [];
    for (const [actor, { seq, hash }] of this.own) {
      if (seq <= (this.known.get(actor)?.seq ?? 0) || !isOurs(actor)) continue;
      const { circle, document, identity } = this;
      const fields = { circle, document, actor: fromHex(actor), seq, hash: fromHex(hash) };
      const bytes = (await Frontier.sign(fields, identity.signer)).encode();
      this.known.set(actor, { seq, bytes });
      rows.push({ table: "frontiers", key: [this.document, actor], value: bytes });
      fresh.push(bytes);
    }
    return { rows, fresh };
  }

  /** Takes frontiers of a peer; those that do not verify, or are older than ours, are left out. */
  async take(items: readonly Uint8Array[]): Promise<Row[]> {
    const rows: Row[] = [];
    for (const bytes of items) {
      const frontier = Frontier.decode(bytes);
      if (!frontier || !(await frontier.verify(this.circle, this.document))) continue;
      const actor = toHex(frontier.actor);
      if (frontier.seq <= (this.known.get(actor)?.seq ?? 0)) continue;
      this.known.set(actor, { seq: frontier.seq, bytes });
      rows.push({ table: "frontiers", key: [this.document, actor], value: bytes });
    }
    return rows;
  }

  /** Takes in what other tabs of this profile signed. */
  async reload(): Promise<void> {
    for (const bytes of await this.database.all<Uint8Array>("frontiers", this.document)) {
      const frontier = Frontier.decode(bytes);
      if (!frontier) continue;
      const actor = toHex(frontier.actor);
      if (frontier.seq > (this.known.get(actor)?.seq ?? 0)) this.known.set(actor, { seq: frontier.seq, bytes });
    }
  }

  /** Starts over, after changes were taken out of the document. */
  forget(): void {
    this.looked = [];
    this.own.clear();
  }

  private look(doc: A.Doc<unknown>): void {
    const mine = toHex(this.identity.signer.key);
    for (const { actor, seq, hash } of A.getChangesMetaSince(doc, this.looked)) {
      if (actor.startsWith(mine) && seq > (this.own.get(actor)?.seq ?? 0)) this.own.set(actor, { seq, hash });
    }
    this.looked = A.getHeads(doc);
  }
}
