// Makes one Yjs document of an editing trace: node paper.mjs TRACE.json.gz UPDATE
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Doc, encodeStateAsUpdate } from "yjs";

const [trace, update] = process.argv.slice(2);
const doc = new Doc();
const text = doc.getText("text");
for (const { patches } of JSON.parse(gunzipSync(readFileSync(trace))).txns) {
  doc.transact(() => {
    for (const [at, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(at, deleted);
      if (inserted !== "") text.insert(at, inserted);
    }
  });
}
writeFileSync(update, encodeStateAsUpdate(doc));
