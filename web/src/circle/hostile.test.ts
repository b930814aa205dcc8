// Random histories by devices that lie, judged by smallwin-circle: the twin must agree (rules C1, R1 to R8).

import { blake3 } from "@noble/hashes/blake3.js";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Log, may, refusalCode, SignedRecord, type State, toB64u } from "./index.ts";
import { toCanonical } from "./jcs.ts";

interface Vectors {
  base: string[];
  devices: string[];
  baseState: unknown;
  histories: {
    records: string[];
    verdicts: string[];
    state: string;
    part: { heads: string[]; state: string };
  }[];
}

const url = new URL("../../../tests/vectors/circle-hostile.json", import.meta.url);
const vectors = JSON.parse(await readFile(url, "utf8")) as Vectors;
const parse = (texts: string[]) =>
  Promise.all(texts.map((text) => SignedRecord.parse(new TextEncoder().encode(text))));
const base = await parse(vectors.base);

describe("hostile histories", () => {
  test("begin alike", () => {
    expect(describeState(logOf([]).state)).toEqual(vectors.baseState);
  });

  test.each(vectors.histories.map((history, at) => [at, history] as const))("%i", async (at, history) => {
    const records = await parse(history.records);
    // Rust takes every history in random orders; here each is taken in one more.
    for (const order of [records, at % 2 === 0 ? records.toReversed() : shuffled(records, at)]) {
      const log = logOf(order);
      expect(records.map(({ id }) => verdictText(log, id))).toEqual(history.verdicts);
      expect(hashOf(log.state)).toBe(history.state);
      expect(hashOf(log.stateAt(log.heads()))).toBe(history.state);
      expect(hashOf(log.stateAt(history.part.heads))).toBe(history.part.state);
    }
  });
});

function logOf(records: readonly SignedRecord[]): Log {
  const [genesis, ...rest] = base;
  const log = new Log(genesis ?? expect.fail("no genesis"));
  for (const record of [...rest, ...records]) log.insert(record);
  return log;
}

/** Another order for every seed, the same at every run. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = items.map((item, at) => ({ item, key: ((at + 1) * (7919 + 104_729 * seed)) % 1009 }));
  return order.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

function verdictText(log: Log, id: string): string {
  const verdict = log.verdict(id);
  return verdict.kind === "void" ? `void: ${verdict.reason}` : verdict.kind;
}

function hashOf(state: State): string {
  return toB64u(blake3(toCanonical(describeState(state))));
}

/** A state as the Rust test writes it. */
function describeState(state: State): unknown {
  const documents = state.documents();
  const relay = vectors.devices.at(-1) ?? expect.fail("no relay");
  const answers = (device: string, action: "read" | "write") =>
    documents.map(({ document }) => {
      const refusal = may(state, device, action, document);
      return refusal === undefined ? "ok" : refusalCode(refusal);
    });
  const pairs = (items: readonly { record: string; device: string }[]) => items.map((i) => [i.record, i.device]);
  const { needed, voters } = state.quorum(vectors.devices[0] ?? "");
  return {
    members: state
      .members()
      .map((m) => [m.person, m.role ?? null, m.devices, m.contested, m.unconfirmed, m.vouched, m.removed ?? null]),
    invites: state.invites().map((i) => [i.record, i.role, i.usedBy, i.confirm]),
    shares: state.shares().map((s) => s.record),
    snapshots: state.snapshots().map((s) => [s.record, s.withdrawn ?? null, pairs(s.acknowledged)]),
    statements: state.statements().map((s) => s.record),
    decisions: state.decisions().map((s) => s.record),
    commits: state.commits().map((s) => s.record),
    documents: documents.map(({ id }) => id),
    pins: documents.map(({ id }) => state.pins(id)),
    retired: state.retired().map((r) => [r.record, r.document, pairs(r.erased)]),
    zones: state.relayZones(relay),
    voters: [voters, needed],
    hasFacilitator: state.hasFacilitator(),
    may: vectors.devices.map((device) => [
      device,
      state.ownerOf(device) ?? null,
      answers(device, "read"),
      answers(device, "write"),
    ]),
  };
}
