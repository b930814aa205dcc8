//! Whose turn it is: one lane for each connection, the least served first.
//!
//! A single queue would let whoever fills it make all others wait. So frames stand in the lane of
//! their connection, and the lane that got the least of the engine's time is next; what the engine
//! itself asked for (what was kept or read) and calls of this process go before all frames.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use smallwin_circle::DeviceKey;
use smallwin_sync::ConnId;

use super::meter::{Meter, Payer};
use super::{Wake, WakeReceiver};
use crate::clock::instant;
use crate::counters::Counters;

/// What waits for the engine, in the order in which it is served.
pub(super) struct Lanes {
    wakes: WakeReceiver,
    first: VecDeque<Wake>,
    lanes: BTreeMap<ConnId, Lane>,
    meter: Meter,
    /// The time that the lane got which was served last: a lane that was empty begins there.
    served: Duration,
    counters: Arc<Counters>,
}

/// What waits of one connection.
struct Lane {
    waiting: VecDeque<Wake>,
    /// The engine's time it got so far, counted from where it began.
    got: Duration,
    payer: Payer,
    /// Until when it is not served, for what it owes the engine.
    owes_until: Option<Instant>,
}

/// Even a frame that costs nothing counts, so that lanes take turns.
const TURN: Duration = Duration::from_micros(1);

/// What the lanes have to say.
enum Pick {
    Serve(ConnId),
    /// Everything that waits is held until then.
    HeldUntil(Instant),
    Nothing,
}

impl Lanes {
    pub(super) fn new(wakes: WakeReceiver, counters: Arc<Counters>) -> Self {
        Self {
            wakes,
            first: VecDeque::new(),
            lanes: BTreeMap::new(),
            meter: Meter::default(),
            served: Duration::ZERO,
            counters,
        }
    }

    /// What comes next, and the connection that it is for when it stood in a lane. Waits; nothing
    /// when nobody can wake the engine any more.
    pub(super) fn next(&mut self) -> Option<(Wake, Option<ConnId>)> {
        loop {
            while let Ok(wake) = self.wakes.0.try_recv() {
                self.sort(wake);
            }
            if let Some(wake) = self.first.pop_front() {
                return Some((wake, None));
            }
            let now = instant();
            match self.pick(now) {
                Pick::Serve(conn) => {
                    if let Some(wake) = self.serve(conn) {
                        return Some((wake, Some(conn)));
                    }
                }
                Pick::HeldUntil(until) => {
                    self.counters.held();
                    let wait = until.saturating_duration_since(now);
                    match self.wakes.0.recv_timeout(wait) {
                        Ok(wake) => self.sort(wake),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => return None,
                    }
                }
                Pick::Nothing => self.sort_next()?,
            }
        }
    }

    /// Books what a connection cost, and how long it is not to be served for what it owes.
    pub(super) fn spent(
        &mut self,
        conn: ConnId,
        key: Option<DeviceKey>,
        cost: Duration,
        owes: Duration,
    ) {
        let now = instant();
        let payer = key.map_or(Payer::Conn(conn), Payer::Key);
        self.meter.spend(payer, cost, now);
        if let Some(lane) = self.lanes.get_mut(&conn) {
            lane.payer = payer;
            lane.got += cost.max(TURN);
            lane.owes_until = (owes > Duration::ZERO).then(|| now + owes);
        }
    }

    fn sort_next(&mut self) -> Option<()> {
        let wake = self.wakes.0.recv().ok()?;
        self.sort(wake);
        Some(())
    }

    fn sort(&mut self, wake: Wake) {
        let conn = match &wake {
            Wake::Frame { conn, .. } => *conn,
            // Its frames come first.
            Wake::Closed { conn } if self.is_waiting(*conn) => *conn,
            Wake::Closed { conn } => {
                self.lanes.remove(conn);
                return self.first.push_back(wake);
            }
            _ => return self.first.push_back(wake),
        };
        let served = self.served;
        let lane = self.lanes.entry(conn).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            got: served,
            payer: Payer::Conn(conn),
            owes_until: None,
        });
        if lane.waiting.is_empty() {
            // Time in which it wanted nothing cannot be saved up.
            lane.got = lane.got.max(served);
        }
        lane.waiting.push_back(wake);
        self.meter.seen(lane.payer, instant());
    }

    fn is_waiting(&self, conn: ConnId) -> bool {
        self.lanes
            .get(&conn)
            .is_some_and(|lane| !lane.waiting.is_empty())
    }

    fn pick(&self, now: Instant) -> Pick {
        let mut best: Option<(Duration, ConnId)> = None;
        let mut earliest: Option<Instant> = None;
        for (conn, lane) in &self.lanes {
            if lane.waiting.is_empty() {
                continue;
            }
            let held = self.meter.held_until(lane.payer, now);
            let until = held.max(lane.owes_until).filter(|until| *until > now);
            match until {
                Some(until) => {
                    earliest = Some(earliest.map_or(until, |earliest| earliest.min(until)));
                }
                None if best.is_none_or(|best| (lane.got, *conn) < best) => {
                    best = Some((lane.got, *conn));
                }
                None => {}
            }
        }
        match (best, earliest) {
            (Some((_, conn)), _) => Pick::Serve(conn),
            (None, Some(until)) => Pick::HeldUntil(until),
            (None, None) => Pick::Nothing,
        }
    }

    fn serve(&mut self, conn: ConnId) -> Option<Wake> {
        let lane = self.lanes.get_mut(&conn)?;
        let wake = lane.waiting.pop_front();
        self.served = lane.got;
        if matches!(wake, Some(Wake::Closed { .. })) {
            self.lanes.remove(&conn);
        }
        wake
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use axum::body::Bytes;

    use super::*;
    use crate::engine::{WakeSender, wakes};
    use crate::limits::TIME_BURST;
    use crate::socket::{Budget, Incoming};

    const MS: Duration = Duration::from_millis(1);

    fn lanes() -> (WakeSender, Lanes) {
        let (sender, receiver) = wakes();
        (sender, Lanes::new(receiver, Arc::default()))
    }

    async fn frames(sender: &WakeSender, conn: u64, count: usize) {
        let incoming = Incoming::new(sender.clone(), &Budget::new());
        for _ in 0..count {
            assert!(incoming.take(ConnId(conn), Bytes::new()).await);
        }
    }

    fn next(lanes: &mut Lanes) -> String {
        match lanes.next().unwrap() {
            (Wake::Frame { conn, .. }, _) => conn.0.to_string(),
            (Wake::Closed { conn }, _) => format!("{} closed", conn.0),
            (Wake::CloseAll, None) => "all".to_owned(),
            _ => "other".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_flood_does_not_stand_before_others() {
        let (sender, mut lanes) = lanes();
        frames(&sender, 1, 100).await;
        frames(&sender, 2, 2).await;
        sender.send(Wake::CloseAll).unwrap();
        assert_eq!(next(&mut lanes), "all", "calls and answers go first");
        let mut order = Vec::new();
        for _ in 0..6 {
            let conn = next(&mut lanes);
            lanes.spent(ConnId(conn.parse().unwrap()), None, TURN, Duration::ZERO);
            order.push(conn);
        }
        assert_eq!(order, ["1", "2", "1", "2", "1", "1"]);
    }

    #[tokio::test]
    async fn who_cost_much_comes_after_who_cost_little() {
        let (sender, mut lanes) = lanes();
        frames(&sender, 1, 10).await;
        assert_eq!(next(&mut lanes), "1");
        lanes.spent(ConnId(1), None, 50 * MS, Duration::ZERO);
        frames(&sender, 2, 3).await;
        for _ in 0..3 {
            assert_eq!(next(&mut lanes), "2");
            lanes.spent(ConnId(2), None, 10 * MS, Duration::ZERO);
        }
        assert_eq!(next(&mut lanes), "1");
    }

    #[tokio::test]
    async fn who_is_in_debt_is_held_while_others_want_something() {
        let (sender, mut lanes) = lanes();
        frames(&sender, 2, 1).await;
        assert_eq!(next(&mut lanes), "2");
        frames(&sender, 1, 2).await;
        assert_eq!(next(&mut lanes), "1");
        let began = instant();
        lanes.spent(ConnId(1), None, TIME_BURST + 20 * MS, Duration::ZERO);
        assert_eq!(next(&mut lanes), "1");
        assert!(instant() - began >= 55 * MS, "three times what it owes");
    }

    #[tokio::test]
    async fn what_the_engine_is_owed_is_waited_for() {
        let (sender, mut lanes) = lanes();
        frames(&sender, 1, 2).await;
        assert_eq!(next(&mut lanes), "1");
        let began = instant();
        lanes.spent(ConnId(1), None, TURN, 20 * MS);
        assert_eq!(next(&mut lanes), "1");
        assert!(instant() - began >= 20 * MS);
    }

    #[tokio::test]
    async fn a_close_comes_after_the_frames_before_it() {
        let (sender, mut lanes) = lanes();
        frames(&sender, 1, 2).await;
        sender.send(Wake::Closed { conn: ConnId(1) }).unwrap();
        sender.send(Wake::Closed { conn: ConnId(9) }).unwrap();
        assert_eq!(next(&mut lanes), "9 closed");
        assert_eq!(next(&mut lanes), "1");
        assert_eq!(next(&mut lanes), "1");
        assert_eq!(next(&mut lanes), "1 closed");
        assert!(lanes.lanes.is_empty());
        drop(sender);
    }
}
