// Every limit of the circle; the same as limits.rs of smallwin-circle, where the reasons stand.

export const RECORD_BYTES_MAX = 4_096;
export const DEPS_MAX = 16;
export const RECORDS_MAX = 32_768;
export const PENDING_MAX = 1_024;
export const PENDING_BYTES_MAX = 1_048_576;
export const JSON_DEPTH_MAX = 8;
export const HEADS_MAX = 32;
export const DOCUMENT_KEY_BYTES_MAX = 128;
export const ABOUT_BYTES_MAX = 128;
export const APPROVALS_MAX = 24;
export const BRANCHES_MAX = 8;
export const PINS_MAX = 16;
export const OUTCOME_BYTES_MAX = 64;
export const WEIGHING_ROUNDS_MAX = 32;
export const CIRCLE_MAX = 32;
export const CARD_BYTES_MAX = 2_048;
export const MANIFEST_BYTES_MAX = 65_536;
export const MANIFEST_DOCUMENTS_MAX = 256;
export const SNAPSHOT_FILE_BYTES_MAX = 67_108_864;
export const INVITE_LINK_BYTES_MAX = 2_048;
export const HINTS_MAX = 8;
export const HINT_URL_BYTES_MAX = 256;
/** Keys whose form was checked and that are remembered, here only: 32 bytes each and their text. */
export const KNOWN_KEYS_MAX = 1_024;
