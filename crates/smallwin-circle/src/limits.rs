//! Every limit of this crate, with its reason.

/// Longest record in bytes. A record holds keys, hashes and at most one short text; 4 KiB leaves room
/// for [`DEPS_MAX`] heads and lets a node keep a whole log in memory.
pub const RECORD_BYTES_MAX: usize = 4_096;

/// Most heads that one record names in `deps`: 16 ids are 750 bytes of payload. A log with more heads
/// is merged in several records.
pub const DEPS_MAX: usize = 16;

/// Most records of one circle. Past sets cost up to one bit per pair of records, so this bounds them
/// to 64 MiB in the worst, hostile case; an honest log needs next to nothing.
pub const RECORDS_MAX: usize = 32_768;

/// Most records that wait for a record they name. Peers send in causal order, so waiting is rare.
pub const PENDING_MAX: usize = 1_024;

/// Most bytes of records that wait: the memory a peer can hold with records that never fit.
pub const PENDING_BYTES_MAX: usize = 1_048_576;

/// Deepest nesting of JSON in a record; parsers in other languages have other limits, so ours is low.
pub const JSON_DEPTH_MAX: usize = 8;

/// Largest integer in signed JSON, 2^53 − 1: above it, JavaScript and Rust read different numbers.
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Most change hashes in a `share` or for one document of a manifest; a document rarely has more heads
/// than people who write at the same moment.
pub const HEADS_MAX: usize = 32;

/// Longest document key in bytes: `checkin/1/` and a person are 53.
pub const DOCUMENT_KEY_BYTES_MAX: usize = 128;

/// Longest `about` of a statement in bytes.
pub const ABOUT_BYTES_MAX: usize = 128;

/// Most approvals that one statement names: more than half of 47 people who have a vote, and still
/// within [`RECORD_BYTES_MAX`].
pub const APPROVALS_MAX: usize = 24;

/// Most branches that one removal chooses: a device that made two records under one number needs one,
/// and nobody has more such devices than this.
pub const BRANCHES_MAX: usize = 8;

/// Most documents whose heads one statement pins; what does not fit is adopted by further records.
pub const PINS_MAX: usize = 16;

/// Longest `outcome` of a decision in bytes: a word of the method.
pub const OUTCOME_BYTES_MAX: usize = 64;

/// Most rounds in which the removals of a log are weighed against one another. Every round settles at
/// least one, an honest log needs one or two, and what is open after the last one stands.
pub const WEIGHING_ROUNDS_MAX: usize = 32;

/// Most removals that are looked at for circles, which costs a pass over the log for each. When more of
/// them strike one another, all of them stand.
pub const CIRCLE_MAX: usize = 32;

/// Longest card in bytes: a name, an organisation and a perspective.
pub const CARD_BYTES_MAX: usize = 2_048;

/// Longest manifest in bytes: the agreed texts of one Small Win are a few pages.
pub const MANIFEST_BYTES_MAX: usize = 65_536;

/// Most documents in one manifest.
pub const MANIFEST_DOCUMENTS_MAX: usize = 256;

/// Longest snapshot file in bytes: the manifest and the whole log before it, each 4 KiB at most and
/// far less in practice.
pub const SNAPSHOT_FILE_BYTES_MAX: usize = 67_108_864;

/// Longest invite link in bytes: still fits a QR code that a phone reads.
pub const INVITE_LINK_BYTES_MAX: usize = 2_048;

/// Most node addresses in one invite link.
pub const HINTS_MAX: usize = 8;

/// Longest node address in a hint, in bytes.
pub const HINT_URL_BYTES_MAX: usize = 256;
