// The meaningful step: written together, fixed by the facilitator, agreed to by the other, checked by anyone.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";

import { meet } from "./lib/team.mjs";
import { must, temporaryFolder } from "./lib/node.mjs";
import { until } from "./lib/wait.mjs";

test("the facilitator fixes the step, the other agrees, and a stranger's machine verifies it", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "inner" });
  const step = await noor.step("effect");
  await step.type("Er is altijd iemand die je kent.");
  await until("Anke reads it", async () => {
    await anke.openStep();
    return (await anke.pageText()).includes("altijd iemand die je kent.");
  });
  await noor.snapshot("Onze betekenisvolle stap");
  await anke.cosign();
  await until("Noor sees that Anke agreed", async () => (await noor.signers()).length === 2);

  const folder = await temporaryFolder(context);
  const file = join(folder, "step.smallwin.json");
  await noor.download(file);
  const said = await must(await temporaryFolder(context), ["verify", file]);
  assert.match(said, /Onze betekenisvolle stap/);
  assert.match(said, /altijd iemand die je kent/);
  await nodes[1].must(["export", "--format", "json"]);
});
