// Writes what honest people do with Automerge in a browser, for the gate's tests to judge.
//
//   node honest-changes.mjs FILE CHANGES [SEED]
//
// Eight people type, mark, split into blocks, fill lists and maps, count, delete, undo, merge, start
// again from a save, and sync to an empty peer. FILE becomes a JSON array of histories: `changes`
// in causal order, `document` as a whole, `messages` of the first sync, all as hex.

import { writeFile } from "node:fs/promises";
import * as A from "@automerge/automerge";

const PEOPLE = 8;
const ROUNDS = 300;
const WORDS = ["zorg ", "é", "👩‍⚕️", "een langere zin over de eerste dagen thuis. ", "a", "\n"];

const [file, wanted, seed = "1"] = process.argv.slice(2);
if (file === undefined || wanted === undefined) {
  console.error("usage: node honest-changes.mjs FILE CHANGES [SEED]");
  process.exit(2);
}
let state = BigInt(seed);
const histories = [];
let count = 0;
while (count < Number(wanted)) {
  const history = live();
  count += history.changes.length;
  histories.push(history);
}
await writeFile(file, JSON.stringify(histories));
console.log(`${count} changes by ${PEOPLE} people, in ${histories.length} histories`);

// A number below `sides`, the same for the same seed (splitmix64).
function below(sides) {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  let mixed = state;
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return Number((mixed ^ (mixed >> 31n)) % BigInt(sides));
}

// Every second history is one of stock clients, whose actors have 16 bytes.
function actor(person, start = 0) {
  if (histories.length % 2 === 1) return person.toString(16).padStart(16, "0") + start.toString(16).padStart(16, "0");
  return person.toString(16).padStart(64, "0") + start.toString(16).padStart(16, "0");
}

function live() {
  let first = A.init(actor(255));
  first = A.change(first, { time: 0 }, (doc) => {
    doc.text = "";
    doc.list = [];
    doc.map = {};
    doc.count = new A.Counter(0);
  });
  first = A.change(first, { time: 0 }, (doc) => A.splitBlock(doc, ["text"], 0, paragraph()));
  const people = Array.from({ length: PEOPLE }, (_, person) => A.clone(first, { actor: actor(person + 1) }));
  for (let round = 0; round < ROUNDS; round += 1) {
    const person = below(PEOPLE);
    const what = below(14);
    if (what === 0) {
      people[person] = A.merge(people[person], people[(person + 1 + below(PEOPLE - 1)) % PEOPLE]);
    } else if (what === 1 && round % 5 === 0) {
      people[person] = A.load(A.save(people[person]), { actor: actor(person + 1, round + 1) });
    } else if (what === 2) {
      people[person] = undo(people[person]);
    } else if (what === 3 && round % 5 === 0) {
      people[person] = A.emptyChange(people[person], { time: 1_700_000_000 });
    } else {
      const options = { time: 1_700_000_000 + round, message: below(3) === 0 ? "label" : undefined };
      people[person] = A.change(people[person], options, (doc) => {
        for (let edits = below(4); edits >= 0; edits -= 1) edit(doc);
      });
    }
  }
  const whole = people.reduce((all, one) => A.merge(all, one));
  return {
    changes: A.getAllChanges(whole).map(hex),
    document: hex(A.save(whole)),
    messages: firstSync(whole),
  };
}

function paragraph() {
  return { type: "paragraph", parents: [], attrs: {}, isEmbed: false };
}

function edit(doc) {
  const length = doc.text.length;
  const at = below(length + 1);
  switch (below(16)) {
    case 0:
      return A.splice(doc, ["text"], at, Math.min(below(20), length - at));
    case 1:
      return A.splitBlock(doc, ["text"], at, paragraph());
    case 2:
      return A.mark(doc, ["text"], { start: at, end: at + below(length - at + 1), expand: "both" }, "strong", true);
    case 3:
      return A.unmark(doc, ["text"], { start: at, end: at + below(length - at + 1), expand: "both" }, "strong");
    case 4:
      return A.updateText(doc, ["text"], `${doc.text.slice(0, at)}nieuw ${doc.text.slice(at + 3)}`);
    case 5:
      return void doc.list.push({ name: "punt", done: false });
    case 6:
      return void (doc.list.length > 0 && doc.list.deleteAt(below(doc.list.length)));
    case 7:
      return void doc.list.insertAt(below(doc.list.length + 1), "x", 2, 2.5, null, new Date(5));
    case 8:
      return void (doc.map[["a", "b", "c"][below(3)]] = [1, -7, true, null, 2.5, "woord", new Uint8Array(30)][below(7)]);
    case 9:
      return void delete doc.map[["a", "b", "c"][below(3)]];
    case 10:
      return void doc.count.increment(below(19) - 9);
    case 11:
      return void (doc.map.deep = { list: [1, { more: [] }], note: "" });
    default:
      return A.splice(doc, ["text"], at, 0, WORDS[below(WORDS.length)]);
  }
}

// What an undo does: the text is again what it was some changes ago.
function undo(doc) {
  const changes = A.getAllChanges(doc);
  const before = A.decodeChange(changes[Math.max(0, changes.length - 1 - below(6))]).hash;
  const text = A.view(doc, [before]).text ?? "";
  return A.change(doc, { time: 0 }, (draft) => A.updateText(draft, ["text"], text));
}

function firstSync(whole) {
  let [full, empty] = [A.clone(whole), A.init(actor(254))];
  let [fullState, emptyState] = [A.initSyncState(), A.initSyncState()];
  const messages = [];
  for (let quiet = 0; quiet < 2; ) {
    let message;
    [fullState, message] = A.generateSyncMessage(full, fullState);
    if (message !== null) {
      messages.push(hex(message));
      [empty, emptyState] = A.receiveSyncMessage(empty, emptyState, message);
    }
    let answer;
    [emptyState, answer] = A.generateSyncMessage(empty, emptyState);
    if (answer !== null) {
      messages.push(hex(answer));
      [full, fullState] = A.receiveSyncMessage(full, fullState, answer);
    }
    quiet = message === null && answer === null ? quiet + 1 : 0;
  }
  return messages;
}

function hex(bytes) {
  return Buffer.from(bytes).toString("hex");
}
