// Cut, killed, offline: what a page said is true, and what was apart comes together.
import assert from "node:assert/strict";
import test from "node:test";

import { meet } from "./lib/team.mjs";
import { until } from "./lib/wait.mjs";

test("nodes that are cut from each other merge within seconds when they meet again", async (context) => {
  const { noor, anke, wire } = await meet(context, { role: "inner" });
  const [here, there] = [await noor.answer("q1"), await anke.answer("q1")];
  await here.type("Begin.");
  await until("Anke sees it", async () => (await there.text()).includes("Begin."));

  wire.cut();
  await here.caretAtEnd();
  await here.type(" Van Noor.");
  await there.caretAtEnd();
  await there.type(" Van Anke.");
  assert.ok(!(await there.text()).includes("Van Noor."), "they are apart");
  wire.mend();
  await until("both have both", async () => {
    const [one, other] = await Promise.all([here.text(), there.text()]);
    return one === other && one.includes(" Van Noor.") && one.includes(" Van Anke.");
  });
});

// K1: what anybody else saw is on the disk of the node that passed it on.
test("a node killed in the middle of typing loses nothing that arrived elsewhere, and nothing that was typed", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "inner" });
  const here = await noor.answer("q1");
  const there = await anke.answer("q1");
  const sentence = "Dit typ ik terwijl mijn computer uitvalt, letter voor letter, zin na zin. ";
  const typing = here.type(sentence.repeat(4), { delay: 5 }).catch((error) => error);
  await until("some of it arrived at Anke", async () => (await there.text()).length > 40);
  const seen = await there.text();
  const [node] = nodes;
  await node.kill();
  const kept = await node.must(["show", "Thuiskomen", "checkin"]);
  assert.ok(kept.includes(seen.trim()), `what Anke saw was on Noor's disk first: ${seen}\n${kept}`);
  await typing;
  await node.startAgain();
  await until("all that was typed is everywhere", async () => {
    const [one, other] = await Promise.all([here.text(), there.text()]);
    return one === other && one.length >= sentence.length * 4 - 1;
  });
  await noor.untilShared();
});

// K1: what the page calls kept by the node is on the node's disk.
test("what the page calls kept is in the node's data when the browser is gone for good", async (context) => {
  const { noor, nodes } = await meet(context, { role: "inner" });
  const here = await noor.answer("q4");
  for (const words of ["Eerst dit. ", "Dan dat. ", "En tot slot dit."]) {
    await here.type(words);
    await noor.untilKept();
    const { status, text } = await noor.statusAndText("checkin-q4-shared");
    assert.match(status, /computer|Gedeeld/);
    await nodes[0].kill();
    const kept = await nodes[0].must(["show", "Thuiskomen", "checkin"]);
    assert.ok(kept.includes(text.trim()), `the page said "${status}" of: ${text}\n${kept}`);
    await nodes[0].startAgain();
  }
  await noor.context.close();
  assert.ok((await nodes[0].must(["show", "Thuiskomen", "checkin"])).includes("En tot slot dit."));
});

// F1: the first change is the same bytes on both devices.
test("a check-in that both begin offline is one check-in with both texts", async (context) => {
  const { noor, anke } = await meet(context, { role: "inner" });
  await Promise.all([noor.offline(), anke.offline()]);
  const [here, there] = [await noor.answer("q3"), await anke.answer("q3")];
  await here.type("Ja, het is spannend.");
  await there.type("Ja, we worden er blij van.");
  await Promise.all([noor.online(), anke.online()]);
  await until("both have both", async () => {
    const [one, other] = await Promise.all([here.text(), there.text()]);
    return one === other && one.includes("het is spannend.") && one.includes("blij van.");
  });
});

test("one person's voice written on two of their linked devices keeps both", async (context) => {
  const { noor, nodes } = await meet(context, { role: "inner" });
  const voice = await noor.voice("q2");
  await voice.type("Op de laptop.");
  await noor.untilKept();
  await noor.offline();
  await voice.caretAtEnd();
  await voice.type(" Nog meer op de laptop.");
  // The node's own device key was linked to Noor when the page was paired: the command line is her second device.
  await nodes[0].must(["write", "Thuiskomen", "voice", "q2", " Vanaf de opdrachtregel.", "--append"]);
  await noor.online();
  await until("the page has both", async () => {
    const text = await voice.text();
    return text.includes("Nog meer op de laptop.") && text.includes("Vanaf de opdrachtregel.");
  });
  await until("the node has both", async () => {
    const shown = await nodes[0].must(["show", "Thuiskomen", "voices"]);
    return shown.includes("Nog meer op de laptop.") && shown.includes("Vanaf de opdrachtregel.");
  });
});
