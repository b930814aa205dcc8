// The golden vectors that the crate smallwin-circle is held to as well (rules C1, C3, S1).

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  Card,
  channelMessage,
  channelTranscript,
  circleMessage,
  circleTag,
  documentId,
  documentIdBytes,
  type DocumentRef,
  formatInviteLink,
  fromB64u,
  Frontier,
  inviteSigner,
  isAnnounced,
  isDeviceKey,
  joinMessage,
  type Kind,
  linkMessage,
  Log,
  may,
  parseInviteLink,
  personOf,
  type Refusal,
  revisionOf,
  SignedRecord,
  signerOf,
  type State,
  toB64u,
  verify,
  verifyNow,
  zoneOf,
} from "./index.ts";

const vector = async <T>(name: string) =>
  JSON.parse(await readFile(new URL(`../../../tests/vectors/circle-${name}.json`, import.meta.url), "utf8")) as T;

const bytes = (text: string) => fromB64u(text) ?? expect.fail(`${text} is not base64url`);
const utf8 = (text: string) => new TextEncoder().encode(text);

interface KeyVectors {
  keys: { seed: string; public: string }[];
  invites: { secret: string; public: string }[];
  refused: { why: string; bytes: string }[];
  signatures: { why: string; key: string; message: string; signature: string; valid: boolean }[];
}

describe("keys", async () => {
  const vectors = await vector<KeyVectors>("keys");

  test("come from their seeds", () => {
    for (const { seed, public: key } of vectors.keys) expect(toB64u(signerOf(bytes(seed)).key)).toBe(key);
    for (const { secret, public: key } of vectors.invites) expect(toB64u(inviteSigner(bytes(secret)).key)).toBe(key);
  });

  test.each(vectors.refused)("are refused when $why: $bytes", (row) => {
    expect(isDeviceKey(bytes(row.bytes))).toBe(false);
  });

  test.each(vectors.signatures)("judge a signature, $why, as Rust does: $valid", async (row) => {
    const [key, message, signature] = [bytes(row.key), bytes(row.message), bytes(row.signature)];
    expect(isDeviceKey(key)).toBe(true);
    expect(await verify(key, message, signature)).toBe(row.valid);
    expect(verifyNow(key, message, signature)).toBe(row.valid);
  });
});

interface DocumentVectors {
  documents: {
    circle: string;
    kind: Kind;
    key: string;
    id: string;
    bytes: string;
    zone: string;
    revision: number | null;
    person: string | null;
    announced: boolean;
  }[];
  refusedIds: string[];
}

describe("documents", async () => {
  const vectors = await vector<DocumentVectors>("documents");

  test.each(vectors.documents)("$kind $key of $circle", (row) => {
    const document: DocumentRef = { kind: row.kind, key: row.key };
    expect(documentId(row.circle, document)).toBe(row.id);
    expect(documentIdBytes(row.id)).toEqual(bytes(row.bytes));
    expect(zoneOf(row.kind)).toBe(row.zone);
    expect([revisionOf(document) ?? null, personOf(document) ?? null]).toEqual([row.revision, row.person]);
    expect(isAnnounced(document)).toBe(row.announced);
  });

  test.each(vectors.refusedIds)("refuse the id %j", (text) => {
    expect(documentIdBytes(text)).toBeUndefined();
  });
});

test("messages to sign are the same bytes", async () => {
  const v = await vector<Record<string, string> & { channelMessages: string[]; circleMessages: string[] }>("messages");
  const at = (name: string) => v[name] ?? expect.fail(`no ${name}`);
  const transcript = channelTranscript(
    bytes(at("dialer")),
    bytes(at("listener")),
    bytes(at("dialerNonce")),
    bytes(at("listenerNonce")),
    at("channel"),
  );
  expect(toB64u(transcript)).toBe(at("transcript"));
  expect(toB64u(circleTag(transcript, at("circle")))).toBe(at("tag"));
  const sides = ["dialer", "listener"] as const;
  expect(sides.map((side) => toB64u(channelMessage(side, transcript)))).toEqual(v.channelMessages);
  expect(sides.map((side) => toB64u(circleMessage(at("circle"), side, transcript)))).toEqual(v.circleMessages);
  expect(toB64u(joinMessage(at("circle"), at("listener"), at("sealing")))).toBe(at("joinMessage"));
  expect(toB64u(linkMessage(at("dialer"), at("listener")))).toBe(at("linkMessage"));
});

interface FrontierVectors {
  circle: string;
  document: string;
  frontiers: { device: string; actor: string; seq: string; hash: string; bytes: string }[];
}

test("frontiers have one layout", async () => {
  const { keys } = await vector<KeyVectors>("keys");
  const { circle, document, frontiers } = await vector<FrontierVectors>("frontiers");
  for (const row of frontiers) {
    const seed = keys.find((key) => key.public === row.device)?.seed ?? expect.fail("unknown device");
    const signer = signerOf(bytes(seed));
    const [actor, seq, hash] = [bytes(row.actor), Number(row.seq), bytes(row.hash)];
    const made = await Frontier.sign({ circle, document, actor, seq, hash }, signer);
    expect(toB64u(made.encode())).toBe(row.bytes);
    const read = Frontier.decode(bytes(row.bytes)) ?? expect.fail("not a frontier");
    expect(read).toEqual(made);
    expect(read.device).toEqual(bytes(row.device));
    expect(await read.verify(circle, document)).toBe(true);
    for (let at = 0; at < 144; at += 7) {
      const flipped = bytes(row.bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect((await Frontier.decode(flipped)?.verify(circle, document)) ?? false).toBe(false);
    }
  }
});

interface CardRow {
  text: string;
  name: string;
  organisation: string | null;
  perspective: string | null;
  rev: number;
  newerThan: boolean[];
}

test("cards read alike and the same one is newer", async () => {
  const rows = (await vector<{ cards: CardRow[] }>("cards")).cards;
  const cards = await Promise.all(rows.map((row) => Card.parse(utf8(row.text))));
  for (const [at, row] of rows.entries()) {
    const card = cards[at] ?? expect.fail("no card");
    const { name, organisation = null, perspective = null, rev } = card.fields;
    expect({ name, organisation, perspective, rev }).toEqual({
      name: row.name,
      organisation: row.organisation,
      perspective: row.perspective,
      rev: row.rev,
    });
    expect(cards.map((other) => card.newerThan(other))).toEqual(row.newerThan);
    for (let flip = 0; flip < row.text.length; flip += 5) {
      const flipped = utf8(row.text);
      flipped[flip] = (flipped[flip] ?? 0) ^ 1;
      await expect(Card.parse(flipped)).rejects.toThrow();
    }
  }
});

interface LinkVectors {
  links: {
    text: string;
    origin: string;
    circle: string;
    secret: string;
    hints: { url: string; nodeKey: string | null }[];
    inviteKey: string;
  }[];
  refused: string[];
}

describe("invite links", async () => {
  const { links, refused } = await vector<LinkVectors>("links");

  test.each(links)("$text", (row) => {
    const link = parseInviteLink(row.text);
    expect([link.origin, link.circle, toB64u(link.secret)]).toEqual([row.origin, row.circle, row.secret]);
    expect(link.hints.map(({ url, nodeKey = null }) => ({ url, nodeKey }))).toEqual(row.hints);
    expect(formatInviteLink(link)).toBe(row.text);
    expect(toB64u(inviteSigner(link.secret).key)).toBe(row.inviteKey);
  });

  test.each(refused)("refuse %s", (text) => {
    expect(() => parseInviteLink(text)).toThrow("this is not an invite link");
  });
});

interface RecordVectors {
  records: {
    text: string;
    id: string;
    author: string;
    kind: string;
    seq: number;
    open: boolean;
    accepter: string | null;
  }[];
  refused: { why: string; text: string }[];
}

describe("records", async () => {
  const vectors = await vector<RecordVectors>("records");

  test.each(vectors.records)("read alike: $kind $id", async (row) => {
    const record = await SignedRecord.parse(utf8(row.text));
    const { author, body, seq } = record.payload;
    const kind = body.kind === "unknown" ? body.value["kind"] : body.kind;
    expect([record.id, author, kind, seq]).toEqual([row.id, row.author, row.kind, row.seq]);
    expect([record.isOpenJoin, record.accepter ?? null]).toEqual([row.open, row.accepter]);
    expect(record.bytes).toEqual(utf8(row.text));
  });

  test("sign to the same bytes", async () => {
    const { keys } = await vector<KeyVectors>("keys");
    const seedOf = (key: string) => bytes(keys.find((row) => row.public === key)?.seed ?? expect.fail("unknown device"));
    for (const row of vectors.records) {
      const { accepter, payload } = await SignedRecord.parse(utf8(row.text));
      const open = await SignedRecord.sign(payload, signerOf(seedOf(row.author)));
      const made = accepter === undefined ? open : await open.countersign(signerOf(seedOf(accepter)));
      expect(new TextDecoder().decode(made.bytes)).toBe(row.text);
    }
  });

  test.each(vectors.refused)("refuse $why", async ({ text }) => {
    await expect(SignedRecord.parse(utf8(text))).rejects.toThrow();
  });

  test("notice every flipped bit (C3)", async () => {
    const join = vectors.records.find((row) => row.kind === "join")?.text ?? expect.fail("no join");
    for (let at = 0; at < join.length; at += 3) {
      const flipped = utf8(join);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await expect(SignedRecord.parse(flipped)).rejects.toThrow();
    }
  });
});

interface History {
  records: string[];
  heads: string[];
  verdicts: [string, string][];
  state: unknown;
  view: { heads: string[]; missing: number; state: unknown };
}

describe("histories", async () => {
  const { histories } = await vector<{ histories: History[] }>("histories");
  const { keys } = await vector<KeyVectors>("keys");
  const devices = keys.map((key) => key.public);

  test.each(histories.map((history, at) => [at, history] as const))("%i are judged alike (C1)", async (at, history) => {
    const records = await Promise.all(history.records.map((text) => SignedRecord.parse(utf8(text))));
    for (const order of [records, records.toReversed(), shuffled(records, at)]) {
      const log = logOf(records, order);
      expect(log.heads()).toEqual(history.heads);
      expect(log.waiting).toEqual({ count: 0, bytes: 0 });
      expect(records.map(({ id }) => [id, verdictText(log, id)])).toEqual(history.verdicts);
      expect(describeState(log.state, devices)).toEqual(history.state);
      expect(describeState(log.stateAt(log.heads()), devices)).toEqual(history.state);
      expect(describeState(log.stateAt(history.view.heads), devices)).toEqual(history.view.state);
      expect(log.missingFor(history.view.heads)).toHaveLength(history.view.missing);
    }
  });
});

function logOf(records: readonly SignedRecord[], order: readonly SignedRecord[]): Log {
  const genesis = records[0] ?? expect.fail("no genesis");
  const log = new Log(genesis);
  for (const record of order) if (record !== genesis) log.insert(record);
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

/** A state as the Rust test writes it. */
function describeState(state: State, devices: readonly string[]): unknown {
  const documents = state.documents().map(({ document }) => document);
  const asked: DocumentRef[] = [...documents, { kind: "report", key: "nowhere" }];
  const answers = (device: string, action: "read" | "write") =>
    asked.map((document) => letter(may(state, device, action, document))).join("");
  return {
    members: state.members().map((m) => [m.person, m.role ?? null, m.devices, m.contested]),
    invites: state.invites().map((invite) => [invite.record, invite.role, invite.usedBy]),
    shares: state.shares().map((share) => [share.record, share.target.key]),
    snapshots: state
      .snapshots()
      .map((s) => [s.record, s.manifest, s.cosigns.map(({ record, device }) => [record, device])]),
    statements: state.statements().map((s) => [s.record, s.about, s.value]),
    documents: state.documents().map(({ id, document }) => [id, document.kind, document.key]),
    may: devices.map((device) => [device, answers(device, "read"), answers(device, "write")]),
  };
}

function letter(refusal: Refusal | undefined): string {
  const letters = {
    "not-member": "m",
    "not-writer": "w",
    "not-reader": "r",
    shared: "s",
    "unknown-document": "u",
    retired: "x",
  };
  return refusal === undefined ? "y" : letters[refusal];
}
