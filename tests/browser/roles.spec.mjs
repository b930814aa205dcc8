// What an outer member may and may not do, and what stays their own.
import assert from "node:assert/strict";
import test from "node:test";

import { meet } from "./lib/team.mjs";
import { filesOf } from "./lib/node.mjs";
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
