// Stock automerge-repo clients use a node as their sync server, in a space apart (`--interop-open`).
import assert from "node:assert/strict";
import test from "node:test";

import { RunningNode } from "./lib/node.mjs";
import { BareSocket, find, stockRepo } from "./lib/stock.mjs";
import { until } from "./lib/wait.mjs";

test("stock clients create and edit a document live, both ways, and again after a restart", async (context) => {
  const node = await RunningNode.start(context, { args: ["--interop-open"] });
  const here = stockRepo(context, node.authority).create({ text: "one" });
  const there = await find(stockRepo(context, node.authority), here.url);
  assert.equal(there.doc().text, "one");

  there.change((doc) => { doc.text = `${doc.text} two`; });
  await until("the first client sees the second's edit", () => here.doc().text === "one two");
  here.change((doc) => { doc.list = ["three"]; });
  await until("the second client sees the first's edit", () => there.doc().list?.[0] === "three");

  await node.kill();
  here.change((doc) => { doc.list.push("four"); });
  await node.startAgain();
  await until("an edit made meanwhile arrives", () => there.doc().list.includes("four"));
  there.change((doc) => { doc.list.push("five"); });
  await until("live again", () => here.doc().list.includes("five"));

  // Somebody who comes later gets it from the node alone.
  await node.kill();
  await node.startAgain();
  const later = await find(stockRepo(context, node.authority), here.url);
  await until("the node kept it all", () =>
    later.doc().text === "one two" && JSON.stringify(later.doc().list) === '["three","four","five"]');
});

test("two stock clients that edit apart are merged when both come back", async (context) => {
  const node = await RunningNode.start(context, { args: ["--interop-open"] });
  const here = stockRepo(context, node.authority).create({ notes: {} });
  const there = await find(stockRepo(context, node.authority), here.url);
  await node.stop();
  here.change((doc) => { doc.notes.here = "a"; });
  there.change((doc) => { doc.notes.there = "b"; });
  await node.startAgain();
  for (const handle of [here, there]) {
    await until("both notes are there", () => handle.doc().notes.here === "a" && handle.doc().notes.there === "b");
  }
});

test("a second joiner with a live peer id is refused and the first goes on", async (context) => {
  const node = await RunningNode.start(context, { args: ["--interop-open"] });
  const here = stockRepo(context, node.authority, "stock-anna").create({ text: "mine" });
  const there = await find(stockRepo(context, node.authority, "stock-bram"), here.url);

  const second = await BareSocket.open(context, `ws://${node.authority}/`);
  second.join("stock-anna");
  await until("the second joiner is closed", () => second.closed !== undefined);
  assert.equal(second.received.find((message) => message.type === "peer"), undefined, "it was never let in");

  there.change((doc) => { doc.text = "still live"; });
  await until("the first still hears", () => here.doc().text === "still live");
});

test("ids that the node does not know are unavailable, and without --interop-open the space is shut", async (context) => {
  const open = await RunningNode.start(context, { args: ["--interop-open"] });
  const stranger = await BareSocket.open(context, `ws://${open.authority}/`);
  stranger.join("stock-carl");
  const peer = await stranger.receives("peer");
  stranger.send({
    type: "request",
    senderId: "stock-carl",
    targetId: peer.senderId,
    documentId: "1Bhh3pU9gLXZiNDL6PEa1Gs9fh",
    data: new Uint8Array([0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84]),
  });
  await stranger.receives("doc-unavailable");

  const shut = await RunningNode.start(context);
  const refused = await BareSocket.open(context, `ws://${shut.authority}/`);
  refused.join("stock-dora");
  await until("nobody is let in", () => refused.closed !== undefined);
  assert.equal(refused.received.find((message) => message.type === "peer"), undefined);
});
