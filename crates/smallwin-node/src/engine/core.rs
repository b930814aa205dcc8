//! The loop that owns the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use smallwin_circle::CircleId;
use smallwin_sync::{
    ConnId, DocKey, Effect, Engine, Event, JobId, Local, Notice, Request, Table, Ticket,
};
use tokio::sync::{broadcast, oneshot};
use tracing::{debug, error, info, warn};

use super::lanes::Lanes;
use super::{CallError, Disk, Jobs, Wake, WakeReceiver};
use crate::clock::{instant, now};
use crate::dialer::{Dialer, Purpose};
use crate::facts::Facts;
use crate::limits::PEERS_MAX;
use crate::peer_url::PeerUrl;
use crate::restored::{self, Restored};
use crate::socket::Sender;
use crate::status::Status;

/// Close code of a node that stops (RFC 6455, 7.4.1), with its reason.
const GOING_AWAY: (u16, &str) = (1001, "going-away");

/// Close code of a connection that is not needed any more, with its reason.
const NORMAL: (u16, &str) = (1000, "not-needed");

/// What the loop works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) disk: Disk,
    pub(crate) jobs: Jobs,
    pub(crate) dialer: Dialer,
    pub(crate) facts: Arc<Facts>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) writable: Arc<AtomicBool>,
    pub(crate) restored: Restored,
    /// The circles in which nothing is signed before somebody was met.
    pub(crate) waiting: BTreeSet<CircleId>,
}

/// The loop that owns the engine.
pub(crate) struct Core {
    parts: Parts,
    sockets: BTreeMap<ConnId, Sender>,
    /// Callers whose wish is not durable yet.
    callers: BTreeMap<Request, oneshot::Sender<Result<(), CallError>>>,
    next_request: u64,
    /// Who asked for the dial with an invite of a circle.
    dial_askers: BTreeMap<CircleId, ConnId>,
    /// Invites to present once their connections have proven themselves.
    presents: BTreeMap<ConnId, Vec<(CircleId, [u8; 16])>>,
    /// Whose frame is being handled, or what followed from it: its connection pays.
    payer: Option<ConnId>,
    /// Whose frames brought about what is being kept and read.
    keeps: BTreeMap<Ticket, ConnId>,
    loads: BTreeMap<DocKey, ConnId>,
    works: BTreeMap<JobId, ConnId>,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            sockets: BTreeMap::new(),
            callers: BTreeMap::new(),
            next_request: 0,
            dial_askers: BTreeMap::new(),
            presents: BTreeMap::new(),
            payer: None,
            keeps: BTreeMap::new(),
            loads: BTreeMap::new(),
            works: BTreeMap::new(),
        }
    }

    /// Runs until it is told to stop or nobody can wake it any more.
    pub(crate) fn run(mut self, wakes: WakeReceiver) {
        let mut lanes = Lanes::new(wakes, self.parts.dialer.counters().clone());
        // Who is alone in a circle waits for nobody.
        self.look_who_was_met();
        while let Some((wake, conn)) = lanes.next() {
            if matches!(wake, Wake::Stop) {
                break;
            }
            self.payer = conn.or_else(|| self.cause(&wake));
            let began = instant();
            self.wake(wake);
            if let Some(conn) = self.payer.take() {
                let engine = &self.parts.engine;
                let owes = Duration::from_millis(engine.owes_ms(conn));
                lanes.spent(conn, engine.key_of(conn), began.elapsed(), owes);
            }
        }
        self.parts.jobs.close();
    }

    /// Whose frame brought about what was kept or read.
    fn cause(&mut self, wake: &Wake) -> Option<ConnId> {
        match wake {
            Wake::Kept { ticket } | Wake::KeepFailed { ticket, .. } => self.keeps.remove(ticket),
            Wake::Loaded { document, .. } => self.loads.remove(document),
            Wake::Worked { job, .. } | Wake::WorkLost { job, .. } => self.works.remove(job),
            _ => None,
        }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Opened { opened, sender } => {
                debug!(conn = opened.conn.0, side = ?opened.side, space = ?opened.space, "a socket stands");
                self.sockets.insert(opened.conn, sender);
                self.handle(Event::Opened(opened));
            }
            Wake::Frame { conn, bytes, room } => {
                // Frames may be under way when the engine has closed a connection already.
                if self.sockets.contains_key(&conn) {
                    self.handle(Event::Frame {
                        conn,
                        bytes: bytes.into(),
                    });
                }
                drop(room);
            }
            Wake::Closed { conn } => {
                debug!(conn = conn.0, "a socket is gone");
                self.sockets.remove(&conn);
                self.presents.remove(&conn);
                self.dial_askers.retain(|_, asked_by| *asked_by != conn);
                self.handle(Event::Closed { conn });
            }
            Wake::Kept { ticket } => self.handle(Event::Kept { ticket }),
            Wake::KeepFailed { ticket, why } => {
                error!(%why, "the store takes no writes any more");
                self.handle(Event::KeepFailed { ticket, why });
            }
            Wake::Loaded { document, stored } => self.handle(Event::Loaded { document, stored }),
            Wake::Worked { job, done } => self.handle(Event::Worked { job, done }),
            Wake::WorkLost { job, why } => {
                error!(why, "work on a document was given up");
                self.handle(Event::WorkLost { job, why });
            }
            Wake::Local { local, answer } => self.local(local, answer),
            Wake::Look(look) => look(&self.parts.engine),
            Wake::Remember { key, value } => self.parts.disk.put(Table::Peer, key, value),
            Wake::Present {
                conn,
                circle,
                secret,
            } => self.present(conn, circle, secret),
            Wake::Forget { key } => self.parts.disk.delete(Table::Peer, key),
            Wake::PairingLink { answer } => {
                let link = self.pairing_link();
                let _caller_gone = answer.send(link);
            }
            Wake::Tick(permit) => {
                self.parts.jobs.watch();
                self.handle(Event::Tick);
                self.look_who_was_met();
                drop(permit);
            }
            Wake::CloseAll => {
                for socket in self.sockets.values() {
                    socket.close(GOING_AWAY.0, GOING_AWAY.1);
                }
            }
            Wake::Stop => {}
        }
    }

    fn handle(&mut self, event: Event) {
        let effects = self.parts.engine.handle(now(), event);
        self.carry_out(effects);
    }

    fn local(&mut self, local: Local, answer: Option<oneshot::Sender<Result<(), CallError>>>) {
        let request = Request(self.next_request);
        self.next_request += 1;
        match self.parts.engine.local(now(), request, local) {
            Ok(effects) => {
                if let Some(answer) = answer {
                    self.callers.insert(request, answer);
                }
                self.carry_out(effects);
            }
            Err(error) => match answer {
                Some(answer) => {
                    let _caller_gone = answer.send(Err(error.into()));
                }
                None => debug!(%error, "a wish that nobody waits for was refused"),
            },
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { conn, bytes } => {
                    if let Some(socket) = self.sockets.get(&conn) {
                        socket.send(Bytes::from_owner(bytes));
                        if socket.all_wait_too_much() {
                            self.close_slowest();
                        }
                    }
                }
                Effect::Close { conn, code, reason } => {
                    info!(conn = conn.0, code, reason, "closing a connection");
                    if let Some(socket) = self.sockets.get(&conn) {
                        socket.close(code, reason);
                    }
                }
                Effect::Keep { ticket, writes } => {
                    self.keeps.extend(self.payer.map(|conn| (ticket, conn)));
                    self.parts.disk.keep(ticket, writes);
                }
                Effect::Load { document } => {
                    self.loads.extend(self.payer.map(|conn| (document, conn)));
                    self.parts.disk.load(document);
                }
                Effect::Work { job, work } => {
                    debug!(kind = work.kind(), document = ?work.document(), bytes = work.bytes(), "work is handed out");
                    self.works.extend(self.payer.map(|conn| (job, conn)));
                    self.parts.jobs.run(job, work);
                }
                Effect::Dial {
                    url,
                    circle,
                    secret,
                    asked_by,
                } => self.dial(&url, circle, secret, asked_by),
                Effect::Answer { conn, what } => self.answer(conn, what),
                Effect::Notice(notice) => self.notice(notice),
            }
        }
    }

    /// Too many bytes wait for all sockets together: the one with most of them has to come back.
    fn close_slowest(&self) {
        let slowest = self.sockets.values().max_by_key(|socket| socket.waiting());
        if let Some(socket) = slowest {
            socket.overflow();
        }
    }

    fn dial(&mut self, url: &str, circle: CircleId, secret: Option<[u8; 16]>, asked_by: ConnId) {
        let invite = secret.map(|secret| (circle, secret));
        if invite.is_some() {
            self.dial_askers.insert(circle, asked_by);
        }
        let purpose = Purpose {
            invite,
            remember: true,
            asked_by: Some(asked_by),
        };
        let dialled = match url.parse::<PeerUrl>() {
            Ok(url) if self.parts.facts.is_own(&url) => Ok(()),
            Ok(url) => self.parts.dialer.dial(url, purpose).map_err(|_| "busy"),
            Err(_) => Err("dial-failed"),
        };
        if let Err(code) = dialled {
            warn!(
                conn = asked_by.0,
                code, "a peer asked for a dial that cannot be made"
            );
            let about = Some(url.to_owned());
            self.local(
                Local::Notify {
                    conn: asked_by,
                    code: code.into(),
                    about,
                },
                None,
            );
        }
    }

    /// Answers a paired key about this node.
    fn answer(&mut self, conn: ConnId, what: String) {
        let json = match what.as_str() {
            "status" => serde_json::to_value(self.status()),
            "addresses" => serde_json::to_value(self.parts.facts.addresses(&self.parts.dialer)),
            // A browser asks this to learn whether the connection still carries anything.
            "alive" => Ok(serde_json::json!({ "alive": true })),
            "pairing-link" => match self.pairing_link() {
                Ok(link) => Ok(serde_json::json!({ "link": link })),
                Err(error) => Ok(serde_json::json!({ "error": error.to_string() })),
            },
            _ => Ok(serde_json::json!({ "error": "this node does not know that question" })),
        };
        let json = json.unwrap_or_default().to_string();
        self.local(Local::Tell { conn, what, json }, None);
    }

    fn status(&self) -> Status {
        Status {
            lost_work: self.parts.jobs.lost_threads(),
            ..Status::new(
                &self.parts.engine,
                &self.parts.facts,
                &self.parts.dialer,
                &self.parts.waiting,
            )
        }
    }

    /// Lets circles go that waited for another device and met one.
    fn look_who_was_met(&mut self) {
        let Parts {
            engine, waiting, ..
        } = &mut self.parts;
        let before = waiting.len();
        waiting.retain(|circle| !restored::has_met(engine, circle));
        if waiting.len() < before {
            info!(left = waiting.len(), "met others after the restore");
            if let Err(error) = self.parts.restored.write(&self.parts.waiting) {
                // Then they wait once more after the next start, which does no harm.
                warn!(%error, "the list of what waits could not be written");
            }
        }
    }

    /// A new pairing link; an earlier one is void from now on. None while a circle waits: a device that is
    /// paired gets a signed link in each of them.
    fn pairing_link(&mut self) -> Result<String, CallError> {
        if !self.parts.waiting.is_empty() {
            return Err(CallError::Restored);
        }
        let secret = crate::chance::bytes::<16>();
        let pair = self.parts.facts.pairing(&secret, now());
        let request = Request(self.next_request);
        self.next_request += 1;
        let effects = self.parts.engine.local(now(), request, pair)?;
        self.carry_out(effects);
        Ok(self.parts.facts.pairing_link(&secret))
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Done { request, result } => {
                if let Some(caller) = self.callers.remove(&request) {
                    let _caller_gone = caller.send(result.map_err(CallError::from));
                }
            }
            notice => {
                log(&notice);
                match &notice {
                    Notice::ReadOnly { .. } => self.parts.writable.store(false, Ordering::Release),
                    Notice::JoinAccepted(circle) | Notice::CircleChanged(circle) => {
                        self.joined(circle)
                    }
                    Notice::PeerReady(conn) => self.present_waiting(*conn),
                    Notice::JoinRefused { circle, code } => self.join_refused(*circle, code),
                    _ => {}
                }
                let _nobody_listens = self.parts.notices.send(notice);
            }
        }
    }
}

impl Core {
    /// Our own device may have become a member: then the invite did its work.
    fn joined(&self, circle: &CircleId) {
        let state = self
            .parts
            .engine
            .log(circle)
            .map(smallwin_circle::Log::state);
        if state.is_some_and(|state| state.role_of_device(&self.parts.facts.device_key).is_some()) {
            self.parts.dialer.joined(circle);
        }
    }

    /// Presents an invite, now or when the connection has proven itself.
    fn present(&mut self, conn: ConnId, circle: CircleId, secret: [u8; 16]) {
        let is_ready = self
            .parts
            .engine
            .connections()
            .iter()
            .any(|view| view.conn == conn && view.ready);
        if is_ready {
            self.local(
                Local::Present {
                    conn,
                    circle,
                    secret,
                },
                None,
            );
        } else if self.presents.len() < PEERS_MAX {
            // Its opening may still be in the queue behind this wish.
            self.presents
                .entry(conn)
                .or_default()
                .push((circle, secret));
        }
    }

    fn present_waiting(&mut self, conn: ConnId) {
        for (circle, secret) in self.presents.remove(&conn).unwrap_or_default() {
            self.local(
                Local::Present {
                    conn,
                    circle,
                    secret,
                },
                None,
            );
        }
    }

    /// An invite that we presented is worth nothing: whoever asked for it hears so. Other refusals
    /// may pass.
    fn join_refused(&mut self, circle: CircleId, code: &str) {
        if !matches!(code, "invite-used" | "invite-expired" | "invite-unknown") {
            return;
        }
        for conn in self.parts.dialer.refused(&circle) {
            if let Some(socket) = self.sockets.get(&conn) {
                socket.close(NORMAL.0, NORMAL.1);
            }
        }
        if let Some(conn) = self.dial_askers.remove(&circle) {
            let about = Some(circle.to_string());
            self.local(
                Local::Notify {
                    conn,
                    code: code.to_owned(),
                    about,
                },
                None,
            );
        }
    }
}

/// Logs what an operator may want to know: ids and codes, nothing else.
fn log(notice: &Notice) {
    match notice {
        Notice::Refused {
            document,
            hashes,
            reason,
        } => {
            warn!(
                ?document,
                changes = hashes.len(),
                reason,
                "changes were kept aside"
            );
        }
        Notice::Equivocation { document, .. } => {
            warn!(
                ?document,
                "an author made two changes with one number; the later one is kept as proof"
            );
        }
        Notice::DocumentIsolated { document, why } => {
            error!(
                ?document,
                why, "work on a document failed; others go on, run doctor"
            );
        }
        Notice::OpenFailed { document, why } => {
            error!(?document, why, "a document could not be read")
        }
        Notice::Paired(key) => info!(%key, "a device was paired"),
        Notice::PeerReady(conn) => info!(conn = conn.0, "a peer proved its key"),
        Notice::JoinCountersigned { circle, .. } => info!(%circle, "a join was accepted"),
        Notice::NoticeFrom { conn, code, .. } => info!(conn = conn.0, code, "a peer says"),
        Notice::ReadOnly { why } => error!(why, "nothing is taken in any more"),
        _ => {}
    }
}
