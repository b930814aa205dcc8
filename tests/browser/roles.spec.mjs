// What an outer member may and may not do, and what stays their own.
import assert from "node:assert/strict";
import test from "node:test";

import { RunningNode, filesOf } from "./lib/node.mjs";
import { patchedScript } from "./lib/patched.mjs";
import { Person } from "./lib/person.mjs";
import { TITLE, meet } from "./lib/team.mjs";
import { until } from "./lib/wait.mjs";

// V1: an unshared voice is offered only to the devices of its own person.
test("an outer member's voice is theirs until they share it", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "outer" });
  const secret = "Ik-durf-het-nog-niet-hardop";
  const voice = await anke.voice("q1");
  await voice.type(secret);
  const shared = await anke.answer("q1");
  await shared.type("Dit is voor iedereen.");
  const here = await noor.answer("q1");
  await until("what is for all arrives", async () => (await here.text()).includes("voor iedereen."));
  assert.ok(!(await noor.pageText()).includes(secret));
  for (const { path, bytes } of await filesOf(nodes[0].data)) {
    assert.ok(!bytes.includes(secret), `the unshared voice is in ${path}`);
  }

  await anke.share("q1");
  await noor.openCheckIn();
  await until("the shared voice is shown to Noor", async () => (await noor.pageText()).includes(secret));
});

test("an outer member sees the step, and the page gives them nothing to write it with", async (context) => {
  const { noor, anke } = await meet(context, { role: "outer" });
  const step = await noor.step("effect");
  await step.type("Er is altijd iemand die je kent.");
  await anke.openStep();
  await until("Anke reads it", async () => (await anke.pageText()).includes("altijd iemand die je kent."));
  assert.equal(await (await anke.step("effect")).isEditable(), false);
});

// C3, B1: the signature of somebody who may not write counts for nothing, and they see what became of it.
test("what an outer member writes in the step with a patched client is refused by every node and shown as refused", async (context) => {
  const script = await patchedScript(context);
  const { noor, anke, nodes } = await meet(context, { role: "outer", script });
  const step = await noor.step("effect");
  await step.type("Er is altijd iemand die je kent.");
  const forged = await anke.step("effect");
  assert.equal(await forged.isEditable(), true, "the client is patched");
  await until("Anke reads it", async () => (await forged.text()).includes("die je kent."));
  await forged.caretAtEnd();
  await forged.type(" Stiekem erbij.");
  await until("her page shows it as refused", async () => (await anke.refused()).includes("Stiekem erbij."));

  // What she may write arrives after it; by then it would have arrived too.
  const answer = await anke.answer("q1");
  await answer.type("Dit mag wel.");
  const seen = await noor.answer("q1");
  await until("Noor sees what Anke may write", async () => (await seen.text()).includes("Dit mag wel."));
  for (const node of nodes) {
    assert.ok(!(await node.must(["export", "--format", "json"])).includes("Stiekem"), "no node took it");
  }
  await noor.openStep();
  assert.ok(!(await noor.pageText()).includes("Stiekem"));
  await anke.reload();
  await until("it is still shown as refused", async () => (await anke.refused()).includes("Stiekem erbij."));
});

test("what one device writes in a voice that the other has shared meanwhile is shown as refused, not lost", async (context) => {
  const { anke, nodes } = await meet(context, { role: "outer" });
  const voice = await anke.voice("q1");
  await voice.type("Dit deel ik.");
  await until("her second device has it", async () => (await nodes[1].must(["show", "Thuis", "voices"])).includes("Dit deel ik."));
  await anke.offline();
  await voice.caretAtEnd();
  await voice.type(" Dit kwam te laat.");
  await nodes[1].must(["share", "Thuis"]);
  await anke.online();
  await until("her page shows it as refused", async () => (await anke.refused()).includes("Dit kwam te laat."));
});

test("an invitation that was used is refused in words, and nothing is kept", async (context) => {
  const { noor, browser, nodes } = await meet(context, { role: "outer" });
  const link = await noor.invite("outer");
  const gerda = await Person.pair(browser, await RunningNode.start(context), "Gerda Tolsma");
  await gerda.join(link, TITLE);
  const patrick = await Person.pair(browser, await RunningNode.start(context), "Patrick Oosterling");
  assert.equal(await patrick.tryToJoin(link), "invite-used");
  assert.ok(!(await nodes[0].must(["members", "Thuis"])).includes("Patrick"));
});
