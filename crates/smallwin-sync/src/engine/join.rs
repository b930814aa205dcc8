//! Joining a circle (`smallwin/join`) and hosting one (`smallwin/host`).

use smallwin_circle::{Body, CircleId, Record, Timestamp, circle_tag};

use super::Engine;
use super::circle::{Batch, Circle, Origin};
use super::send::code;
use crate::wire::Frame;
use crate::{ConnId, Notice};

/// Codes with which a peer refuses a join.
const REFUSALS: [&str; 6] = [
    "invite-used",
    "invite-expired",
    "invite-unknown",
    "join-refused",
    "join-stale",
    "no-accepter",
];

impl Engine {
    /// A join that somebody wants accepted.
    pub(super) fn join_frame(&mut self, conn: ConnId, tag: [u8; 16], bytes: &[u8]) {
        let Some(circle) = self
            .conns
            .get(&conn)
            .and_then(|connection| connection.circle_by_tag(&tag))
        else {
            return;
        };
        // Whoever carries it: the invite key's proof stands in the record itself.
        let record = Record::parse(bytes)
            .ok()
            .filter(|record| record.is_open_join() && record.payload().circle == Some(circle));
        let Some(record) = record else {
            self.send_notice(conn, "join-refused", Some(circle.to_string()));
            return;
        };
        let log = self.circles.get(&circle).and_then(|held| held.log.as_ref());
        if log.is_some_and(|log| log.contains(&record.id())) {
            // Accepted before; the log says so.
            return;
        }
        let is_accepter = log.is_some_and(|log| log.state().role_of_device(&self.device).is_some());
        if is_accepter {
            self.accept(conn, &circle, record);
        } else {
            self.pass_join_on(conn, &circle, &record, bytes);
        }
    }

    /// Countersigns a join whose invite is good by our clock, as one of the circle's member devices.
    fn accept(&mut self, conn: ConnId, circle: &CircleId, record: Record) {
        let joins_max = self.config.limits.joins_waiting_max;
        if let Some(held) = self.circles.get_mut(circle)
            && let Some(log) = &held.log
            && !log.knows_all(&record.payload().deps)
        {
            // Its author has seen more than we; what we lack is on its way.
            if held.joins_waiting.len() < joins_max {
                held.joins_waiting.insert(record.id(), (conn, record));
            }
            return;
        }
        if let Err(code) = self.judge_join(circle, &record) {
            self.send_notice(conn, code, Some(circle.to_string()));
            return;
        }
        if self.read_only.is_some() {
            self.send_notice(conn, "read-only", Some(circle.to_string()));
            return;
        }
        let id = record.id();
        let Ok(accepted) = record.countersign(&self.config.device_key) else {
            self.send_notice(conn, "join-refused", Some(circle.to_string()));
            return;
        };
        let from = Origin::Countersigned { conn, record: id };
        self.take_records(
            circle,
            Batch {
                records: vec![accepted.bytes().to_vec()],
                from,
            },
        );
    }

    fn judge_join(&self, circle: &CircleId, record: &Record) -> Result<(), &'static str> {
        let Body::Join { invite, .. } = &record.payload().body else {
            return Err("join-refused");
        };
        let held = self.circles.get(circle).ok_or("invite-unknown")?;
        let log = held.log.as_ref().ok_or("invite-unknown")?;
        let invite = log.state().invite(invite).ok_or("invite-unknown")?;
        let past = log.state_at(&record.payload().deps);
        if past.role_of_device(&self.device).is_none() {
            // We entered after what its author has seen, so our signature would be worth nothing.
            return Err("join-stale");
        }
        let now = Timestamp::from_unix_ms(self.now.0);
        let flying = held.flight.as_ref().map(|flight| flight.next.state());
        let flying = flying.and_then(|state| state.invite(&invite.record));
        // One that is just being kept uses the invite up as well.
        if !invite.used_by.is_empty() || flying.is_some_and(|invite| !invite.used_by.is_empty()) {
            return Err("invite-used");
        }
        let waiting = held.waiting.iter().flat_map(|batch| &batch.records);
        let mut waiting = waiting.filter_map(|bytes| Record::parse(bytes).ok());
        let is_rival = |other: Record| matches!(&other.payload().body, Body::Join { invite: rival, .. } if *rival == invite.record);
        if waiting.any(is_rival) {
            return Err("invite-used");
        }
        if invite.expires < now {
            Err("invite-expired")
        } else {
            Ok(())
        }
    }

    /// Joins that waited for records that their authors had seen.
    pub(super) fn judge_waiting_joins(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        for (conn, record) in std::mem::take(&mut held.joins_waiting).into_values() {
            self.accept(conn, circle, record);
        }
    }

    /// We are no member: somebody behind another connection may be one. Passed on once.
    fn pass_join_on(&mut self, conn: ConnId, circle: &CircleId, record: &Record, bytes: &[u8]) {
        let members = self.member_conns(circle);
        let next = members.into_iter().find(|other| *other != conn);
        let joins_max = self.config.limits.joins_waiting_max;
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        let is_passed = held.joins_passed.contains_key(&record.id());
        match next {
            Some(next) if !is_passed && held.joins_passed.len() < joins_max => {
                held.joins_passed.insert(record.id(), conn);
                let Some(connection) = self.conns.get(&next) else {
                    return;
                };
                let tag = circle_tag(&connection.transcript, circle);
                self.send(
                    next,
                    Frame::JoinCircle {
                        circle: tag,
                        record: bytes.to_vec(),
                    },
                );
            }
            Some(_) if is_passed => {}
            _ => self.send_notice(conn, "no-accepter", Some(circle.to_string())),
        }
    }

    /// Sends our own wish to join to a peer that may be able to accept it, once per connection.
    pub(super) fn send_own_join(&mut self, conn: ConnId, circle: &CircleId) {
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        let Some(record) = held.join_wanted.clone() else {
            return;
        };
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let tag = circle_tag(&connection.transcript, circle);
        let Some(matched) = connection.circles.get_mut(circle) else {
            return;
        };
        if !matched.join_sent {
            matched.join_sent = true;
            self.send(
                conn,
                Frame::JoinCircle {
                    circle: tag,
                    record,
                },
            );
        }
    }

    /// The log grew: perhaps our own join, or one that we passed on, stands in it now.
    pub(super) fn own_join_landed(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        let Some(log) = &held.log else { return };
        held.joins_passed.retain(|record, _| !log.contains(record));
        let wanted = held
            .join_wanted
            .as_ref()
            .and_then(|bytes| Record::parse(bytes).ok());
        if wanted.is_some_and(|wanted| log.contains(&wanted.id())) {
            held.join_wanted = None;
            self.notice(Notice::JoinAccepted(*circle));
        }
    }

    /// A stable code of a peer.
    pub(super) fn notice_frame(&mut self, conn: ConnId, code: String, about: Option<String>) {
        let text_bytes_max = self.config.limits.text_bytes_max;
        if code.len() > text_bytes_max
            || about
                .as_ref()
                .is_some_and(|about| about.len() > text_bytes_max)
        {
            self.close(conn, code::POLICY, "notice-too-big");
            return;
        }
        let circle = about
            .as_deref()
            .and_then(|about| about.parse::<CircleId>().ok());
        if let Some(circle) = circle
            && REFUSALS.contains(&code.as_str())
        {
            self.join_refused(conn, &circle, &code);
        }
        self.notice(Notice::NoticeFrom { conn, code, about });
    }

    fn join_refused(&mut self, conn: ConnId, circle: &CircleId, code: &str) {
        let is_presented = self
            .conns
            .get(&conn)
            .is_some_and(|connection| connection.invites.contains_key(circle));
        let members = self.member_conns(circle);
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        // A join that we passed on: tell the one who brought it.
        if members.contains(&conn) && held.join_wanted.is_none() {
            let waiting = std::mem::take(&mut held.joins_passed);
            for joiner in waiting.into_values() {
                self.send_notice(joiner, code, Some(circle.to_string()));
            }
        }
        if is_presented
            || self
                .circles
                .get(circle)
                .is_some_and(|held| held.join_wanted.is_some())
        {
            self.notice(Notice::JoinRefused {
                circle: *circle,
                code: code.to_owned(),
            });
        }
    }

    /// A paired key asks us to hold a circle.
    pub(super) fn host(&mut self, conn: ConnId, records: Vec<Vec<u8>>) {
        if !self.is_paired(conn) {
            self.send_notice(conn, "not-paired", None);
            return;
        }
        let limits = &self.config.limits;
        if records.len() > limits.records_per_frame_max {
            self.close(conn, code::POLICY, "log-too-big");
            return;
        }
        let genesis = records.first().and_then(|bytes| Record::parse(bytes).ok());
        let genesis =
            genesis.filter(|record| matches!(record.payload().body, Body::Genesis { .. }));
        let Some(genesis) = genesis else {
            self.send_notice(conn, "host-refused", None);
            return;
        };
        let circle = CircleId::of(genesis.id());
        if !self.circles.contains_key(&circle) && self.circles.len() >= limits.circles_max {
            self.send_notice(conn, "too-many-circles", Some(circle.to_string()));
            return;
        }
        if self.read_only.is_some() {
            self.send_notice(conn, "read-only", Some(circle.to_string()));
            return;
        }
        self.circles.entry(circle).or_insert_with(Circle::unknown);
        self.take_records(
            &circle,
            Batch {
                records,
                from: Origin::Host { conn },
            },
        );
    }
}
