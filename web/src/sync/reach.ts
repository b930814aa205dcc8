// Where the present state of a document is: what the status line may say truly.

import type { DocumentId, PersonId } from "../circle/ids.ts";
import { toHex } from "./bytes.ts";
import type { OpenDocument } from "./documents.ts";

/** How far the present text of a document has come. */
export interface Reach {
  readonly device: boolean;
  /** Our node confirmed that it holds all of it. */
  readonly node: boolean;
  /** Other people of whom a device confirmed all of it. */
  readonly people: number;
}

export class ReachBook {
  /** Heads that the node confirmed, on the present connection. */
  private readonly node = new Map<DocumentId, ReadonlySet<string>>();
  private readonly people = new Map<DocumentId, Map<PersonId, ReadonlySet<string>>>();

  nodeConfirmed(id: DocumentId, heads: readonly string[]): void {
    this.node.set(id, new Set(heads));
  }

  peopleConfirmed(id: DocumentId, people: readonly { person: PersonId; heads: readonly Uint8Array[] }[]): void {
    const known = this.people.get(id) ?? new Map<PersonId, ReadonlySet<string>>();
    for (const { person, heads } of people) known.set(person, new Set(heads.map(toHex)));
    this.people.set(id, known);
  }

  reachOf(document: OpenDocument, me: PersonId | undefined): Reach {
    const heads = document.heads;
    const hasAll = (confirmed: ReadonlySet<string> | undefined) =>
      confirmed !== undefined && heads.every((head) => confirmed.has(head));
    const others = [...(this.people.get(document.id) ?? [])].filter(([person]) => person !== me);
    return {
      device: document.isKept,
      node: hasAll(this.node.get(document.id)),
      people: others.filter(([, confirmed]) => hasAll(confirmed)).length,
    };
  }
}
