//! The exchange of logs (`smallwin/log`).

use std::collections::BTreeSet;

use smallwin_circle::{CircleId, DeviceKey, Inserted, Log, Record, RecordId, circle_tag};

use super::Engine;
use super::circle::{Batch, LogFlight, Origin, record_key};
use super::keep::Keeping;
use super::send::code;
use crate::wire::{Frame, LogFrame};
use crate::{ConnId, Notice, Table, Write, WriteRefused};

/// Bytes of records in one frame; a frame stays well below what the gate allows.
const RECORD_BYTES_PER_FRAME: usize = 1 << 20;

impl Engine {
    /// Begins the exchange with a peer that just matched: our heads, or the wish for everything.
    pub(super) fn greet_log(&mut self, conn: ConnId, circle: &CircleId) {
        if !self.may_have_log(conn, circle) {
            return;
        }
        let is_told = self
            .conns
            .get(&conn)
            .and_then(|it| it.circles.get(circle))
            .is_some_and(|it| it.told.is_some());
        if is_told {
            return;
        }
        let has_log = self
            .circles
            .get(circle)
            .is_some_and(|circle| circle.log.is_some());
        let ids = if has_log { None } else { Some(Vec::new()) };
        self.send_log(conn, circle, Vec::new(), ids);
    }

    pub(super) fn log_frame(&mut self, conn: ConnId, frame: LogFrame) {
        let limits = &self.config.limits;
        let is_too_much = frame.records.len() > limits.records_per_frame_max
            || frame.heads.len() > limits.heads_max
            || frame
                .ids
                .as_ref()
                .is_some_and(|ids| ids.len() > limits.ids_per_frame_max);
        if is_too_much {
            self.close(conn, code::POLICY, "log-too-big");
            return;
        }
        let circle = self
            .conns
            .get(&conn)
            .and_then(|connection| connection.circle_by_tag(&frame.circle));
        // Records prove themselves, whoever carries them; what we answer depends on who asks.
        let Some(circle) = circle else { return };
        let heads = frame.heads.into_iter().map(RecordId::from_bytes).collect();
        let ids = frame
            .ids
            .map(|ids| ids.into_iter().map(RecordId::from_bytes).collect());
        let batch = Batch {
            records: frame.records,
            from: Origin::Peer { conn, heads, ids },
        };
        self.take_records(&circle, batch);
    }

    /// Queues records; they are taken in at once unless others are being kept.
    pub(super) fn take_records(&mut self, circle: &CircleId, mut batch: Batch) {
        if let Some(why) = &self.read_only {
            // Nothing can be kept, so nothing is taken in; what we have is still told.
            if let Origin::Local { request } = batch.from {
                let why = why.clone();
                self.done(request, Err(WriteRefused::NotKept(why)));
                return;
            }
            batch.records.clear();
        }
        let bytes: usize = batch.records.iter().map(Vec::len).sum();
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        if held.waiting_bytes + bytes > self.config.limits.records_waiting_bytes_max {
            match batch.from {
                Origin::Peer { conn, .. }
                | Origin::Host { conn }
                | Origin::Countersigned { conn, .. } => {
                    self.close(conn, code::LATER, "records-waiting");
                }
                Origin::Local { request } => {
                    self.done(
                        request,
                        Err(WriteRefused::NotKept("too many records wait".to_owned())),
                    );
                }
                Origin::Own => {}
            }
            return;
        }
        held.waiting_bytes += bytes;
        held.waiting.push_back(batch);
        self.pump_log(circle);
    }

    /// Takes in all records that wait, and keeps what is new before anybody hears of it (K1).
    pub(super) fn pump_log(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        if held.flight.is_some() || held.waiting.is_empty() {
            return;
        }
        held.waiting_bytes = 0;
        let batches = std::mem::take(&mut held.waiting);
        let mut next = held.log.clone();
        let mut new = Vec::new();
        let mut origins = Vec::new();
        let records_max = self.config.limits.records_per_circle_max;
        for batch in batches {
            let mut outcome = Ok(());
            let own = self.is_own(&batch.from).then_some(self.device);
            for bytes in &batch.records {
                let is_full = next.as_ref().is_some_and(|log| log.len() >= records_max);
                let taken = if is_full {
                    Err("the log is full".to_owned())
                } else {
                    take(circle, &mut next, bytes, own.as_ref())
                };
                match taken {
                    Ok(ids) => new.extend(ids),
                    Err(why) => outcome = Err(why),
                }
            }
            origins.push((batch.from, outcome));
        }
        let Some(next) = next else {
            for (origin, outcome) in origins {
                self.answer_origin(circle, origin, outcome);
            }
            return;
        };
        let writes: Vec<Write> = new
            .iter()
            .filter_map(|id| next.get(id))
            .map(|record| row(circle, record))
            .collect();
        let flight = LogFlight { next, origins };
        if writes.is_empty() {
            self.land_log(circle, flight, false);
        } else {
            if let Some(held) = self.circles.get_mut(circle) {
                held.flight = Some(flight);
            }
            self.keep(Keeping::Log(*circle), writes);
        }
    }

    /// Whether records come from this device key itself: from here, or from a command line beside us.
    fn is_own(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Local { .. } | Origin::Own => true,
            Origin::Peer { conn, .. } | Origin::Host { conn } => self
                .conns
                .get(conn)
                .is_some_and(|connection| connection.key == Some(self.device)),
            Origin::Countersigned { .. } => false,
        }
    }

    /// The records of a flight are durable: they count from here on.
    pub(super) fn land_log(&mut self, circle: &CircleId, flight: LogFlight, is_new: bool) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        held.flight = None;
        // Also without new records, since the log remembers those that wait for others.
        held.log = Some(flight.next);
        if is_new {
            self.log_changed(circle, &flight.origins);
        }
        for (origin, outcome) in flight.origins {
            self.answer_origin(circle, origin, outcome);
        }
        self.pump_log(circle);
    }

    fn log_changed(&mut self, circle: &CircleId, origins: &[(Origin, Result<(), String>)]) {
        self.index_documents(circle);
        // What a sender said of its heads holds before we tell everybody what is new.
        for (origin, _) in origins {
            if let Origin::Peer { conn, heads, .. } = origin {
                self.note_their_heads(*conn, circle, heads);
            }
        }
        self.notice(Notice::CircleChanged(*circle));
        self.own_join_landed(circle);
        self.judge_waiting_joins(circle);
        self.judge_waiting_cards(circle);
        for conn in self.log_conns(circle) {
            self.tell_log(conn, circle);
        }
        self.want_manifests(circle);
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.circle_access_changed(conn, circle);
        }
        self.reconsider_documents(circle);
    }

    fn answer_origin(&mut self, circle: &CircleId, origin: Origin, outcome: Result<(), String>) {
        match origin {
            Origin::Peer { conn, heads, ids } => self.answer_log(conn, circle, heads, ids),
            Origin::Host { conn } => {
                if outcome.is_err() {
                    self.send_notice(conn, "host-refused", Some(circle.to_string()));
                }
                self.present_circles_to_all();
            }
            Origin::Local { request } => {
                let reason = |reason: String| WriteRefused::Refused {
                    reason,
                    hashes: Vec::new(),
                };
                self.done(request, outcome.map_err(reason));
            }
            Origin::Countersigned { conn, record } => match outcome {
                Ok(()) => self.notice(Notice::JoinCountersigned {
                    circle: *circle,
                    record,
                }),
                Err(_) => self.send_notice(conn, "join-refused", Some(circle.to_string())),
            },
            Origin::Own => {}
        }
    }

    fn note_their_heads(&mut self, conn: ConnId, circle: &CircleId, heads: &[RecordId]) {
        if let Some(matched) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.circles.get_mut(circle))
        {
            matched.theirs = Some(heads.to_vec());
        }
    }

    /// Answers what a peer said of its log.
    fn answer_log(
        &mut self,
        conn: ConnId,
        circle: &CircleId,
        heads: Vec<RecordId>,
        ids: Option<Vec<RecordId>>,
    ) {
        self.note_their_heads(conn, circle, &heads);
        if !self.may_have_log(conn, circle) {
            self.ask_for_everything(conn, circle, heads);
            return;
        }
        let Some(matched) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.circles.get_mut(circle))
        else {
            return;
        };
        let Some(log) = self
            .circles
            .get(circle)
            .and_then(|circle| circle.log.as_ref())
        else {
            self.ask_for_everything(conn, circle, heads);
            return;
        };
        let is_equal = log.heads() == heads;
        let is_unknown = !log.knows_all(&heads);
        // Unknown heads: say once what we have, so that the peer can send what is not among it.
        let asks = is_unknown && matched.asked_for.as_ref() != Some(&heads);
        if asks {
            matched.asked_for = Some(heads.clone());
        }
        let records: Vec<Vec<u8>> = match &ids {
            Some(ids) => {
                let ids: BTreeSet<RecordId> = ids.iter().copied().collect();
                log.not_in(&ids)
                    .into_iter()
                    .map(|record| record.bytes().to_vec())
                    .collect()
            }
            None if is_equal || is_unknown => Vec::new(),
            None => lacking(log, &heads, matched.told.as_deref()),
        };
        let ids = asks.then(|| {
            log.ids()
                .take(self.config.limits.ids_per_frame_max)
                .collect()
        });
        if ids.is_some() || !records.is_empty() {
            self.send_log(conn, circle, records, ids);
        } else {
            self.tell_log(conn, circle);
        }
    }

    /// Asks a peer with unknown heads for its whole log, once for the same heads, and tells nothing
    /// of ours: perhaps it entered the circle after what we know of it.
    fn ask_for_everything(&mut self, conn: ConnId, circle: &CircleId, heads: Vec<RecordId>) {
        let log = self.circles.get(circle).and_then(|held| held.log.as_ref());
        if heads.is_empty() || log.is_some_and(|log| log.knows_all(&heads)) {
            return;
        }
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let tag = circle_tag(&connection.transcript, circle);
        let Some(matched) = connection.circles.get_mut(circle) else {
            return;
        };
        if matched.asked_for.as_ref() != Some(&heads) {
            matched.asked_for = Some(heads);
            let frame = LogFrame {
                circle: tag,
                heads: Vec::new(),
                records: Vec::new(),
                ids: Some(Vec::new()),
            };
            self.send(conn, Frame::Log(frame));
        }
    }

    /// Tells a peer what is new since it was last told; nothing when that is nothing.
    fn tell_log(&mut self, conn: ConnId, circle: &CircleId) {
        let Some(log) = self
            .circles
            .get(circle)
            .and_then(|circle| circle.log.as_ref())
        else {
            return;
        };
        let Some(matched) = self.conns.get(&conn).and_then(|it| it.circles.get(circle)) else {
            return;
        };
        if matched.told.as_ref() == Some(&log.heads()) {
            return;
        }
        let records = match &matched.theirs {
            Some(theirs) => lacking(log, theirs, matched.told.as_deref()),
            None => Vec::new(),
        };
        self.send_log(conn, circle, records, None);
    }

    fn send_log(
        &mut self,
        conn: ConnId,
        circle: &CircleId,
        records: Vec<Vec<u8>>,
        ids: Option<Vec<RecordId>>,
    ) {
        let heads = self.log_heads(circle);
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let tag = circle_tag(&connection.transcript, circle);
        let Some(matched) = connection.circles.get_mut(circle) else {
            return;
        };
        matched.told = Some(heads.clone());
        let heads: Vec<[u8; 32]> = heads.iter().map(|id| *id.as_bytes()).collect();
        let mut ids: Option<Vec<[u8; 32]>> =
            ids.map(|ids| ids.iter().map(|id| *id.as_bytes()).collect());
        let mut parts = in_parts(records, self.config.limits.records_per_frame_max);
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        for records in parts {
            let frame = LogFrame {
                circle: tag,
                heads: heads.clone(),
                records,
                ids: ids.take(),
            };
            self.send(conn, Frame::Log(frame));
        }
    }
}

/// What somebody lacks who has `theirs` and everything that was told before.
fn lacking(log: &Log, theirs: &[RecordId], told: Option<&[RecordId]>) -> Vec<Vec<u8>> {
    let known: Vec<RecordId> = theirs
        .iter()
        .chain(told.unwrap_or_default())
        .copied()
        .collect();
    log.missing_for(&known)
        .into_iter()
        .map(|record| record.bytes().to_vec())
        .collect()
}

/// Adds one record to a log, or begins it; returns what became effective. Two records of the key
/// `own` under one number are not let in: they would freeze our own device for everybody.
fn take(
    circle: &CircleId,
    log: &mut Option<Log>,
    bytes: &[u8],
    own: Option<&DeviceKey>,
) -> Result<Vec<RecordId>, String> {
    let record = Record::parse(bytes).map_err(|fault| fault.to_string())?;
    let is_rival = |log: &Log| {
        let payload = record.payload();
        own == Some(&payload.author)
            && payload.seq < log.next(&payload.author).0
            && !log.contains(&record.id())
    };
    if log.as_ref().is_some_and(is_rival) {
        return Err("this device made another record under the same number".to_owned());
    }
    let Some(log) = log else {
        if CircleId::of(record.id()) != *circle {
            return Err("the log does not begin with the genesis of this circle".to_owned());
        }
        let id = record.id();
        *log = Some(Log::new(record).map_err(|fault| fault.to_string())?);
        return Ok(vec![id]);
    };
    match log.insert(record).map_err(|fault| fault.to_string())? {
        Inserted::New(ids) => Ok(ids),
        Inserted::Known | Inserted::Pending => Ok(Vec::new()),
    }
}

fn row(circle: &CircleId, record: &Record) -> Write {
    Write::Row {
        table: Table::Record,
        key: record_key(circle, &record.id()),
        value: record.bytes().to_vec(),
    }
}

/// Cuts records into frames by number and bytes.
pub(super) fn in_parts(records: Vec<Vec<u8>>, records_max: usize) -> Vec<Vec<Vec<u8>>> {
    let mut parts: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        bytes += record.len();
        match parts.last_mut() {
            Some(part) if part.len() < records_max && bytes <= RECORD_BYTES_PER_FRAME => {
                part.push(record)
            }
            _ => {
                bytes = record.len();
                parts.push(vec![record]);
            }
        }
    }
    parts
}
