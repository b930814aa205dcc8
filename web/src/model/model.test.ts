// The vectors that the crate smallwin-model is held to as well.

import { applyChanges, getHeads, init, load, spans, view } from "@automerge/automerge/slim";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type DocumentKind, FIRST_CHANGES, firstChange, isDocumentKind, render, TEXT_NAMES } from "./index.ts";

interface Rendering {
  name: string;
  kind: DocumentKind;
  document: string;
  heads: string[] | null;
  rendering: string;
}

const vector = async (name: string) =>
  JSON.parse(await readFile(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), "utf8")) as unknown;

describe("first changes", async () => {
  const vectors = (await vector("first-changes")) as Record<string, { hash: string; hex: string }>;

  test("are the committed bytes (F1)", () => {
    expect(FIRST_CHANGES).toEqual(vectors);
  });

  test.each(Object.keys(vectors))("of %s open every text with a paragraph (F2)", (kind) => {
    if (!isDocumentKind(kind)) throw new Error(`no schema for ${kind}`);
    const [doc] = applyChanges(init<Record<string, unknown>>(), [firstChange(kind)]);
    expect(getHeads(doc)).toEqual([FIRST_CHANGES[kind].hash]);
    expect(String(doc["schema"])).toBe(`${kind}@1`);
    for (const name of TEXT_NAMES[kind]) {
      const stored = spans(doc, [name]);
      expect(stored.map((span) => span.type)).toEqual(["block"]);
      expect(String(stored[0]?.type === "block" && stored[0].value["type"])).toBe("paragraph");
    }
  });
});

describe("rendering", async () => {
  const vectors = (await vector("rendering")) as Rendering[];

  test.each(vectors)("$name (S1)", ({ kind, document, heads, rendering }) => {
    const doc = load<Record<string, unknown>>(Buffer.from(document, "hex"));
    expect(render(heads ? view(doc, heads) : doc, kind)).toBe(rendering);
  });
});
