// What views show of a Small Win: plain values, made anew after each change.

import { caseDocument, documentId, type DocumentRef, voiceDocument } from "../circle/document.ts";
import type { CircleId, PersonId } from "../circle/ids.ts";
import { may } from "../circle/may.ts";
import type { Role } from "../circle/role.ts";
import { type QuestionId, readText, renderText, type RichText } from "../model/index.ts";
import type { Circle } from "../sync/circle-book.ts";
import type { Client } from "../sync/client.ts";
import type { OpenDocument } from "../sync/documents.ts";
import type { Catalogue } from "../locales/index.ts";

export interface SmallWinLook {
  readonly id: CircleId;
  readonly title: string;
  readonly people: number;
  readonly isMember: boolean;
  readonly isContested: boolean;
}

export interface PersonLook {
  readonly person: PersonId;
  readonly name: string | null;
  readonly organisation: string | null;
  readonly role: Role | null;
  readonly isMe: boolean;
  readonly isContested: boolean;
  readonly devices: number;
}

export interface VoiceLook {
  readonly person: PersonId;
  readonly name: string | null;
  readonly text: RichText;
}

/** The Small Wins of this profile; not those of which it only holds an invitation. */
export function smallWins(client: Client): SmallWinLook[] {
  return client.book
    .all()
    .filter(({ state, stored }) => state !== null && !stored.link)
    .map((circle) => smallWin(client, circle));
}

export function smallWin(client: Client, circle: Circle): SmallWinLook {
  const me = client.personIn(circle);
  const member = me === undefined ? undefined : circle.state?.member(me);
  return {
    id: circle.id,
    title: titleOf(client, circle),
    people: circle.state?.members().filter(({ role }) => role !== undefined).length ?? 0,
    isMember: member?.role !== undefined,
    isContested: member?.contested ?? false,
  };
}

export function titleOf(client: Client, circle: Circle): string {
  const document = find(client, circle, caseDocument);
  return document ? renderText(readText(document.doc(), "title")) : "";
}

export function people(client: Client, circle: Circle): PersonLook[] {
  const me = client.personIn(circle);
  return (circle.state?.members() ?? []).map(({ person, role, contested, devices }) => ({
    person,
    name: client.nameOf(circle, person),
    organisation: circle.cards.get(person)?.fields.organisation ?? null,
    role: role ?? null,
    isMe: person === me,
    isContested: contested,
    devices: devices.length,
  }));
}

export function myRole(client: Client, circle: Circle): Role | null {
  return circle.state?.roleOfDevice(client.identity.name) ?? null;
}

/**
 * Whether the page lets its user write. Nodes judge for themselves; the tests prove it with
 * a page built by `VITE_SMALLWIN_PATCHED=1`, which ignores its own rules.
 */
export function mayWrite(client: Client, circle: Circle, ref: DocumentRef): boolean {
  if (import.meta.env["VITE_SMALLWIN_PATCHED"] === "1") return true;
  const { state } = circle;
  return state !== null && may(state, client.identity.name, "write", ref) === undefined;
}

export function find(client: Client, circle: Circle, ref: DocumentRef): OpenDocument | undefined {
  return client.documents.get(documentId(circle.id, ref));
}

/** What others shared at a question, in the order in which they shared. */
export function voices(client: Client, circle: Circle, question: QuestionId): VoiceLook[] {
  const me = client.personIn(circle);
  const looks: VoiceLook[] = [];
  for (const { person } of circle.state?.members() ?? []) {
    const ref = voiceDocument(person);
    if (person === me || !circle.state?.isShared(ref)) continue;
    const document = find(client, circle, ref);
    const text = document ? readText(document.doc(), question) : [];
    looks.push({ person, name: client.nameOf(circle, person), text });
  }
  return looks;
}

export function isEmpty(text: RichText): boolean {
  return renderText(text) === "";
}

export function hasText(document: OpenDocument | undefined, text: string): boolean {
  return document !== undefined && !isEmpty(readText(document.doc(), text));
}

/** Where these documents are, in words that are true now. */
export function statusOf(client: Client, circle: Circle, documents: readonly OpenDocument[], words: Catalogue): string {
  const me = client.personIn(circle);
  const reaches = documents.filter(({ isTouched }) => isTouched).map((document) => client.reach.reachOf(document, me));
  const { status, app } = words;
  if (client.storageFault !== null) return app.storageFailed;
  if (reaches.some(({ device }) => !device)) return status.saving;
  const people = reaches.length === 0 ? 0 : Math.min(...reaches.map((reach) => reach.people));
  const isAtNode = reaches.length > 0 && reaches.every(({ node }) => node);
  const where =
    people > 0
      ? status.shared(people)
      : isAtNode
        ? client.isPaired
          ? status.node
          : status.teamNode
        : status.device;
  if (client.isNodeReadOnly) return `${where}. ${status.readOnly}`;
  return client.isOnline ? where : `${where}. ${status.offline}`;
}
