// The signed part of a record.

import { type Body, bodyToJson, readBody } from "./body.ts";
import type { CircleId, DeviceKey, RecordId } from "./ids.ts";
import { fromCanonical, toCanonical } from "./jcs.ts";
import { DEPS_MAX } from "./limits.ts";
import { countOf, fieldsOf, idOf, idsOf, keyOf, malformed, momentOf } from "./read.ts";

/** Who says what, after having seen what. */
export interface Payload {
  /** The device that speaks. */
  readonly author: DeviceKey;
  readonly body: Body;
  /** Absent in the genesis record, whose own id it becomes. */
  readonly circle?: CircleId | undefined;
  /** When the author claims to have said it; never judged. */
  readonly claimed: string;
  /** The heads of the log the author had seen, ascending. */
  readonly deps: readonly RecordId[];
  /** The author's record before this one; absent at `seq` 0. */
  readonly prev?: RecordId | undefined;
  /** How many records of this circle the author had made before. */
  readonly seq: number;
}

const VERSION = 1;

/** The canonical bytes that are signed and hashed. */
export function payloadToBytes(payload: Payload): Uint8Array<ArrayBuffer> {
  return toCanonical({ ...payload, body: bodyToJson(payload.body), v: VERSION });
}

export function parsePayload(bytes: Uint8Array): Payload {
  const fields = fieldsOf(fromCanonical(bytes), ["author", "body", "claimed", "deps", "seq", "v"], ["circle", "prev"]);
  if (fields["v"] !== VERSION) throw malformed(`its version is not ${VERSION}`);
  const payload: Payload = {
    author: keyOf(fields["author"]),
    body: readBody(fields["body"]),
    ...("circle" in fields ? { circle: idOf(fields["circle"]) } : {}),
    claimed: momentOf(fields["claimed"]),
    deps: idsOf(fields["deps"], DEPS_MAX),
    ...("prev" in fields ? { prev: idOf(fields["prev"]) } : {}),
    seq: countOf(fields["seq"]),
  };
  check(payload);
  return payload;
}

function check({ body, circle, deps, prev, seq }: Payload): void {
  const isGenesis = body.kind === "genesis";
  if ((prev !== undefined) !== seq > 0) {
    throw malformed("it must name the author's record before it, unless it is the first");
  }
  if ((circle === undefined) !== isGenesis || (deps.length === 0) !== isGenesis) {
    throw malformed("it must name its circle and what its author had seen, unless it is a genesis");
  }
  if (isGenesis && seq > 0) throw malformed("a genesis is its author's first record");
}
