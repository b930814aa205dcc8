// The verdict on a record in its own causal past. The sentences are those of smallwin-circle.

import { fromB64u } from "./bytes.ts";
import { isAnnounced, personOf } from "./document.ts";
import { CircleError } from "./error.ts";
import type { DeviceKey, PersonId, RecordId } from "./ids.ts";
import { verifyNow } from "./keys.ts";
import type { Judgement } from "./ledger.ts";
import { joinMessage, linkMessage } from "./messages.ts";
import type { Payload } from "./payload.ts";
import { isReached, judgeRevoke, takesPart } from "./quorum.ts";
import type { SignedRecord } from "./record.ts";
import { type Act, ACTS, leastToWrite } from "./rights.ts";
import { isAtLeast, type Role } from "./role.ts";
import type { View } from "./view.ts";

/**
 * Judges a record by what its author had seen. Throws for a record that was made by nobody who takes part: it
 * is not kept.
 */
export function judge(record: SignedRecord, past: View): Judgement {
  const { author, body } = record.payload;
  if (body.kind === "genesis") return { ...of("outer"), gives: "facilitator", vouches: true };
  const answers = body.kind === "join" ? record.accepter : author;
  const role = answers === undefined ? undefined : past.roleOfDevice(answers);
  if (role === undefined) {
    throw new CircleError("stranger", "the record comes from a device that did not take part in the circle");
  }
  const judgement = body.kind === "join" ? judgeJoin(record.payload, past) : judgeMember(record.payload, role, past);
  if (past.frozenFrom(author) === undefined) return judgement;
  return { ...judgement, void: "its author had made two records under one number" };
}

function of(needs: Role, reason?: string): Judgement {
  return { void: reason, needs, gives: undefined, byQuorum: false, vouches: false };
}

/** Judges further, when nothing was found yet. */
function or(judgement: Judgement, further: () => string | undefined): Judgement {
  return { ...judgement, void: judgement.void ?? further() };
}

/** Judges a record that asks for the role of an act. */
function asks(act: Act, role: Role): Judgement {
  const least: Role = ACTS[act];
  const reason = least === "facilitator" ? "its author is not a facilitator" : "its author is not of the inner circle";
  return of(least, unless(isAtLeast(role, least), reason));
}

function judgeJoin({ author, body }: Payload, past: View): Judgement {
  if (body.kind !== "join") return of("outer");
  const invite = past.effectiveId(body.invite)?.record.payload.body;
  if (invite?.kind !== "invite" && invite?.kind !== "offer") return of("outer", "the invite is not valid");
  const why = () => {
    if (past.withdrawalOf(body.invite) !== undefined) return "the invite was withdrawn";
    if (past.firstJoin(body.invite) !== undefined) return "the invite was used";
    if (past.roleOfDevice(author) !== undefined) return "its author takes part already";
    if (past.isRemovedDevice(author)) return "its author was removed";
    const message = joinMessage(past.ledger.circle, author, body.sealing);
    return unless(fits(invite.invite, message, body.proof), "the invite's proof does not fit");
  };
  const gives = invite.kind === "invite" ? invite.role : undefined;
  return { ...of("outer", why()), gives, vouches: past.votersAtMostOne() };
}

function judgeMember(payload: Payload, role: Role, past: View): Judgement {
  const { author, body } = payload;
  const own = past.personOf(author);
  switch (body.kind) {
    case "genesis":
    case "join":
      return of("outer", "it is of another kind");
    case "unknown":
      return of("outer", "its kind is unknown");
    case "statement":
    case "leave":
      return of("outer");
    case "invite":
    case "offer":
      return asks("invite", role);
    case "decide":
      return asks("decide", role);
    case "grant": {
      const judgement = or(asks("grant", role), () => judgeGrant(body.person, body.role, past));
      return { ...judgement, gives: body.role, vouches: vouchesFor(own, body.person, past) };
    }
    case "link":
      return of("outer", judgeLink(author, body.device, body.consent, past));
    case "doc":
      return of("outer", unless(isAnnounced(body.document), "such a document is not announced"));
    case "share": {
      const { source, target } = body;
      const isSame = source.kind === "draft" && target.kind === "voice" && source.key === target.key;
      if (!isSame) return of("outer", "it does not share a draft as the voice of the same name");
      const person = personOf(source);
      return of("outer", unless(person !== undefined && person === own, "the draft is not its author's"));
    }
    case "snapshot":
      return or(asks("snapshot", role), () =>
        unless(body.prev === undefined || isOf(["snapshot"], body.prev, past), "the snapshot it follows is not valid"),
      );
    case "cosign":
      return or(asks("cosign", role), () => unless(isOf(["snapshot"], body.snapshot, past), "the snapshot is not valid"));
    case "confirm":
      return judgeConfirm(body.join, role, own, past);
    case "approve":
      return or(asks("vote", role), () => {
        if (own === body.person) return "nobody votes about themselves";
        return unless(own !== undefined && past.hasVote(own), "its author has no vote");
      });
    case "promote": {
      const judgement = or(asks("vote", role), () => {
        return judgeGrant(body.person, "facilitator", past) ?? unless(isReached(payload, past), "too few agree");
      });
      return { ...judgement, gives: "facilitator", byQuorum: true };
    }
    case "revoke":
      return judgeRevoke(payload, role, past);
    case "withdraw":
      return judgeWithdraw(body.record, role, own, past);
    case "retire": {
      const isOwn = own !== undefined && personOf(body.document) === own;
      return isOwn ? of("outer") : asks("retire", role);
    }
    case "adopt": {
      const least = leastToWrite(body.document);
      const person = personOf(body.document);
      const mayWrite = isAtLeast(role, least) && (person === undefined || person === own);
      return of(least, unless(mayWrite, "its author may not write the document"));
    }
    case "commit":
      return or(asks("commit", role), () =>
        unless(isOf(["statement", "decide"], body.round, past), "the round is not valid"),
      );
    case "acknowledge":
      return of("outer", unless(isOf(["snapshot", "retire"], body.record, past), "there is nothing to acknowledge"));
    case "zone":
      return or(asks("relay", role), () =>
        unless(past.roleOfDevice(body.relay) === undefined, "the device takes part already"),
      );
    case "fork": {
      const founder = past.ledger.entries[0]?.record.payload.author;
      return of("outer", unless(founder === author, "only its founder says what a circle continues"));
    }
  }
}

/**
 * A grant raises a role. Lowering one shrinks the set of writers and needs the heads at which it does, which
 * a grant does not carry; and two facilitators could end one another's role.
 */
function judgeGrant(person: PersonId, role: Role, past: View): string | undefined {
  if (!takesPart(person, past)) return "the person does not take part";
  const now = past.roleOf(person);
  // Somebody whose join is contested has no role, and any role is more.
  return unless(now === undefined || !isAtLeast(now, role), "the person has that role or a higher one");
}

function judgeLink(author: DeviceKey, device: DeviceKey, consent: string, past: View): string | undefined {
  if (past.roleOfDevice(device) !== undefined) return "the device takes part already";
  if (past.isRemovedDevice(device)) return "the device was removed";
  return unless(fits(device, linkMessage(author, device), consent), "the device's consent does not fit");
}

function judgeConfirm(join: RecordId, role: Role, own: PersonId | undefined, past: View): Judgement {
  const entry = past.effectiveId(join);
  if (entry?.record.payload.body.kind !== "join") return of("inner", "the join is not valid");
  const joined = entry.record.payload.author;
  const offered = past.invitedRole(entry);
  const isLow = offered === undefined || isAtLeast("inner", offered);
  const mayConfirm = role === "facilitator" || (isLow && own !== undefined && past.hasVote(own));
  const reason =
    own === joined ? "nobody confirms themselves" : unless(mayConfirm, "its author may not confirm that");
  return {
    ...of(isLow ? "inner" : "facilitator", reason),
    gives: past.roleOf(joined) === undefined ? offered : undefined,
    vouches: vouchesFor(own, joined, past),
  };
}

/** A second person vouches: one who has a vote, and did not make the invite by which the other entered. */
function vouchesFor(own: PersonId | undefined, person: PersonId, past: View): boolean {
  return own !== undefined && own !== person && past.hasVote(own) && !past.inviters(person).includes(own);
}

function judgeWithdraw(record: RecordId, role: Role, own: PersonId | undefined, past: View): Judgement {
  const entry = past.effectiveId(record);
  switch (entry?.record.payload.body.kind) {
    case "invite":
    case "offer":
    case "snapshot":
      return asks("withdraw", role);
    case "approve":
      if (entry.person === own) return of("outer");
      break;
    default:
      break;
  }
  return of("outer", "there is nothing to withdraw");
}

function isOf(kinds: readonly string[], id: RecordId, past: View): boolean {
  const kind = past.effectiveId(id)?.record.payload.body.kind;
  return kind !== undefined && kinds.includes(kind);
}

function fits(key: DeviceKey, message: Uint8Array, signature: string): boolean {
  return verifyNow(fromB64u(key) ?? new Uint8Array(), message, fromB64u(signature) ?? new Uint8Array());
}

function unless(holds: boolean, reason: string): string | undefined {
  return holds ? undefined : reason;
}
