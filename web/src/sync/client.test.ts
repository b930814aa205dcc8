import * as A from "@automerge/automerge/slim";
import { afterEach, describe, expect, test, vi } from "vitest";
import { NodeDouble } from "../../tests/node-double.ts";
import { caseDocument, draftDocument, stepDocument, voiceDocument } from "../circle/document.ts";
import { Frontier } from "../circle/frontier.ts";
import { readText, renderText } from "../model/index.ts";
import { beginSmallWin, invite, shareVoice, snapshot, snapshotFile } from "./acts.ts";
import { verifySnapshotFile } from "../circle/snapshot.ts";
import { fromHex, toHex } from "./bytes.ts";
import { Client } from "./client.ts";
import { type Database, memoryDatabase } from "./database.ts";
import { writeText } from "../editor/write.ts";

const started: Client[] = [];

afterEach(() => {
  for (const client of started.splice(0)) client.stop();
  vi.unstubAllGlobals();
});

async function start(node: NodeDouble, database: Database = memoryDatabase()): Promise<Client> {
  vi.stubGlobal("location", { origin: "http://127.0.0.1:7171", host: "127.0.0.1:7171", protocol: "http:" });
  const client = await Client.start({
    database,
    url: "ws://127.0.0.1:7171/sync",
    authority: "127.0.0.1:7171",
    tabs: false,
    dial: node.dial,
  });
  started.push(client);
  return client;
}

async function paired(node: NodeDouble, database?: Database): Promise<Client> {
  const client = await start(node, database);
  expect(await client.pair(node.secret, node.device)).toBe(true);
  await client.setName({ name: "Noor" });
  return client;
}

function textOf(client: Client, circle: string, name: string): string {
  const document = client.documents.all().find((each) => each.circle === circle && each.kind === "step");
  return document ? renderText(readText(document.doc(), name)) : "";
}

const soon = { timeout: 5_000, interval: 10 };

describe("the handshake", () => {
  test("proves both ends", async () => {
    const node = new NodeDouble();
    const client = await start(node);
    await client.whenOnline();
    await vi.waitFor(() => expect(node.framesOf("smallwin/auth")).toHaveLength(1), soon);
  });

  test("a node that cannot prove its key is not spoken to", async () => {
    const node = new NodeDouble();
    node.isImpostor = true;
    vi.spyOn(console, "error").mockImplementation(() => {});
    const client = await start(node);
    await vi.waitFor(() => expect(node.framesOf("join").length).toBeGreaterThan(1), soon);
    expect(client.isOnline).toBe(false);
    expect(node.framesOf("smallwin/auth")).toHaveLength(0);
  });
});

describe("a Small Win begun here", () => {
  test("is hosted by the own node, which is linked and gets the documents", async () => {
    const node = new NodeDouble();
    const client = await paired(node);
    const circle = await beginSmallWin(client, "Thuiskomen", "Een casus.");
    await vi.waitFor(() => expect(node.logs.get(circle.id)?.state.roleOfDevice(node.device)).toBe("facilitator"), soon);
    const document = await client.open(circle, caseDocument);
    await vi.waitFor(() => expect(client.reach.reachOf(document, undefined).node).toBe(true), soon);
    expect(node.uncovered).toEqual([]);
  });

  // K1: nothing is told that is not kept.
  test("K1: a change is in the browser's storage, with its frontier, before the node hears of it", async () => {
    const node = new NodeDouble();
    const database = memoryDatabase();
    const client = await paired(node, database);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const document = await client.open(circle, stepDocument);
    let told = 0;
    node.watch = async (frame) => {
      if (frame.type !== "sync" || frame["documentId"] !== document.id) return;
      const { changes } = A.decodeSyncMessage(frame["data"] as Uint8Array);
      for (const bytes of changes) {
        const held = A.loadIncremental(A.init<unknown>(), bytes);
        const chunks = await database.all<{ bytes: Uint8Array }>("chunks", document.id);
        const kept = A.loadIncremental(A.init<unknown>(), join(chunks.map((chunk) => chunk.bytes)));
        expect(A.hasHeads(kept, A.getHeads(held))).toBe(true);
        told += 1;
      }
      const frontiers = await database.all<Uint8Array>("frontiers", document.id);
      expect(frontiers.length).toBeGreaterThan(0);
    };
    document.change((doc) => writeText(doc, ["effect"], "We bellen."));
    await vi.waitFor(() => expect(told).toBeGreaterThan(0), soon);
    await vi.waitFor(() => expect(node.holds(document.id)).toBe(true), soon);
  });

  test("K2: another tab, later, writes as another actor of the same key, and both are covered", async () => {
    const node = new NodeDouble();
    const database = memoryDatabase();
    const first = await paired(node, database);
    const circle = await beginSmallWin(first, "Thuiskomen", "");
    const document = await first.open(circle, stepDocument);
    document.change((doc) => writeText(doc, ["effect"], "een"));
    await first.documents.keep(document);
    first.stop();
    const second = await start(node, database);
    const again = await vi.waitFor(() => {
      const found = second.documents.get(document.id);
      if (!found) throw new Error("not open yet");
      return found;
    }, soon);
    expect(again.actor).not.toBe(document.actor);
    expect(again.actor.slice(0, 64)).toBe(toHex(second.identity.signer.key));
    again.change((doc) => writeText(doc, ["recognisable"], "twee"));
    await vi.waitFor(() => {
      const held = node.documents.get(document.id);
      expect(held && renderText(readText(held, "recognisable"))).toBe("twee");
    }, soon);
    expect(node.uncovered).toEqual([]);
    for (const bytes of await database.all<Uint8Array>("frontiers", document.id)) {
      expect(await Frontier.decode(bytes)?.verify(circle.id, document.id)).toBe(true);
    }
  });

  test("a page closed before its node was linked is linked by the next one", async () => {
    const node = new NodeDouble();
    const database = memoryDatabase();
    const first = await paired(node, database);
    const circle = await beginSmallWin(first, "Thuiskomen", "");
    first.stop();
    expect(circle.state?.personOf(node.device)).toBeUndefined();
    await start(node, database);
    await vi.waitFor(() => expect(node.logs.get(circle.id)?.state.roleOfDevice(node.device)).toBe("facilitator"), soon);
  });

  test("what was written while the node was gone arrives when it is back", async () => {
    const node = new NodeDouble();
    const client = await paired(node);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const document = await client.open(circle, stepDocument);
    await vi.waitFor(() => expect(node.holds(document.id)).toBe(true), soon);
    node.isUp = false;
    node.cut();
    expect(client.isOnline).toBe(false);
    document.change((doc) => writeText(doc, ["effect"], "Offline geschreven."));
    node.isUp = true;
    await vi.waitFor(() => {
      const held = node.documents.get(document.id);
      expect(held && renderText(readText(held, "effect"))).toBe("Offline geschreven.");
    }, soon);
    expect(node.uncovered).toEqual([]);
  });

  test("what others write is shown here", async () => {
    const node = new NodeDouble();
    const client = await paired(node);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const document = await client.open(circle, stepDocument);
    await vi.waitFor(() => expect(node.holds(document.id)).toBe(true), soon);
    node.write(document.id, (doc) => writeText(doc, ["weUsedTo"], "Wij wachtten."));
    await vi.waitFor(() => expect(textOf(client, circle.id, "weUsedTo")).toBe("Wij wachtten."), soon);
  });
});

describe("refused work", () => {
  test("B1: is taken out of the text and kept where its author finds it", async () => {
    const node = new NodeDouble();
    const database = memoryDatabase();
    const client = await paired(node, database);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const document = await client.open(circle, stepDocument);
    await vi.waitFor(() => expect(node.holds(document.id)).toBe(true), soon);
    document.change((doc) => writeText(doc, ["weUsedTo"], "Mag wel."));
    await vi.waitFor(() => {
      const held = node.documents.get(document.id);
      expect(held && renderText(readText(held, "weUsedTo"))).toBe("Mag wel.");
    }, soon);
    node.refuses.set(document.id, "not-writer");
    document.change((doc) => writeText(doc, ["effect"], "Mag niet."));
    await vi.waitFor(() => expect(client.refused).toHaveLength(1), soon);
    expect(client.refused[0]).toMatchObject({ text: "Mag niet.", reason: "not-writer", kind: "step" });
    expect(textOf(client, circle.id, "effect")).toBe("");
    expect(textOf(client, circle.id, "weUsedTo")).toBe("Mag wel.");
    client.stop();
    const later = await start(node, database);
    expect(later.refused[0]?.text).toBe("Mag niet.");
    await vi.waitFor(() => expect(textOf(later, circle.id, "weUsedTo")).toBe("Mag wel."), soon);
    expect(textOf(later, circle.id, "effect")).toBe("");
  });

  test("a frontier that was lost on the way is sent again, and nothing is set aside", async () => {
    const node = new NodeDouble();
    const client = await paired(node);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const document = await client.open(circle, stepDocument);
    document.change((doc) => writeText(doc, ["effect"], "tekst"));
    await vi.waitFor(() => expect(node.holds(document.id)).toBe(true), soon);
    const before = node.framesOf("smallwin/frontier").length;
    const [head = ""] = document.heads;
    node.connections[0]?.tell({
      type: "smallwin/refused",
      documentId: document.id,
      hashes: fromHex(head),
      reason: "unsigned",
    });
    await vi.waitFor(() => expect(node.framesOf("smallwin/frontier").length).toBeGreaterThan(before), soon);
    expect(client.refused).toEqual([]);
    expect(textOf(client, circle.id, "effect")).toBe("tekst");
  });
});

describe("the own voice", () => {
  // V1: an unshared voice goes to nobody but the devices of its person.
  test("V1: goes to no node of another person until it is shared", async () => {
    const node = new NodeDouble();
    const owner = await paired(node);
    const circle = await beginSmallWin(owner, "Thuiskomen", "");
    await vi.waitFor(() => expect(node.logs.has(circle.id)).toBe(true), soon);
    const link = await invite(owner, circle, "outer", 7);
    expect(link).toContain(`/#j=${circle.id}.`);
    const me = owner.personIn(circle) ?? "";
    const draft = await owner.open(circle, draftDocument(me));
    draft.change((doc) => writeText(doc, ["q1"], "Nog van mij."));
    // The own node is a device of the same person: it may have the draft.
    await vi.waitFor(() => expect(node.holds(draft.id)).toBe(true), soon);

    // A client at a node that is nobody's in the circle gives it nothing at all.
    const stranger = new NodeDouble();
    owner.stop();
    const database = (owner as unknown as { options: { database: Database } }).options.database;
    const elsewhere = await start(stranger, database);
    await elsewhere.whenOnline();
    await vi.waitFor(() => expect(stranger.framesOf("smallwin/circles").length).toBeGreaterThan(0), soon);
    const document = await elsewhere.open(circle, draftDocument(me));
    document.change((doc) => writeText(doc, ["q2"], "Ook van mij."));
    await elsewhere.documents.keep(document);
    await elsewhere.ask("status");
    expect(stranger.framesOf("sync")).toEqual([]);
    expect(stranger.framesOf("request")).toEqual([]);
  });

  test("sharing copies the text into a document without its history", async () => {
    const node = new NodeDouble();
    const client = await paired(node);
    const circle = await beginSmallWin(client, "Thuiskomen", "");
    const me = client.personIn(circle) ?? "";
    const draft = await client.open(circle, draftDocument(me));
    draft.change((doc) => writeText(doc, ["q1"], "Een geheim"));
    draft.change((doc) => A.splice(doc, ["q1"], 1, 10, "Dit deel ik"));
    await shareVoice(client, circle);
    const voice = await client.open(circle, voiceDocument(me));
    expect(renderText(readText(voice.doc(), "q1"))).toBe("Dit deel ik");
    expect(new TextDecoder("latin1").decode(A.save(voice.doc()))).not.toContain("geheim");
    expect(circle.state?.isShared(voiceDocument(me))).toBe(true);
    await shareVoice(client, circle);
    expect(renderText(readText(voice.doc(), "q1"))).toBe("Dit deel ik");
  });
});

test("a recorded step verifies with nothing but its file", async () => {
  const node = new NodeDouble();
  const client = await paired(node);
  const circle = await beginSmallWin(client, "Thuiskomen", "");
  const document = await client.open(circle, stepDocument);
  document.change((doc) => writeText(doc, ["nowWePractise"], "We bellen op dag een."));
  const record = await snapshot(client, circle, "De stap");
  const report = await verifySnapshotFile(await snapshotFile(circle, record ?? ""));
  expect(report.title).toBe("De stap");
  expect(report.manifest.docs.map(({ text }) => text).join()).toContain("We bellen op dag een.");
});

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
