// One sentence for "what comes next", from what the circle and its documents say now.

import { checkInDocument, draftDocument, stepDocument, voiceDocument } from "../circle/document.ts";
import { isAtLeast } from "../circle/role.ts";
import type { Catalogue } from "../locales/index.ts";
import { QUESTION_IDS, TEXT_NAMES } from "../model/index.ts";
import type { Circle } from "../sync/circle-book.ts";
import type { Client } from "../sync/client.ts";
import { find, hasText, myRole } from "./looks.ts";
import { addressOf } from "./route.ts";

export interface NextStep {
  readonly text: string;
  /** Where to do it; absent when others are to move. */
  readonly address?: string;
}

export function nextStep(client: Client, circle: Circle, words: Catalogue): NextStep {
  const { next } = words;
  const role = myRole(client, circle);
  const me = client.personIn(circle);
  const { state } = circle;
  if (!state || !role || !me) return { text: next.waitSnapshot };
  const isInner = isAtLeast(role, "inner");
  const snapshot = state.snapshots().at(-1);
  const signed = new Set(
    snapshot ? [snapshot.author, ...snapshot.cosigns.map(({ device }) => device)].map((key) => state.personOf(key)) : [],
  );
  const inStep = addressOf(circle.id, "step");
  if (snapshot && isInner && !signed.has(me)) return { text: next.sign, address: inStep };
  const members = state.members().filter((member) => member.role !== undefined);
  if (role === "facilitator" && members.length === 1) {
    return { text: next.invite, address: addressOf(circle.id, "circle") };
  }
  if (snapshot) {
    const missing = members.filter(({ person, role: theirs }) => theirs && isAtLeast(theirs, "inner") && !signed.has(person));
    if (missing.length === 0) return { text: next.done };
    const names = missing.map(({ person }) => client.nameOf(circle, person) ?? words.name.unknown);
    return { text: next.waitFor(names.join(", ")) };
  }
  const draft = find(client, circle, draftDocument(me));
  if (!state.isShared(voiceDocument(me)) && QUESTION_IDS.some((id) => hasText(draft, id))) {
    return { text: next.share, address: addressOf(circle.id, "check-in") };
  }
  const checkIn = find(client, circle, checkInDocument(1));
  const open = QUESTION_IDS.find((id) => !hasText(checkIn, id));
  if (open) {
    return { text: next.answer(QUESTION_IDS.indexOf(open) + 1), address: addressOf(circle.id, "check-in", open) };
  }
  const step = find(client, circle, stepDocument);
  if (!isInner) return { text: next.readStep, address: inStep };
  if (!TEXT_NAMES.step.some((name) => hasText(step, name))) return { text: next.write, address: inStep };
  return role === "facilitator" ? { text: next.record, address: inStep } : { text: next.waitSnapshot };
}
