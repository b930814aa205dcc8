import { describe, expect, test } from "vitest";
import { en } from "../locales/en.ts";
import { nl } from "../locales/nl.ts";
import { readFragment } from "./arrival.ts";
import { sectionsOf } from "./manifest-sections.ts";
import { addressOf, parseRoute } from "./route.ts";

describe("addresses", () => {
  test("come back as they were written", () => {
    expect(parseRoute(addressOf("c1", "step"))).toMatchObject({ name: "small-win", circle: "c1", part: "step" });
    expect(parseRoute(addressOf("c1", "check-in", "q5"))).toMatchObject({ question: "q5" });
  });

  test.each([
    ["", "home"],
    ["#/", "home"],
    ["#/new", "new"],
    ["#/join/x", "join"],
    ["#/nowhere", "not-found"],
    ["#/sw/", "not-found"],
  ])("%s leads to %s", (hash, name) => {
    expect(parseRoute(hash).name).toBe(name);
  });
});

describe("arriving", () => {
  const secret = "AAAAAAAAAAAAAAAAAAAAAA";
  const device = "A".repeat(43);

  test("with a pairing link", () => {
    expect(readFragment("http://o", `#pair=${secret}.${device}`)).toMatchObject({ kind: "pair", device });
  });

  test.each(["#pair=", `#pair=${secret}`, `#pair=${secret}.x`, `#pair=short.${device}`])("with the cut link %s", (hash) => {
    expect(readFragment("http://o", hash).kind).toBe("broken-pair");
  });

  test("with an invitation, for whatever node it was made", () => {
    expect(readFragment("http://o", "#j=a.b.")).toEqual({ kind: "invitation", link: "http://o/#j=a.b." });
  });
});

test("the sections of a recorded step come under the names people know, the step first", () => {
  const document = { heads: [], sha256: "", zone: "core" as const };
  const docs = [
    { ...document, id: "1", kind: "case" as const, text: "## title\n\nThuis\n\n## body\n\n\n" },
    { ...document, id: "2", kind: "step" as const, text: "## effect\n\nWe bellen.\n\nElke dag.\n" },
  ];
  const sections = sectionsOf({ circle: "", created: "", docs, log: [], title: "" }, nl);
  expect(sections.map(({ label, text }) => [label, text])).toEqual([
    [nl.step.texts.effect, "We bellen.\n\nElke dag."],
    [nl.home.newTitle, "Thuis"],
    [nl.home.newCase, ""],
  ]);
});

test("no text is empty in any language", () => {
  const empty = (value: unknown): boolean =>
    typeof value === "object" && value !== null ? Object.values(value).some(empty) : value === "";
  expect(empty(nl)).toBe(false);
  expect(empty(en)).toBe(false);
});
