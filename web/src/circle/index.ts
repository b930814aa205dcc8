// Who takes part and what they may do: the twin of the crate smallwin-circle, held to it by golden vectors.

export { type Body, type UnknownBody } from "./body.ts";
export { compareIds, fromB64u, toB64u } from "./bytes.ts";
export { Card, type CardFields } from "./card.ts";
export {
  caseDocument,
  checkInDocument,
  documentId,
  type DocumentRef,
  draftDocument,
  isAnnounced,
  isKind,
  type Kind,
  KINDS,
  personOf,
  reportDocument,
  revisionOf,
  stepDocument,
  voiceDocument,
  isZone,
  type Zone,
  ZONES,
  zoneOf,
} from "./document.ts";
export { CircleError, type CircleErrorCode } from "./error.ts";
export { Frontier, FRONTIER_BYTES, type FrontierFields } from "./frontier.ts";
export {
  type ChangeHash,
  type CircleId,
  type DeviceKey,
  type DocumentId,
  documentIdBytes,
  documentIdOf,
  type ManifestHash,
  type PersonId,
  type RecordId,
  type Signature,
} from "./ids.ts";
export {
  formatHint,
  formatInviteLink,
  type Hint,
  type InviteLink,
  inviteSigner,
  parseHint,
  parseInviteLink,
} from "./invite-link.ts";
export type { Json, JsonObject } from "./jcs.ts";
export type { Purpose } from "./jws.ts";
export { isDeviceKey, isDeviceKeyText, type Signer, signerOf, verify, verifyNow } from "./keys.ts";
export type { LaterBody, Pin, Stance } from "./later-body.ts";
export * as limits from "./limits.ts";
export { type Inserted, Log, type Next, type Verdict } from "./log.ts";
export {
  type Manifest,
  type ManifestDocument,
  manifestDocument,
  manifestHash,
  manifestToBytes,
  parseManifest,
  signManifest,
  verifyManifest,
} from "./manifest.ts";
export { type Action, may, type Refusal, refusalCode } from "./may.ts";
export {
  channelMessage,
  channelTranscript,
  circleMessage,
  circleTag,
  joinMessage,
  linkMessage,
  type Side,
} from "./messages.ts";
export { parsePayload, type Payload, payloadToBytes } from "./payload.ts";
export { SignedRecord } from "./record.ts";
export type { Question } from "./quorum.ts";
export { type Act, ACTS, mayAct } from "./rights.ts";
export { isAtLeast, isRole, type Role, ROLES } from "./role.ts";
export { buildSnapshotFile, type Report, type Signatory, verifySnapshotFile } from "./snapshot.ts";
export {
  type Answer,
  type CommitState,
  type DecisionState,
  type ForkState,
  hasVote,
  type InviteState,
  type KnownDocument,
  type Member,
  type Quorum,
  type RetireState,
  type ShareState,
  type SnapshotState,
  type StatementState,
} from "./state-items.ts";
export { State } from "./state.ts";
export { parseTimestamp, timestampOf } from "./timestamp.ts";
