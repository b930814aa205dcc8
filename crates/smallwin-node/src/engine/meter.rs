//! What the engine's time costs, and who pays for it.
//!
//! Each frame is paid for with the time that it took the engine, together with what followed from
//! it: reading a document, and what is done once its changes are kept. Whoever spent more than is
//! given to one peer waits, as long as others want something too.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use smallwin_circle::DeviceKey;
use smallwin_sync::ConnId;

use crate::limits::{BUSY_WITHIN, HOLD_MAX, PURSES_MAX, TIME_BURST, TIME_SHARE};

/// Who pays: the key that a peer proved, so that a new connection is no new purse; a connection
/// that proved none pays for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Payer {
    Key(DeviceKey),
    Conn(ConnId),
}

/// The purses of all who pay.
#[derive(Debug, Default)]
pub(super) struct Meter {
    purses: BTreeMap<Payer, Purse>,
    /// Who came last, and who came before that was somebody else.
    last: Option<(Payer, Instant)>,
    before: Option<(Payer, Instant)>,
}

/// What is left of the time that was given to one payer, at one moment.
#[derive(Debug, Clone, Copy)]
struct Purse {
    left: Left,
    at: Instant,
}

/// Time that is left, or owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Time(Duration),
    Debt(Duration),
}

impl Meter {
    /// Books time that was spent for a payer.
    pub(super) fn spend(&mut self, payer: Payer, cost: Duration, now: Instant) {
        if self.purses.len() >= PURSES_MAX {
            self.purses.retain(|_, purse| !purse.at(now).is_full());
        }
        let purse = self.purses.entry(payer).or_insert(Purse {
            left: Left::Time(TIME_BURST),
            at: now,
        });
        *purse = purse.at(now).minus(cost);
    }

    /// Notes that somebody wants something of the engine.
    pub(super) fn seen(&mut self, payer: Payer, now: Instant) {
        if let Some((last, at)) = self.last
            && last != payer
        {
            self.before = Some((last, at));
        }
        self.last = Some((payer, now));
    }

    /// Until when a payer has to wait. Who is alone waits for nobody.
    pub(super) fn held_until(&self, payer: Payer, now: Instant) -> Option<Instant> {
        let purse = self.purses.get(&payer)?.at(now);
        let Left::Debt(debt) = purse.left else {
            return None;
        };
        let hold = debt.saturating_mul(TIME_SHARE).min(HOLD_MAX);
        (!self.is_alone(payer, now)).then(|| now + hold)
    }

    fn is_alone(&self, payer: Payer, now: Instant) -> bool {
        let is_recent = |seen: &Option<(Payer, Instant)>| {
            seen.is_some_and(|(other, at)| {
                other != payer && now.saturating_duration_since(at) < BUSY_WITHIN
            })
        };
        !is_recent(&self.last) && !is_recent(&self.before)
    }
}

impl Purse {
    fn at(self, now: Instant) -> Purse {
        let given = now.saturating_duration_since(self.at) / TIME_SHARE;
        let left = match self.left {
            Left::Time(left) => Left::Time((left + given).min(TIME_BURST)),
            Left::Debt(debt) if given < debt => Left::Debt(debt - given),
            Left::Debt(debt) => Left::Time((given - debt).min(TIME_BURST)),
        };
        Purse {
            left,
            at: now.max(self.at),
        }
    }

    fn minus(self, cost: Duration) -> Purse {
        let left = match self.left {
            Left::Time(left) if cost <= left => Left::Time(left - cost),
            Left::Time(left) => Left::Debt(cost - left),
            Left::Debt(debt) => Left::Debt(debt + cost),
        };
        Purse { left, ..self }
    }

    fn is_full(self) -> bool {
        self.left == Left::Time(TIME_BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant;

    const ME: Payer = Payer::Conn(ConnId(1));
    const YOU: Payer = Payer::Conn(ConnId(2));
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn who_spends_its_burst_waits_for_what_others_get() {
        let (mut meter, now) = (Meter::default(), instant());
        meter.seen(YOU, now);
        meter.seen(ME, now);
        meter.spend(ME, TIME_BURST, now);
        assert_eq!(meter.held_until(ME, now), None);
        meter.spend(ME, 30 * MS, now);
        assert_eq!(meter.held_until(ME, now), Some(now + 90 * MS));
        assert_eq!(meter.held_until(YOU, now), None);
        let later = now + 45 * MS;
        assert_eq!(meter.held_until(ME, later), Some(now + 90 * MS));
        meter.spend(ME, Duration::from_secs(600), now);
        assert_eq!(meter.held_until(ME, now), Some(now + HOLD_MAX));
    }

    #[test]
    fn who_is_alone_waits_for_nobody() {
        let (mut meter, now) = (Meter::default(), instant());
        meter.seen(ME, now);
        meter.spend(ME, 2 * TIME_BURST, now);
        assert_eq!(meter.held_until(ME, now), None);
        meter.seen(YOU, now);
        meter.seen(ME, now + MS);
        meter.seen(ME, now + 2 * MS);
        assert!(meter.held_until(ME, now + 2 * MS).is_some());
        let quiet = now + BUSY_WITHIN;
        assert_eq!(meter.held_until(ME, quiet), None, "the other one went");
    }

    #[test]
    fn s2_purses_that_are_full_again_are_forgotten() {
        let (mut meter, now) = (Meter::default(), instant());
        for conn in 0..10 * PURSES_MAX as u64 {
            let at = now + MS * u32::try_from(conn).unwrap_or(u32::MAX);
            meter.spend(Payer::Conn(ConnId(conn)), MS, at);
        }
        assert!(meter.purses.len() <= PURSES_MAX);
    }
}
