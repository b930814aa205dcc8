// The meaningful step: written together, fixed by the facilitator, agreed to by the other, checked by anyone.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { RunningNode, must, temporaryFolder } from "./lib/node.mjs";
import { Person } from "./lib/person.mjs";
import { meet } from "./lib/team.mjs";
import { until } from "./lib/wait.mjs";

test("the facilitator fixes the step, the other agrees, and a stranger's machine verifies it", async (context) => {
  const { noor, anke, browser } = await meet(context, { role: "inner" });
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

  // The same in plain JavaScript with `jose`, and not with one byte changed.
  const other = await jose(file);
  assert.equal(other.code, 0, other.err);
  assert.match(other.out, /Onze betekenisvolle stap/);
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  const bad = join(folder, "bad.smallwin.json");
  await writeFile(bad, bytes);
  const refused = await jose(bad);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^error: /);
  // And on a page that never saw the circle.
  const gerda = await Person.pair(browser, await RunningNode.start(context), "Gerda Tolsma");
  assert.match(await gerda.verify(file), /Onze betekenisvolle stap/);
  assert.match(await gerda.verifyFails(bad), /\S/);
});

/** Runs the plain JavaScript verifier. */
function jose(file) {
  const script = fileURLToPath(new URL("../interop/snapshot-jose.mjs", import.meta.url));
  return new Promise((done) => {
    execFile(process.execPath, [script, file], (error, out, err) => done({ code: error ? error.code : 0, out, err }));
  });
}
