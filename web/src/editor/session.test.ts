import * as A from "@automerge/automerge/slim";
import { splitBlock } from "prosemirror-commands";
import { history, undo } from "prosemirror-history";
import { TextSelection } from "prosemirror-state";
import { describe, expect, test } from "vitest";
import { documentOf } from "./from-automerge.ts";
import { TextSession } from "./session.ts";

const PATH = ["q1"];

interface Text extends Record<string, unknown> {
  q1: string;
}

class Desk {
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
      [history({ newGroupDelay: 0 })],
    );
  }
  type(text: string): void {
    this.session.dispatch(this.session.state.tr.insertText(text));
  }
  enter(): void {
    splitBlock(this.session.state, (transaction) => this.session.dispatch(transaction));
  }
  select(from: number, to = from): void {
    const { state } = this.session;
    this.session.dispatch(state.tr.setSelection(TextSelection.create(state.doc, from, to)));
  }
  receive(other: Desk): void {
    this.document = A.merge(this.document, other.document);
    this.session.receive();
  }
  get shown(): string[] {
    const lines: string[] = [];
    this.session.state.doc.forEach((node) => lines.push(node.textContent));
    return lines;
  }
}

function desks(text: string): [Desk, Desk] {
  const start = A.change(A.from<Text>({ q1: "" }, { actor: "aa" }), (doc) => {
    A.splitBlock(doc, PATH, 0, { type: "paragraph", parents: [], attrs: {}, isEmbed: false });
    A.splice(doc, PATH, 1, 0, text);
  });
  return [new Desk(A.clone(start, { actor: "01" })), new Desk(A.clone(start, { actor: "02" }))];
}

describe("undo", () => {
  test("takes back own work and leaves what another typed since", () => {
    const [anna, bram] = desks("Wij ");
    anna.select(5);
    anna.type("praten");
    bram.receive(anna);
    bram.select(1);
    bram.type("Samen: ");
    anna.receive(bram);
    expect(anna.shown).toEqual(["Samen: Wij praten"]);
    undo(anna.session.state, (transaction) => anna.session.dispatch(transaction));
    expect(anna.shown).toEqual(["Samen: Wij "]);
    bram.receive(anna);
    expect(bram.shown).toEqual(["Samen: Wij "]);
  });

  test("never takes back what only another did", () => {
    const [anna, bram] = desks("Wij");
    bram.select(4);
    bram.type(" ook");
    anna.receive(bram);
    expect(undo(anna.session.state)).toBe(false);
  });
});

describe("selection", () => {
  test("stays behind the own letter when another types at the same spot", () => {
    const [anna, bram] = desks("ab");
    anna.select(3);
    bram.select(3);
    anna.type("1");
    bram.type("2");
    anna.receive(bram);
    const { doc, selection } = anna.session.state;
    expect(doc.textBetween(selection.from - 1, selection.from)).toBe("1");
    anna.type("1");
    bram.receive(anna);
    expect(["ab112", "ab211"]).toContain(bram.shown[0]);
    expect(bram.shown).toEqual(anna.shown);
  });

  test("follows its paragraph when another adds one above", () => {
    const [anna, bram] = desks("een");
    anna.select(2, 4);
    bram.select(1);
    bram.enter();
    anna.receive(bram);
    const { doc, selection } = anna.session.state;
    expect(anna.shown).toEqual(["", "een"]);
    expect(doc.textBetween(selection.from, selection.to)).toBe("en");
  });
});

describe("composition", () => {
  test("holds back what others write, yet stores own letters in the right place", () => {
    const [anna, bram] = desks("kat");
    let composing = true;
    anna.session.composing = () => composing;
    bram.select(1);
    bram.type("De ");
    anna.receive(bram);
    expect(anna.shown).toEqual(["kat"]);
    anna.select(4);
    anna.type("ten");
    expect(anna.shown).toEqual(["katten"]);
    composing = false;
    anna.session.receive();
    expect(anna.shown).toEqual(["De katten"]);
    expect(anna.session.repairs).toBe(0);
    bram.receive(anna);
    expect(bram.shown).toEqual(["De katten"]);
  });
});

describe("texts as others may leave them", () => {
  test("F2: the first edit puts the missing marker at the start", () => {
    const desk = new Desk(A.from<Text>({ q1: "kaal" }, { actor: "01" }));
    desk.select(5);
    desk.type("!");
    expect(A.spans(desk.document, PATH).map((span) => span.type)).toEqual(["block", "text"]);
    expect(desk.shown).toEqual(["kaal!"]);
    expect(desk.session.repairs).toBe(0);
  });

  test("an unknown block type shows its words as a paragraph", () => {
    let document = A.from<Text>({ q1: "" }, { actor: "01" });
    document = A.change(document, (doc) => {
      A.splitBlock(doc, PATH, 0, { type: "heading", parents: [], attrs: { level: 2 }, isEmbed: false });
      A.splice(doc, PATH, 1, 0, "Kop");
    });
    expect(documentOf(A.spans(document, PATH)).textContent).toBe("Kop");
  });

  test("selecting all and typing keeps the marker that opens the text", () => {
    const [anna, bram] = desks("weg");
    anna.enter();
    bram.select(4);
    bram.type("!");
    const { state } = anna.session;
    anna.session.dispatch(state.tr.delete(0, state.doc.content.size));
    anna.receive(bram);
    expect(A.spans(anna.document, PATH)[0]?.type).toBe("block");
    expect(anna.shown.join("")).toBe("!");
  });
});
