// Three people type in one text, with merges in any order; no step may leave a
// screen that differs from the text. F2: the texts open with a block marker.

import * as A from "@automerge/automerge/slim";
import { joinBackward, joinForward, splitBlock, toggleMark } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { Slice } from "prosemirror-model";
import { type Command, TextSelection } from "prosemirror-state";
import { expect, test } from "vitest";
import { documentOf } from "./from-automerge.ts";
import { paragraph, schema } from "./schema.ts";
import { TextSession } from "./session.ts";

const RUNS = Number(process.env["SMALLWIN_FUZZ_RUNS"] ?? 60);
const STEPS = Number(process.env["SMALLWIN_FUZZ_STEPS"] ?? 60);
const SEED = Number(process.env["SMALLWIN_FUZZ_SEED"] ?? 1);

const PATH = ["q1"];
const WORDS = ["a", "aa", "ab", "é", "😀", "👩‍👩‍👧", " ", "woord ", "\u{1F600}\u{1F601}", "n\u0303"];

interface Text extends Record<string, unknown> {
  q1: string;
}

test.each(Array.from({ length: RUNS }, (_, run) => SEED + run))("seed %i: screens and texts stay equal", (seed) => {
  const chance = chanceFrom(seed);
  const peers = threePeers();
  for (let step = 0; step < STEPS; step += 1) {
    const peer = chance.pick(peers);
    if (chance.below(4) === 0) peer.mergeFrom(chance.pick(peers));
    else act(peer, chance);
    for (const each of peers) expectEqual(each, seed, step);
  }
  for (let round = 0; round < 2; round += 1) {
    for (const to of peers) for (const from of peers) to.mergeFrom(from);
  }
  const [first] = peers;
  for (const each of peers) {
    expectEqual(each, seed, STEPS);
    expect(A.getHeads(each.document)).toEqual(A.getHeads(first.document));
    expect(each.session.state.doc.toJSON()).toEqual(first.session.state.doc.toJSON());
    expect(each.session.repairs, `seed ${seed}: the screen had to be put right`).toBe(0);
  }
});

function expectEqual(peer: Peer, seed: number, step: number): void {
  const truth = documentOf(A.spans(peer.document, PATH));
  if (!peer.session.state.doc.eq(truth)) {
    expect(peer.session.state.doc.toJSON(), `seed ${seed}, step ${step}`).toEqual(truth.toJSON());
  }
  expect(A.spans(peer.document, PATH)[0]?.type, `seed ${seed}, step ${step}`).toBe("block");
  peer.session.state.doc.check();
}

class Peer {
  readonly session: TextSession;
  constructor(public document: A.Doc<Text>) {
    this.session = new TextSession(
      {
        doc: () => this.document,
        change: (edit) => {
          this.document = A.change(this.document, edit);
        },
      },
      PATH,
      [history()],
    );
  }
  mergeFrom(other: Peer): void {
    if (other === this) return;
    this.document = A.merge(this.document, other.document);
    this.session.receive();
  }
  run(command: Command): void {
    command(this.session.state, (transaction) => this.session.dispatch(transaction));
  }
}

function threePeers(): [Peer, Peer, Peer] {
  const start = A.change(A.from<Text>({ q1: "" }, { actor: "aa" }), (doc) => {
    A.splitBlock(doc, PATH, 0, { type: "paragraph", parents: [], attrs: {}, isEmbed: false });
  });
  const peer = (actor: string) => new Peer(A.clone(start, { actor }));
  return [peer("01"), peer("02"), peer("03")];
}

/** One thing a person does. */
function act(peer: Peer, chance: Chance): void {
  const { session } = peer;
  const size = session.state.doc.content.size;
  const select = (anchor: number, head = anchor) => {
    const { doc, tr } = session.state;
    session.dispatch(tr.setSelection(TextSelection.between(doc.resolve(anchor), doc.resolve(head))));
  };
  const place = () => wholePoint(peer, chance.below(size + 1));
  if (chance.below(3) > 0) select(place());
  switch (chance.below(13)) {
    case 0:
    case 1:
    case 2:
    case 3:
      session.dispatch(session.state.tr.insertText(chance.pick(WORDS)));
      break;
    case 4: {
      const from = place();
      select(from, wholePoint(peer, Math.min(size, from + chance.below(6))));
      session.dispatch(session.state.tr.deleteSelection());
      break;
    }
    case 5:
    case 6:
      peer.run(splitBlock);
      break;
    case 7:
      select(TextSelection.near(session.state.doc.resolve(startOfSomeParagraph(peer, chance))).from);
      peer.run(joinBackward);
      break;
    case 8:
      select(endOfSomeParagraph(peer, chance));
      peer.run(joinForward);
      break;
    case 9:
    case 10: {
      select(place(), place());
      const mark = schema.marks[chance.pick(["strong", "em"])];
      if (mark) peer.run(toggleMark(mark));
      if (chance.below(2) === 0) session.dispatch(session.state.tr.insertText(chance.pick(WORDS)));
      break;
    }
    case 11: {
      const lines = Array.from({ length: 1 + chance.below(3) }, () => paragraph([schema.text(chance.pick(WORDS))]));
      const { doc } = schema.node("doc", null, lines).type.schema.nodes;
      if (doc) session.dispatch(session.state.tr.replaceSelection(Slice.maxOpen(doc.create(null, lines).content)));
      break;
    }
    default:
      if (chance.below(3) === 0) {
        select(place(), place());
        session.dispatch(session.state.tr.deleteSelection());
      } else peer.run(chance.below(3) === 0 ? redo : undo);
  }
}

/** Keeps a place off the middle of a surrogate pair, as every browser does. */
function wholePoint(peer: Peer, position: number): number {
  const { doc } = peer.session.state;
  const before = doc.textBetween(Math.max(0, position - 1), position);
  return /[\ud800-\udbff]$/.test(before) ? position - 1 : position;
}

function startOfSomeParagraph(peer: Peer, chance: Chance): number {
  const { doc } = peer.session.state;
  return doc.resolve(chance.below(doc.content.size + 1)).posAtIndex(0, 0) + placeOf(peer, chance);
}

function placeOf(peer: Peer, chance: Chance): number {
  const { doc } = peer.session.state;
  const child = chance.below(doc.childCount);
  let start = 1;
  for (let number = 0; number < child; number += 1) start += doc.child(number).nodeSize;
  return start;
}

function endOfSomeParagraph(peer: Peer, chance: Chance): number {
  const start = placeOf(peer, chance);
  return start + peer.session.state.doc.resolve(start).parent.content.size;
}

interface Chance {
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32: the same seed gives the same run (S1). */
function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
  };
}
