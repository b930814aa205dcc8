//! Faults that the simulation plants, to see that it finds them.
//!
//! Only the simulation asks for the feature `planted`. Without it nothing can be planted, and every
//! question whether something was is answered at compile time.

/// A fault of the engine that a careless change could bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "planted"),
    allow(unreachable_pub, reason = "only who can plant needs the names")
)]
pub enum Planted {
    /// Heads count as sent to a peer before they were.
    WrongLastSentHeads,
    /// One in sixteen changes is not among the writes that make its batch durable.
    SkippedChunk,
    /// Ephemeral messages that were passed on before are passed on again.
    ForgottenDeduplication,
}

/// What was planted in one engine.
#[derive(Debug, Default)]
pub(crate) struct Plants {
    #[cfg(feature = "planted")]
    fault: Option<Planted>,
}

impl Plants {
    /// Whether the fault was planted.
    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, fault: Planted) -> bool {
        self.fault == Some(fault)
    }

    /// Nothing can be planted.
    #[cfg(not(feature = "planted"))]
    pub(crate) const fn has(&self, _fault: Planted) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
impl crate::Engine {
    /// Plants a fault for the rest of this engine's life.
    pub fn plant(&mut self, fault: Planted) {
        self.plants.fault = Some(fault);
    }
}
