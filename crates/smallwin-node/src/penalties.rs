//! Addresses whose peers keep breaking rules, or ask for too much, are refused for a while.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::limits::{
    FAULT_FORGIVEN_AFTER, FAULTS_PER_ADDRESS_MAX, FAULTY_ADDRESSES_MAX, PENALTY,
    UPGRADES_PER_MINUTE_MAX,
};

/// An address as far as it names somebody: a household has 2^64 of version 6, so of those only
/// the first half counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(IpAddr);

/// What is remembered of addresses.
#[derive(Debug, Default)]
pub(crate) struct Penalties(BTreeMap<Address, Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Time until all faults are forgiven.
    faults: Decaying,
    /// Time until all upgrades are forgotten.
    upgrades: Decaying,
    refused_until: Option<Instant>,
}

/// A sum that shrinks with time: when it will be nothing.
#[derive(Debug, Clone, Copy)]
struct Decaying {
    gone_at: Instant,
}

/// The address is refused for that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) Duration);

impl Address {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 => v4,
        })
    }
}

impl Penalties {
    /// Whether a socket from this address is let in now; counts it.
    pub(crate) fn upgrade(&mut self, address: Address, now: Instant) -> Result<(), Refused> {
        let each = Duration::from_secs(60) / UPGRADES_PER_MINUTE_MAX;
        let entry = self.entry(address, now);
        if let Some(until) = entry.refused_until.filter(|until| *until > now) {
            return Err(Refused(until - now));
        }
        let most = each * (UPGRADES_PER_MINUTE_MAX / 2);
        if entry.upgrades.left(now) + each > most {
            return Err(Refused(each));
        }
        entry.upgrades.add(each, now);
        Ok(())
    }

    /// Books a fault of a peer from this address.
    pub(crate) fn fault(&mut self, address: Address, now: Instant) {
        let most = FAULT_FORGIVEN_AFTER * FAULTS_PER_ADDRESS_MAX;
        let entry = self.entry(address, now);
        entry.faults.add(FAULT_FORGIVEN_AFTER, now);
        if entry.faults.left(now) > most {
            entry.refused_until = Some(now + PENALTY);
            // The next penalty follows sooner than the first.
            entry.faults = Decaying {
                gone_at: now + most / 2,
            };
        }
    }

    fn entry(&mut self, address: Address, now: Instant) -> &mut Entry {
        if !self.0.contains_key(&address) && self.0.len() >= FAULTY_ADDRESSES_MAX {
            self.forget(now);
        }
        self.0.entry(address).or_insert(Entry {
            faults: Decaying { gone_at: now },
            upgrades: Decaying { gone_at: now },
            refused_until: None,
        })
    }

    /// Forgets who has nothing to forgive any more; else who has least.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, entry| entry.ends_at() > now);
        if self.0.len() >= FAULTY_ADDRESSES_MAX {
            let least = self.0.iter().min_by_key(|(_, entry)| entry.ends_at());
            if let Some(least) = least.map(|(address, _)| *address) {
                self.0.remove(&least);
            }
        }
    }
}

impl Entry {
    fn ends_at(&self) -> Instant {
        let last = self.faults.gone_at.max(self.upgrades.gone_at);
        self.refused_until.map_or(last, |until| last.max(until))
    }
}

impl Decaying {
    fn left(self, now: Instant) -> Duration {
        self.gone_at.saturating_duration_since(now)
    }

    fn add(&mut self, time: Duration, now: Instant) {
        self.gone_at = self.gone_at.max(now) + time;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::clock::instant;

    fn address(text: &str) -> Address {
        Address::of(text.parse().unwrap())
    }

    #[test]
    fn g2_an_address_that_keeps_breaking_rules_is_refused_for_a_while() {
        let (mut penalties, now) = (Penalties::default(), instant());
        let (bad, good) = (address("203.0.113.7"), address("203.0.113.8"));
        for _ in 0..FAULTS_PER_ADDRESS_MAX {
            penalties.fault(bad, now);
        }
        assert_eq!(penalties.upgrade(bad, now), Ok(()));
        penalties.fault(bad, now);
        assert_eq!(penalties.upgrade(bad, now), Err(Refused(PENALTY)));
        assert_eq!(penalties.upgrade(good, now), Ok(()));
        assert_eq!(penalties.upgrade(bad, now + PENALTY), Ok(()));
    }

    #[test]
    fn faults_are_forgiven_with_time() {
        let (mut penalties, mut now) = (Penalties::default(), instant());
        for _ in 0..10 * FAULTS_PER_ADDRESS_MAX {
            penalties.fault(address("203.0.113.7"), now);
            now += FAULT_FORGIVEN_AFTER;
        }
        assert_eq!(penalties.upgrade(address("203.0.113.7"), now), Ok(()));
    }

    #[test]
    fn upgrades_of_one_address_have_a_rate() {
        let (mut penalties, now) = (Penalties::default(), instant());
        let here = address("2001:db8::1");
        let same_house = address("2001:db8::2");
        for _ in 0..UPGRADES_PER_MINUTE_MAX / 2 {
            assert_eq!(penalties.upgrade(here, now), Ok(()));
        }
        assert!(penalties.upgrade(same_house, now).is_err());
        assert!(penalties.upgrade(address("2001:db9::1"), now).is_ok());
        let later = now + Duration::from_secs(1);
        assert_eq!(penalties.upgrade(here, later), Ok(()));
    }

    #[test]
    fn s2_only_so_many_addresses_are_remembered() {
        let (mut penalties, now) = (Penalties::default(), instant());
        let bad = address("203.0.113.7");
        for _ in 0..=FAULTS_PER_ADDRESS_MAX {
            penalties.fault(bad, now);
        }
        for number in 0..2 * FAULTY_ADDRESSES_MAX as u32 {
            let other = Address::of(IpAddr::V4(number.into()));
            penalties.fault(other, now);
        }
        assert!(penalties.0.len() <= FAULTY_ADDRESSES_MAX);
        assert!(penalties.upgrade(bad, now).is_err(), "the worst stays");
    }
}
