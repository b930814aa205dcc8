//! Why bytes are refused.

use thiserror::Error;

/// Why the gate refused bytes.
///
/// Says what is wrong and where in the bytes it was seen, never what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The bytes end in the middle of something.
    #[error("bytes end early at {at}")]
    Truncated {
        /// Offset in bytes.
        at: usize,
    },
    /// Bytes follow where nothing may follow.
    #[error("bytes left over at {at}")]
    Trailing {
        /// Offset in bytes.
        at: usize,
    },
    /// The bytes do not follow the format.
    #[error("malformed {what} at {at}")]
    Malformed {
        /// The part that was read.
        what: &'static str,
        /// Offset in bytes.
        at: usize,
    },
    /// A number is higher than a constant of [`limits`](crate::limits).
    #[error("{what} above the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The checksum does not fit the bytes.
    #[error("checksum does not fit")]
    Checksum,
    /// The chunk is of a type that is never accepted.
    #[error("chunk type {kind} is not accepted")]
    ChunkType {
        /// The type byte.
        kind: u8,
    },
    /// A map of a frame names the same key twice.
    #[error("key stands twice at {at}")]
    DuplicateKey {
        /// Offset in bytes.
        at: usize,
    },
    /// A column that Automerge 0.12 does not know, twice the same, or out of order.
    #[error("column {spec} does not belong there")]
    Column {
        /// The column's specification number.
        spec: u64,
    },
    /// A column has more or fewer values than the table has rows.
    #[error("column {spec} has {found} values, {expected} expected")]
    ColumnLength {
        /// The column's specification number.
        spec: u64,
        /// Values in the column.
        found: u64,
        /// Values that the table asks for.
        expected: u64,
    },
}
