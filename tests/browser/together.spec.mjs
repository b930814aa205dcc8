// Two people, two nodes, two pages: writing at the same moment ends the same everywhere.
import assert from "node:assert/strict";
import test from "node:test";

import { meet } from "./lib/team.mjs";
import { until, untilEqual } from "./lib/wait.mjs";

test("typing, Enter and Backspace-join in one paragraph at the same moment end equal everywhere", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "inner" });
  const [here, there] = [await noor.answer("q1"), await anke.answer("q1")];
  await here.type("Wij bellen op dag een. Daarna gaan we langs.");
  await untilEqual("Anke sees it", () => there.text(), await here.text());

  // Both in the same paragraph: Noor types at its start, Anke breaks it in the middle and types on.
  await Promise.all([
    (async () => {
      await here.caretBefore("Wij");
      await here.type("x y z ");
    })(),
    (async () => {
      await there.caretBefore("Daarna");
      await there.enter();
      await there.type("Voor de zekerheid: ");
    })(),
  ]);
  await untilSame(here, there, ["x y z ", "Voor de zekerheid: "]);
  assert.equal((await here.paragraphs()).length, 2, "Enter made a second paragraph");

  // Noor takes the paragraphs together again while Anke writes behind the break and makes another.
  await Promise.all([
    (async () => {
      await here.caretBefore("Voor");
      await here.backspace();
      await here.type("Samen. ");
    })(),
    (async () => {
      await there.caretAtEnd();
      await there.enter();
      await there.type("Derde alinea.");
    })(),
  ]);
  await untilSame(here, there, ["Samen. ", "Derde alinea."]);
  assert.equal((await here.paragraphs()).length, 2, "one was joined, one was made");

  const paragraphs = await here.paragraphs();
  await noor.untilShared();
  await anke.untilShared();
  await sameInBothNodes(nodes, paragraphs);

  for (const node of nodes) await node.stop();
  for (const node of nodes) await node.startAgain();
  await sameInBothNodes(nodes, paragraphs);
  for (const person of [noor, anke]) {
    await person.reload();
    const answer = await person.answer("q1");
    await untilEqual("the page shows it again", async () => JSON.stringify(await answer.paragraphs()), JSON.stringify(paragraphs));
  }
  // And it is live again.
  const [again, other] = [await noor.answer("q1"), await anke.answer("q1")];
  await again.caretAtEnd();
  await again.type(" Klaar.");
  await until("live after the restart", async () => (await other.text()).includes(" Klaar."));
});

test("bold and italic reach the other page and the export", async (context) => {
  const { noor, anke, nodes } = await meet(context, { role: "inner" });
  const [here, there] = [await noor.answer("q2"), await anke.answer("q2")];
  await here.type("gewoon ");
  await here.keys("Control+b");
  await here.type("vet");
  await here.keys("Control+b");
  await here.type(" en ");
  await here.keys("Control+i");
  await here.type("schuin");
  await here.keys("Control+i");
  await until("Anke sees the marks", async () => /<strong>vet<\/strong>.*<em>schuin<\/em>/s.test(await there.html()));
  for (const node of nodes) {
    await until("the export has the marks", async () =>
      (await node.must(["export", "--format", "md"])).includes("gewoon **vet** en *schuin*"));
  }
});

test("scenario 1: the same answer, another place", async (context) => {
  const { noor, anke } = await meet(context, { role: "inner" });
  const [here, there] = [await noor.answer("q1"), await anke.answer("q1")];
  await here.type("Dat er in de eerste dagen na een opname altijd iemand is die je kent. "
    + "Wij leren om al te beginnen vóór de papieren klaar zijn.");
  await untilEqual("both have the same", () => there.text(), await here.text());

  await noor.offline();
  await here.caretAtEnd();
  await here.type(" Ook in het weekend.");
  await there.caretBefore("dagen na");
  await there.type("tien ");
  await noor.online();

  const expected = "Dat er in de eerste tien dagen na een opname altijd iemand is die je kent. "
    + "Wij leren om al te beginnen vóór de papieren klaar zijn. Ook in het weekend.";
  await untilEqual("Noor's page", () => here.text(), expected);
  await untilEqual("Anke's page", () => there.text(), expected);
});

test("scenario 2: the same place, at the same time", async (context) => {
  const { noor, anke } = await meet(context, { role: "inner" });
  const [here, there] = [await noor.answer("q2"), await anke.answer("q2")];
  await here.type("Ik merkte dat ik mijn brief ging verdedigen.");
  await untilEqual("both have the same", () => there.text(), await here.text());

  await Promise.all([noor.offline(), anke.offline()]);
  await here.caretAtEnd();
  await here.type(" Dat voelde veilig.");
  await there.caretAtEnd();
  await there.type(" Daarna werd ik stil.");
  await Promise.all([noor.online(), anke.online()]);

  const text = await untilSame(here, there, ["Dat voelde veilig.", "Daarna werd ik stil."]);
  const begin = "Ik merkte dat ik mijn brief ging verdedigen.";
  assert.ok(
    [`${begin} Daarna werd ik stil. Dat voelde veilig.`, `${begin} Dat voelde veilig. Daarna werd ik stil.`].includes(text),
    `each sentence stays whole: ${text}`,
  );
});

/** Waits until both editors show the same, with these words in it; returns the text. */
async function untilSame(here, there, words) {
  return until(`both editors show the same, with ${words.join(" and ")}`, async () => {
    const [one, other] = await Promise.all([here.paragraphs(), there.paragraphs()]);
    const text = one.join("\n\n");
    return JSON.stringify(one) === JSON.stringify(other) && words.every((word) => text.includes(word)) && text;
  });
}

/** Both nodes export the same, in both formats, and it holds these paragraphs. */
async function sameInBothNodes(nodes, paragraphs) {
  for (const format of ["json", "md"]) {
    const texts = await until(`both nodes export the same ${format}`, async () => {
      const exports = await Promise.all(nodes.map((node) => node.must(["export", "--format", format])));
      return exports[0] === exports[1] && exports;
    });
    const whole = format === "md" ? paragraphs.join("\n\n") : JSON.stringify(paragraphs.join("\n\n")).slice(1, -1);
    assert.ok(texts[0].includes(whole), `the ${format} export has what the pages show: ${texts[0]}`);
  }
}
