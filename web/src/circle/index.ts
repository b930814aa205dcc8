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
  type Zone,
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
export { isAtLeast, isRole, type Role, ROLES } from "./role.ts";
export { buildSnapshotFile, type Report, type Signatory, verifySnapshotFile } from "./snapshot.ts";
export {
  type InviteState,
  type KnownDocument,
  type Member,
  type ShareState,
  type SnapshotState,
  State,
  type StatementState,
} from "./state.ts";
export { parseTimestamp, timestampOf } from "./timestamp.ts";
