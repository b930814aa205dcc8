// A page that comes and goes without its node: it opens, takes words, and loses none of them.
import assert from "node:assert/strict";
import test from "node:test";

import { startBrowser } from "./lib/browser.mjs";
import { Front } from "./lib/front.mjs";
import { RunningNode, freePort } from "./lib/node.mjs";
import { Person } from "./lib/person.mjs";
import { TITLE, meet } from "./lib/team.mjs";
import { until } from "./lib/wait.mjs";

test("a page opens without its node after one visit, takes words, and shares them later", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "inner" });
  const before = await noor.answer("q1");
  await before.type("Met de computer.");
  await noor.untilKept();
  await noor.untilPageIsKept();
  await nodes[0].kill();

  await noor.reload();
  const first = await noor.answer("q1");
  await until("the words are there", async () => (await first.text()) === "Met de computer.");
  await first.caretAtEnd();
  await first.type(" Zonder.");
  await until("they are on this device", async () => /apparaat|Offline/.test(await noor.status()));

  await noor.reload();
  const second = await noor.answer("q1");
  await until("what was written without the node is there", async () => /Zonder\.$/.test(await second.text()));
  await second.caretAtEnd();
  await second.type(" Nog eens.");

  await nodes[0].startAgain();
  await noor.untilShared();
  const there = await anke.answer("q1");
  await until("all of it arrived", async () => (await there.text()) === "Met de computer. Zonder. Nog eens.");
});

test("a new version of the page waits until it is taken, and no word is lost on the way", async (context) => {
  const browser = await startBrowser(context);
  const port = await freePort();
  const front = await Front.to(context, port);
  const node = await RunningNode.start(context, { port, names: [front.authority, `127.0.0.1:${port}`] });
  const noor = await Person.pair(browser, node, "Noor Hakvoort", { authority: front.authority });
  await noor.begin(TITLE);
  await noor.untilPageIsKept();
  const bar = noor.page.getByTestId("new-version");
  assert.equal(await bar.count(), 0, "the first version is no news");

  front.isNewer = true;
  await noor.page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  await bar.waitFor();
  const before = await noor.answer("q2");
  await node.kill();
  await before.type("Net getypt.");
  await noor.page.getByTestId("take-version").click();
  await until("the page was loaded anew", async () => (await bar.count()) === 0);
  const after = await noor.answer("q2");
  await until("the words are there", async () => (await after.text()) === "Net getypt.");
  const caches = await noor.page.evaluate(() => caches.keys());
  assert.equal(caches.length, 1, `only the new version is kept: ${caches}`);

  await node.startAgain();
  await noor.untilKept();
  assert.match(await node.must(["show", TITLE, "checkin"]), /Net getypt\./);
});
