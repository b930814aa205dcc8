//! Wishes of the program beside the engine.

use smallwin_circle::{Action, Body, Card, CircleId, Frontier, Record, link_message, may};

use super::Engine;
use super::circle::{Batch, Circle, Origin};
use super::document::{GateChange, Home, Incoming, Slot};
use super::keep::Keeping;
use super::log_sync::in_parts;
use super::pair::PairingSecret;
use crate::wire::{Frame, Purpose};
use crate::{ConnId, DocKey, Effect, Local, LocalError, Millis, Request, Table, Write};

impl Engine {
    /// Takes a wish. After `Ok` there is exactly one [`Notice::Done`](crate::Notice::Done) with
    /// this request, among the returned effects or among later ones.
    ///
    /// # Errors
    /// When it is refused at once; nothing changed then (rule B1).
    pub fn local(
        &mut self,
        now: Millis,
        request: Request,
        local: Local,
    ) -> Result<Vec<Effect>, LocalError> {
        self.begin(now);
        let result = self.take_local(request, local);
        let effects = self.finish();
        result.map(|()| effects)
    }

    fn take_local(&mut self, request: Request, local: Local) -> Result<(), LocalError> {
        match local {
            Local::HostCircle { records } => return self.host_circle(request, records),
            Local::Append { circle, record } => return self.append(request, circle, record),
            Local::Card { card } => return self.local_card(request, &card),
            Local::Manifest { circle, bytes } => {
                return self.local_manifest(request, circle, bytes);
            }
            Local::Open { document } => return self.local_open(request, document),
            Local::Write {
                document,
                changes,
                frontiers,
            } => {
                return self.write(request, document, changes, frontiers);
            }
            Local::Unpair { key } => return self.unpair(request, key),
            Local::Follow { circle } => self.local_follow(circle)?,
            Local::Present {
                conn,
                circle,
                secret,
            } => self.present_invite(conn, circle, secret)?,
            Local::RequestJoin { circle, record } => self.request_join(circle, record)?,
            Local::Pair {
                secret_hash,
                expires,
            } => {
                self.secret = Some(PairingSecret {
                    hash: secret_hash,
                    expires,
                    attempts: 0,
                });
            }
            Local::PairWith {
                conn,
                node_device,
                secret,
            } => {
                let connection = self
                    .conns
                    .get_mut(&conn)
                    .filter(|it| it.is_ready())
                    .ok_or(LocalError::NoConnection)?;
                connection.pairing = true;
                let consent = self
                    .config
                    .device_key
                    .sign(&link_message(&node_device, &self.device));
                let sealing = *self.config.sealing.as_bytes();
                self.send(
                    conn,
                    Frame::Pair {
                        secret,
                        consent: *consent.as_bytes(),
                        sealing,
                    },
                );
            }
            Local::Host { conn, circle } => self.ask_host(conn, circle)?,
            Local::AskDial {
                conn,
                url,
                circle,
                secret,
            } => {
                self.ready_conn(conn)?;
                self.send(
                    conn,
                    Frame::Dial {
                        url,
                        circle: *circle.as_bytes(),
                        secret,
                    },
                );
            }
            Local::Ask { conn, what } => {
                let connection = self
                    .conns
                    .get_mut(&conn)
                    .filter(|it| it.is_ready())
                    .ok_or(LocalError::NoConnection)?;
                connection.asked.insert(what.clone());
                self.send(conn, Frame::Ask { what });
            }
            Local::Tell { conn, what, json } => {
                self.ready_conn(conn)?;
                self.send(conn, Frame::Told { what, json });
            }
            Local::Notify { conn, code, about } => {
                self.ready_conn(conn)?;
                self.send_notice(conn, &code, about);
            }
        }
        self.done(request, Ok(()));
        Ok(())
    }

    fn ready_conn(&self, conn: ConnId) -> Result<(), LocalError> {
        let is_ready = self
            .conns
            .get(&conn)
            .is_some_and(|connection| connection.is_ready());
        if is_ready {
            Ok(())
        } else {
            Err(LocalError::NoConnection)
        }
    }

    fn writable(&self) -> Result<(), LocalError> {
        match &self.read_only {
            Some(why) => Err(LocalError::ReadOnly(why.clone())),
            None => Ok(()),
        }
    }

    fn host_circle(&mut self, request: Request, records: Vec<Vec<u8>>) -> Result<(), LocalError> {
        self.writable()?;
        let genesis = records
            .first()
            .ok_or(invalid("circle", "it has no records"))?;
        let genesis =
            Record::parse(genesis).map_err(|fault| invalid("record", &fault.to_string()))?;
        if !matches!(genesis.payload().body, Body::Genesis { .. }) {
            return Err(invalid("circle", "its first record is not a genesis"));
        }
        let circle = CircleId::of(genesis.id());
        if !self.circles.contains_key(&circle)
            && self.circles.len() >= self.config.limits.circles_max
        {
            return Err(LocalError::Limit("circles"));
        }
        self.circles.entry(circle).or_insert_with(Circle::unknown);
        self.take_records(
            &circle,
            Batch {
                records,
                from: Origin::Local { request },
            },
        );
        self.present_circles_to_all();
        Ok(())
    }

    fn local_follow(&mut self, circle: CircleId) -> Result<(), LocalError> {
        if !self.circles.contains_key(&circle)
            && self.circles.len() >= self.config.limits.circles_max
        {
            return Err(LocalError::Limit("circles"));
        }
        self.follow(circle);
        Ok(())
    }

    fn present_invite(
        &mut self,
        conn: ConnId,
        circle: CircleId,
        secret: [u8; 16],
    ) -> Result<(), LocalError> {
        self.ready_conn(conn)?;
        self.local_follow(circle)?;
        if let Some(connection) = self.conns.get_mut(&conn)
            && connection.invites.insert(circle, secret) != Some(secret)
        {
            // Another invite than before: the peer is told of it as well.
            connection.presented.remove(&(circle, Purpose::Invite));
        }
        self.present_circles(conn);
        Ok(())
    }

    fn append(
        &mut self,
        request: Request,
        circle: CircleId,
        record: Vec<u8>,
    ) -> Result<(), LocalError> {
        self.writable()?;
        let parsed =
            Record::parse(&record).map_err(|fault| invalid("record", &fault.to_string()))?;
        let held = self.circles.get(&circle).ok_or(LocalError::UnknownCircle)?;
        let log = held
            .flight
            .as_ref()
            .map(|flight| &flight.next)
            .or(held.log.as_ref())
            .ok_or(LocalError::UnknownCircle)?;
        let author = parsed.payload().author;
        if parsed.payload().seq < log.next(&author).0 && !log.contains(&parsed.id()) {
            return Err(LocalError::Stale);
        }
        self.take_records(
            &circle,
            Batch {
                records: vec![record],
                from: Origin::Local { request },
            },
        );
        Ok(())
    }

    fn request_join(&mut self, circle: CircleId, record: Vec<u8>) -> Result<(), LocalError> {
        self.writable()?;
        let parsed =
            Record::parse(&record).map_err(|fault| invalid("record", &fault.to_string()))?;
        if !parsed.is_open_join() || parsed.payload().circle != Some(circle) {
            return Err(invalid(
                "join",
                "it is no join of this circle that waits to be accepted",
            ));
        }
        let held = self
            .circles
            .get_mut(&circle)
            .ok_or(LocalError::UnknownCircle)?;
        held.join_wanted = Some(record);
        for conn in self.ready_conns() {
            if let Some(matched) = self
                .conns
                .get_mut(&conn)
                .and_then(|it| it.circles.get_mut(&circle))
            {
                matched.join_sent = false;
            }
            self.send_own_join(conn, &circle);
        }
        Ok(())
    }

    fn local_card(&mut self, request: Request, card: &[u8]) -> Result<(), LocalError> {
        self.writable()?;
        let card = Card::parse(card).map_err(|fault| invalid("card", &fault.to_string()))?;
        let held = self
            .circles
            .get(&card.fields().circle)
            .ok_or(LocalError::UnknownCircle)?;
        if held.log.is_none() {
            return Err(LocalError::UnknownCircle);
        }
        self.take_card(card, None, Some(request));
        Ok(())
    }

    fn local_manifest(
        &mut self,
        request: Request,
        circle: CircleId,
        bytes: Vec<u8>,
    ) -> Result<(), LocalError> {
        self.writable()?;
        if !self.circles.contains_key(&circle) {
            return Err(LocalError::UnknownCircle);
        }
        if bytes.len() > self.config.limits.manifest_bytes_max {
            return Err(invalid("manifest", "it is too long"));
        }
        self.take_manifest(&circle, bytes, None, Some(request));
        Ok(())
    }

    fn local_open(&mut self, request: Request, key: DocKey) -> Result<(), LocalError> {
        if let Home::Circle(circle, document) =
            self.home_of(&key).ok_or(LocalError::UnknownDocument)?
        {
            let log = self.log(&circle).ok_or(LocalError::UnknownCircle)?;
            may(log.state(), &self.device, Action::Read, &document)
                .map_err(|fault| LocalError::NotAllowed(fault.code()))?;
        }
        self.open(key);
        match self.documents.get_mut(&key) {
            Some(Slot::Loading { waiting, .. }) => waiting.push(request),
            _ => self.done(request, Ok(())),
        }
        Ok(())
    }

    fn write(
        &mut self,
        request: Request,
        key: DocKey,
        changes: Vec<Vec<u8>>,
        frontiers: Vec<Vec<u8>>,
    ) -> Result<(), LocalError> {
        self.writable()?;
        let home = self.home_of(&key).ok_or(LocalError::UnknownDocument)?;
        let bytes = changes.iter().map(Vec::len).sum();
        let changes: Vec<GateChange> = changes
            .into_iter()
            .map(|bytes| {
                let fault = |fault: smallwin_gate::GateError| invalid("change", &fault.to_string());
                let header = smallwin_gate::read_change(&bytes).map_err(fault)?;
                let bytes = smallwin_gate::raw_change(&bytes)
                    .map_err(fault)?
                    .into_owned();
                Ok(GateChange { header, bytes })
            })
            .collect::<Result<_, LocalError>>()?;
        let frontiers = self.check_frontiers(&home, &frontiers)?;
        if let Home::Circle(circle, document) = &home {
            self.may_write(circle, document, &self.device)
                .map_err(LocalError::NotAllowed)?;
        }
        let Some(Slot::Open(document)) = self.documents.get_mut(&key) else {
            return Err(LocalError::NotOpen);
        };
        if document.inbox_bytes + bytes > self.config.limits.inbox_bytes_max {
            return Err(LocalError::Limit("bytes that wait for this document"));
        }
        document.used = self.calls;
        document.inbox_bytes += bytes;
        document.inbox.push_back(Incoming::Local {
            request,
            changes,
            frontiers,
            bytes,
        });
        self.pump(&key);
        Ok(())
    }

    fn check_frontiers(
        &self,
        home: &Home,
        frontiers: &[Vec<u8>],
    ) -> Result<Vec<Frontier>, LocalError> {
        let Home::Circle(circle, document) = home else {
            return Ok(Vec::new());
        };
        let id = document.id(circle);
        let fault = |fault: smallwin_circle::FrontierError| invalid("frontier", &fault.to_string());
        frontiers
            .iter()
            .map(|bytes| {
                let frontier = Frontier::decode(bytes).map_err(fault)?;
                frontier.verify(circle, &id).map_err(fault)?;
                Ok(frontier)
            })
            .collect()
    }

    fn unpair(
        &mut self,
        request: Request,
        key: smallwin_circle::DeviceKey,
    ) -> Result<(), LocalError> {
        self.writable()?;
        self.paired.remove(&key);
        let write = Write::Delete {
            table: Table::Paired,
            key: key.as_bytes().to_vec(),
        };
        self.keep(Keeping::Unpair { request }, vec![write]);
        Ok(())
    }

    /// Asks the node behind a connection to hold a circle of ours.
    fn ask_host(&mut self, conn: ConnId, circle: CircleId) -> Result<(), LocalError> {
        self.ready_conn(conn)?;
        let log = self.log(&circle).ok_or(LocalError::UnknownCircle)?;
        let records: Vec<Vec<u8>> = log
            .records()
            .map(|record| record.bytes().to_vec())
            .collect();
        // The first part suffices to begin the circle there; the log exchange brings the rest.
        let first = in_parts(records, self.config.limits.records_per_frame_max)
            .into_iter()
            .next()
            .unwrap_or_default();
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.hosting.insert(circle);
        }
        self.send(conn, Frame::Host { records: first });
        Ok(())
    }
}

fn invalid(what: &'static str, why: &str) -> LocalError {
    LocalError::Invalid {
        what,
        why: why.to_owned(),
    }
}
