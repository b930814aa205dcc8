import * as A from "@automerge/automerge/slim";
import { expect, test } from "vitest";

test("the WebAssembly of Automerge is ready for every test", () => {
  const doc = A.change(A.init<{ a?: number }>(), (d) => {
    d.a = 1;
  });
  expect(doc.a).toBe(1);
});
