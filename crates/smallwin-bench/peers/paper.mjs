// Makes one Yjs document of a list of strokes: node paper.mjs STROKES.json UPDATE
import { readFileSync, writeFileSync } from "node:fs";
import { Doc, encodeStateAsUpdate } from "yjs";

const [strokes, update] = process.argv.slice(2);
const doc = new Doc();
const text = doc.getText("text");
for (const [at, letter] of JSON.parse(readFileSync(strokes, "utf8"))) {
  if (letter === null) text.delete(at, 1);
  else text.insert(at, letter);
}
writeFileSync(update, encodeStateAsUpdate(doc));
