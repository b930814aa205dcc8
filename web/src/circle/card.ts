// Cards: the names of people, outside history and log, so that they can be erased (rule N1).

import { blake3 } from "@noble/hashes/blake3.js";
import { compareBytes, fromB64u, toB64u } from "./bytes.ts";
import { CircleError } from "./error.ts";
import type { CircleId, DeviceKey, PersonId } from "./ids.ts";
import { fromCanonical, type JsonObject, toCanonical } from "./jcs.ts";
import { entryVerifies, readGeneral, signEntry } from "./jws.ts";
import type { Signer } from "./keys.ts";
import { CARD_BYTES_MAX } from "./limits.ts";
import { countOf, fieldsOf, idOf, keyOf, malformed, textOf } from "./read.ts";
import type { State } from "./state.ts";

const TYPE = "smallwin/card@1";

/** What a card says. */
export interface CardFields {
  /** The device that wrote it; it must be one of the person's. */
  readonly author: DeviceKey;
  readonly circle: CircleId;
  readonly name: string;
  readonly organisation?: string | undefined;
  /** From which side they look at the practice issue. */
  readonly perspective?: string | undefined;
  readonly person: PersonId;
  /** Counts the person's cards; the highest one counts. */
  readonly rev: number;
}

/** A card whose form, size and signature were checked. */
export class Card {
  private constructor(
    readonly fields: CardFields,
    readonly bytes: Uint8Array,
    private readonly hash: Uint8Array,
  ) {}

  static async sign(fields: CardFields, signer: Signer): Promise<Card> {
    if (toB64u(signer.key) !== fields.author) {
      throw new CircleError("wrong-key", "the card is signed by another key than its author's");
    }
    const signed = toCanonical({ ...fields, type: TYPE });
    const entry = await signEntry(signed, signer);
    return Card.parse(toCanonical({ payload: toB64u(signed), signatures: [entry] }));
  }

  /** Reads a card and checks size, canonical form and signature. */
  static async parse(bytes: Uint8Array): Promise<Card> {
    if (bytes.length > CARD_BYTES_MAX) {
      throw new CircleError("too-large", `the card is ${bytes.length} bytes long, more than ${CARD_BYTES_MAX}`);
    }
    const general = readGeneral(fromCanonical(bytes));
    const signed = fromB64u(general.payload);
    if (signed === undefined) throw malformed("its payload is not base64url");
    const fields = readFields(
      fieldsOf(
        fromCanonical(signed),
        ["author", "circle", "name", "person", "rev", "type"],
        ["organisation", "perspective"],
      ),
    );
    const [entry] = general.signatures;
    if (entry === undefined || general.signatures.length > 1) throw malformed("it has too few or too many signatures");
    if (!(await entryVerifies(entry, signed, fields.author))) {
      throw new CircleError("signature", "the card's signature does not fit");
    }
    return new Card(fields, bytes.slice(), blake3(signed));
  }

  /** Whether this card replaces the other one of the same person. */
  newerThan(other: Card): boolean {
    return (this.fields.rev - other.fields.rev || compareBytes(this.hash, other.hash)) > 0;
  }

  /** Whether its author may write it: the device is one of the person's, in this circle. */
  fits(state: State): boolean {
    return this.fields.circle === state.circle && state.personOf(this.fields.author) === this.fields.person;
  }
}

function readFields(fields: JsonObject): CardFields {
  if (fields["type"] !== TYPE) throw malformed("it is of another type");
  return {
    author: keyOf(fields["author"]),
    circle: idOf(fields["circle"]),
    name: textOf(fields["name"]),
    ...("organisation" in fields ? { organisation: textOf(fields["organisation"]) } : {}),
    ...("perspective" in fields ? { perspective: textOf(fields["perspective"]) } : {}),
    person: idOf(fields["person"]),
    rev: countOf(fields["rev"]),
  };
}
