// The verdict on a record in its own causal past. The sentences are those of smallwin-circle.

import { fromB64u } from "./bytes.ts";
import { isAnnounced, personOf } from "./document.ts";
import { CircleError } from "./error.ts";
import type { DeviceKey, PersonId, RecordId } from "./ids.ts";
import { verifyNow } from "./keys.ts";
import { joinMessage, linkMessage } from "./messages.ts";
import type { Payload } from "./payload.ts";
import type { SignedRecord } from "./record.ts";
import { isAtLeast, type Role } from "./role.ts";
import type { View } from "./view.ts";

/**
 * Judges a record by what its author had seen: why it counts for nothing, or `undefined` when it counts.
 * Throws for a record that was made by nobody who takes part: it is not kept.
 */
export function judge(record: SignedRecord, past: View): string | undefined {
  const { author, body } = record.payload;
  if (body.kind === "genesis") return undefined;
  const answers = body.kind === "join" ? record.accepter : author;
  const role = answers === undefined ? undefined : past.roleOfDevice(answers);
  if (role === undefined) {
    throw new CircleError("stranger", "the record comes from a device that did not take part in the circle");
  }
  if (past.frozenFrom(author) !== undefined) return "its author had made two records under one number";
  return body.kind === "join" ? judgeJoin(record.payload, past) : judgeMember(record.payload, role, past);
}

function judgeJoin({ author, body }: Payload, past: View): string | undefined {
  if (body.kind !== "join") return "it is no join";
  const invite = past.effectiveId(body.invite)?.record.payload.body;
  if (invite?.kind !== "invite") return "the invite is not valid";
  if (past.firstJoin(body.invite) !== undefined) return "the invite was used";
  if (past.roleOfDevice(author) !== undefined) return "its author takes part already";
  const message = joinMessage(past.ledger.circle, author, body.sealing);
  return unless(fits(invite.invite, message, body.proof), "the invite's proof does not fit");
}

function judgeMember({ author, body }: Payload, role: Role, past: View): string | undefined {
  const isFacilitator = unless(role === "facilitator", "its author is not a facilitator");
  switch (body.kind) {
    case "genesis":
    case "join":
      return "it is of another kind";
    case "unknown":
      return "its kind is unknown";
    case "statement":
      return undefined;
    case "invite":
      return isFacilitator;
    case "grant":
      return isFacilitator ?? judgeGrant(body.person, body.role, past);
    case "link":
      if (past.roleOfDevice(body.device) !== undefined) return "the device takes part already";
      return unless(
        fits(body.device, linkMessage(author, body.device), body.consent),
        "the device's consent does not fit",
      );
    case "doc":
      return unless(isAnnounced(body.document), "such a document is not announced");
    case "share": {
      const { source, target } = body;
      const isSame = source.kind === "draft" && target.kind === "voice" && source.key === target.key;
      if (!isSame) return "it does not share a draft as the voice of the same name";
      const person = personOf(source);
      return unless(person !== undefined && person === past.personOf(author), "the draft is not its author's");
    }
    case "snapshot":
      if (isFacilitator !== undefined) return isFacilitator;
      return unless(
        body.prev === undefined || isSnapshot(body.prev, past),
        "the snapshot it follows is not valid",
      );
    case "cosign":
      if (!isAtLeast(role, "inner")) return "its author is not of the inner circle";
      return unless(isSnapshot(body.snapshot, past), "the snapshot is not valid");
  }
}

/**
 * A grant raises a role. Lowering one shrinks the set of writers and needs the heads at which it does, which
 * a grant does not carry; and two facilitators could end one another's role.
 */
function judgeGrant(person: PersonId, role: Role, past: View): string | undefined {
  const places = past.ledger.roles.get(person) ?? [];
  if (!places.some((place) => past.effective(place) !== undefined)) return "the person does not take part";
  const now = past.roleOf(person);
  // Somebody whose join is contested has no role, and any role is more.
  return unless(now === undefined || !isAtLeast(now, role), "the person has that role or a higher one");
}

function isSnapshot(id: RecordId, past: View): boolean {
  return past.effectiveId(id)?.record.payload.body.kind === "snapshot";
}

function fits(key: DeviceKey, message: Uint8Array, signature: string): boolean {
  return verifyNow(fromB64u(key) ?? new Uint8Array(), message, fromB64u(signature) ?? new Uint8Array());
}

function unless(holds: boolean, reason: string): string | undefined {
  return holds ? undefined : reason;
}
