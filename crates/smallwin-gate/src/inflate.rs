//! Inflates with a cap.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use crate::limits::INFLATED_BYTES_MAX;
use crate::{Budget, GateError};

/// Inflates bytes and spends what came out; stops as soon as there is too much.
pub(crate) fn inflate(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, GateError> {
    let cap = budget.inflated_bytes().min(INFLATED_BYTES_MAX);
    let mut rest = bytes;
    let mut inflated = Vec::new();
    let read = DeflateDecoder::new(&mut rest)
        .take(cap as u64 + 1)
        .read_to_end(&mut inflated);
    if inflated.len() > cap {
        return Err(GateError::Limit {
            what: "inflated bytes",
            limit: cap as u64,
        });
    }
    if read.is_err() {
        return Err(GateError::Malformed {
            what: "deflated bytes",
            at: 0,
        });
    }
    if !rest.is_empty() {
        return Err(GateError::Trailing {
            at: bytes.len() - rest.len(),
        });
    }
    budget.spend_bytes(inflated.len())?;
    Ok(inflated)
}
