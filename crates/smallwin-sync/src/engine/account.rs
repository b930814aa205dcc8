//! What connections cost and what their faults add up to (rule G2).
//!
//! Costs hold a peer back and never cut it off: whoever has much to tell gets it across at the
//! rate of its buckets. Faults cut off: a key whose peer keeps breaking rules is refused for a
//! while.

use std::collections::BTreeMap;

use smallwin_circle::DeviceKey;

use super::Engine;
use super::send::code;
use crate::limits::{Limits, Rate};
use crate::{ConnId, Millis};

/// What one connection spent.
#[derive(Debug)]
struct Account {
    frames: Bucket,
    bytes: Bucket,
    operations: Bucket,
}

/// The faults of one key.
#[derive(Debug)]
struct Faults {
    left: Bucket,
    refused_until: Millis,
}

/// The accounts of all connections, and the faults of the keys behind them.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    conns: BTreeMap<ConnId, Account>,
    keys: BTreeMap<DeviceKey, Faults>,
}

impl Engine {
    /// Milliseconds in which the peer should not be read, so that what it spent comes back: 0 for
    /// a peer within its budget. A caller that reads on all the same has to close in the end,
    /// since a debt as large as a full budget ends the connection.
    pub fn owes_ms(&self, conn: ConnId) -> u64 {
        let limits = &self.config.limits;
        let account = self.accounts.conns.get(&conn);
        account.map_or(0, |account| {
            let owed = [
                account.frames.owes_ms(limits.frame_rate),
                account.bytes.owes_ms(limits.byte_rate),
                account.operations.owes_ms(limits.operation_rate),
            ];
            owed.into_iter().max().unwrap_or(0)
        })
    }

    /// The key that the peer of a connection proved, once it did.
    pub fn key_of(&self, conn: ConnId) -> Option<DeviceKey> {
        let connection = self.conns.get(&conn)?;
        connection.key.filter(|_| connection.is_ready())
    }

    /// Books a frame that came in; false when the debt became so large that the connection ended.
    pub(super) fn spend_frame(&mut self, conn: ConnId, bytes: usize) -> bool {
        let (now, limits) = (self.now, &self.config.limits);
        let bytes = bytes as u64;
        self.totals.bytes_in += bytes;
        let account = self.accounts.of(conn, limits, now);
        account.frames.spend(limits.frame_rate, now, 1);
        account.bytes.spend(limits.byte_rate, now, bytes);
        let is_ruined = account.frames.is_ruined(limits.frame_rate)
            || account.bytes.is_ruined(limits.byte_rate)
            || account.operations.is_ruined(limits.operation_rate);
        if is_ruined {
            self.close(conn, code::LATER, "over-budget");
        }
        !is_ruined
    }

    /// Books operations that the gate counted in a frame.
    pub(super) fn spend_operations(&mut self, conn: ConnId, operations: u64) {
        let (now, limits) = (self.now, &self.config.limits);
        self.totals.operations_in += operations;
        if self.conns.contains_key(&conn) {
            let account = self.accounts.of(conn, limits, now);
            account
                .operations
                .spend(limits.operation_rate, now, operations);
        }
    }

    /// Books faults of a peer on the key that it proved. A key that was only claimed is not
    /// charged: else anybody could have anybody refused.
    pub(super) fn fault(&mut self, conn: ConnId, points: u64) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        self.totals.faults += points;
        let is_proven = connection.is_ready();
        let (Some(key), true) = (connection.key, is_proven) else {
            return;
        };
        // Whoever has our own device key has our data directory.
        if key != self.device && key != self.wire_key {
            self.accounts
                .fault(key, points, &self.config.limits, self.now);
        }
    }

    /// Whether a key is refused for what its peers did.
    pub(super) fn is_penalised(&self, key: &DeviceKey) -> bool {
        let faults = self.accounts.keys.get(key);
        faults.is_some_and(|faults| faults.refused_until > self.now)
    }

    /// The account of a connection that is gone is closed.
    pub(super) fn close_account(&mut self, conn: ConnId) {
        self.accounts.conns.remove(&conn);
    }
}

impl Accounts {
    fn of(&mut self, conn: ConnId, limits: &Limits, now: Millis) -> &mut Account {
        self.conns.entry(conn).or_insert_with(|| Account {
            frames: Bucket::full(limits.frame_rate, now),
            bytes: Bucket::full(limits.byte_rate, now),
            operations: Bucket::full(limits.operation_rate, now),
        })
    }

    fn fault(&mut self, key: DeviceKey, points: u64, limits: &Limits, now: Millis) {
        if !self.keys.contains_key(&key) && self.keys.len() >= limits.faulty_keys_max {
            // Keys cost nothing to make, so the least of them makes room.
            let least = self.keys.iter().max_by_key(|(_, faults)| faults.left.left);
            if let Some(least) = least.map(|(key, _)| *key) {
                self.keys.remove(&least);
            }
        }
        let faults = self.keys.entry(key).or_insert_with(|| Faults {
            left: Bucket::full(limits.fault_rate, now),
            refused_until: Millis(0),
        });
        faults.left.spend(limits.fault_rate, now, points);
        if faults.left.left < 0 {
            faults.refused_until = Millis(now.0.saturating_add(limits.penalty_ms));
            // Half a budget after the penalty: a second one follows sooner than the first.
            faults.left = Bucket::full(limits.fault_rate, now);
            let half = limits.fault_rate.burst / 2;
            faults.left.spend(limits.fault_rate, now, half);
        }
    }
}

/// A token bucket. What it holds is counted in sixty-thousandths, so that a rate per minute and
/// a time in milliseconds need no rounding.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Millis,
}

/// Milliseconds in a minute.
const UNIT: u64 = 60_000;

impl Bucket {
    fn full(rate: Rate, now: Millis) -> Bucket {
        Bucket {
            left: units(rate.burst),
            at: now,
        }
    }

    fn spend(&mut self, rate: Rate, now: Millis, amount: u64) {
        let back = now.since(self.at).saturating_mul(rate.per_minute);
        let back = i64::try_from(back).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(back).min(units(rate.burst));
        self.left = self.left.saturating_sub(units(amount));
        self.at = now.max(self.at);
    }

    fn owes_ms(&self, rate: Rate) -> u64 {
        match u64::try_from(self.left) {
            Ok(_) => 0,
            Err(_) => self.left.unsigned_abs().div_ceil(rate.per_minute.max(1)),
        }
    }

    /// Whether as much is owed as the bucket holds when it is full.
    fn is_ruined(&self, rate: Rate) -> bool {
        self.left < -units(rate.burst)
    }
}

fn units(amount: u64) -> i64 {
    i64::try_from(amount.saturating_mul(UNIT)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const RATE: Rate = Rate {
        per_minute: 600,
        burst: 100,
    };

    #[test]
    fn a_bucket_comes_back_at_its_rate_and_no_further() {
        let mut bucket = Bucket::full(RATE, Millis(1_000));
        bucket.spend(RATE, Millis(1_000), 100);
        assert_eq!(bucket.owes_ms(RATE), 0, "a burst is free");
        bucket.spend(RATE, Millis(1_000), 5);
        assert_eq!(bucket.owes_ms(RATE), 500, "five at ten a second");
        bucket.spend(RATE, Millis(1_500), 0);
        assert_eq!(bucket.owes_ms(RATE), 0);
        bucket.spend(RATE, Millis(9_000_000), 0);
        bucket.spend(RATE, Millis(9_000_000), 101);
        assert_eq!(bucket.owes_ms(RATE), 100, "no more than a burst comes back");
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::full(RATE, Millis(10_000));
        bucket.spend(RATE, Millis(10_000), 150);
        bucket.spend(RATE, Millis(0), 0);
        assert_eq!(bucket.owes_ms(RATE), 5_000);
        bucket.spend(RATE, Millis(10_000), 0);
        assert_eq!(
            bucket.owes_ms(RATE),
            5_000,
            "the same time is not given twice"
        );
    }

    #[test]
    fn a_debt_of_a_full_bucket_is_ruin() {
        let mut bucket = Bucket::full(RATE, Millis(0));
        bucket.spend(RATE, Millis(0), 200);
        assert!(!bucket.is_ruined(RATE));
        bucket.spend(RATE, Millis(0), 1);
        assert!(bucket.is_ruined(RATE));
        bucket.spend(RATE, Millis(0), u64::MAX);
        assert!(bucket.is_ruined(RATE), "sums do not overflow");
    }

    #[test]
    fn faults_of_a_key_are_forgiven_with_time() {
        let limits = Limits {
            fault_rate: Rate {
                per_minute: 10,
                burst: 20,
            },
            penalty_ms: 60_000,
            faulty_keys_max: 2,
            ..Limits::default()
        };
        let key = |seed| smallwin_circle::SigningKey::from_seed([seed; 32]).public();
        let mut accounts = Accounts::default();
        for minute in 0..60 {
            accounts.fault(key(1), 10, &limits, Millis(minute * UNIT));
        }
        let until =
            |accounts: &Accounts, seed| accounts.keys.get(&key(seed)).unwrap().refused_until;
        assert_eq!(until(&accounts, 1), Millis(0), "one fault a minute");
        accounts.fault(key(1), 21, &limits, Millis(60 * UNIT));
        assert_eq!(until(&accounts, 1), Millis(61 * UNIT));
        // Strangers' keys push one another out, not the one that is refused.
        for seed in 2..20 {
            accounts.fault(key(seed), 1, &limits, Millis(60 * UNIT));
        }
        assert_eq!(accounts.keys.len(), 2);
        assert_eq!(until(&accounts, 1), Millis(61 * UNIT));
    }
}
