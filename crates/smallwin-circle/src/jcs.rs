//! Canonical JSON (RFC 8785), narrowed to what every language reads alike.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::limits::{INTEGER_MAX, JSON_DEPTH_MAX};

/// Writes a value of ours; it has string keys and finite integers only, so it cannot fail.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

/// Reads `bytes` as a `T`, provided that they are the canonical form of what was read.
///
/// Writing back and comparing catches, in one step, duplicate and unordered keys, white space, other
/// spellings of numbers and strings, `null` for an absent field, and stray bits in base64url.
pub(crate) fn from_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value: T = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if to_bytes(&value) == bytes {
        Ok(value)
    } else {
        Err("it is not canonical (RFC 8785)".to_owned())
    }
}

/// Whether a free value is within what all readers agree on: integers that a double holds exactly, and
/// little nesting.
pub(crate) fn is_plain(value: &Value) -> bool {
    plain_to(value, JSON_DEPTH_MAX)
}

fn plain_to(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(unsigned), _) => unsigned <= INTEGER_MAX,
            (None, Some(signed)) => signed.unsigned_abs() <= INTEGER_MAX,
            (None, None) => false,
        },
        Value::Array(items) => depth > 0 && items.iter().all(|item| plain_to(item, depth - 1)),
        Value::Object(fields) => {
            depth > 0 && fields.values().all(|field| plain_to(field, depth - 1))
        }
    }
}
