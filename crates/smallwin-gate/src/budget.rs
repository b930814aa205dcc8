//! What the chunks of one frame may cost together.

use crate::GateError;
use crate::limits::{COST_PER_FRAME_MAX, INFLATED_BYTES_PER_FRAME_MAX};

/// What is left for the chunks of one frame (rule G2).
#[derive(Debug, Clone)]
pub struct Budget {
    cost: u64,
    inflated_bytes: usize,
}

impl Budget {
    /// Gives the budget of one frame.
    #[must_use]
    pub fn frame() -> Self {
        Self {
            cost: COST_PER_FRAME_MAX,
            inflated_bytes: INFLATED_BYTES_PER_FRAME_MAX,
        }
    }

    /// Bytes that may still be inflated.
    pub(crate) fn inflated_bytes(&self) -> usize {
        self.inflated_bytes
    }

    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), GateError> {
        let limit = INFLATED_BYTES_PER_FRAME_MAX as u64;
        let exceeded = GateError::Limit {
            what: "inflated bytes of a frame",
            limit,
        };
        self.inflated_bytes = self.inflated_bytes.checked_sub(bytes).ok_or(exceeded)?;
        Ok(())
    }

    pub(crate) fn spend(&mut self, cost: u64) -> Result<(), GateError> {
        let exceeded = GateError::Limit {
            what: "operations of a frame",
            limit: COST_PER_FRAME_MAX,
        };
        self.cost = self.cost.checked_sub(cost).ok_or(exceeded)?;
        Ok(())
    }
}
