//! Engines in memory: perfect links, storage that keeps at once unless told otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test may panic, and each test file uses its own part of this"
)]

pub mod client;
mod disk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use automerge::{ActorId, AutoCommit, Automerge, ReadDoc as _};
use smallwin_circle::{
    Body, CircleId, DeviceKey, DocumentRef, Frontier, InviteLink, Kind, Nonce, Payload, PersonId,
    Record, RecordId, Role, SealingKey, SigningKey, Timestamp, join_message,
};
use smallwin_sync::{
    Boot, Config, ConnId, DocKey, Effect, Engine, Event, JobId, Local, LocalError, Millis, Notice,
    Opened, Request, Side, Space, Ticket, Work, Write, WriteRefused, limits::Limits,
};

pub use disk::Disk;

pub const NODE: &str = "node.example:7171";

/// One engine with its keys and its disk.
pub struct Peer {
    pub name: &'static str,
    pub engine: Engine,
    pub node: SigningKey,
    pub device: SigningKey,
    pub disk: Disk,
    pub notices: Vec<Notice>,
    pub answers: Vec<(ConnId, String)>,
    pub dials: Vec<(String, CircleId)>,
    pub closed: Vec<(ConnId, u16, &'static str)>,
    /// While set, nothing becomes durable.
    pub holds_keeps: bool,
    held: Vec<(Ticket, Vec<Write>)>,
    /// While set, work that is handed out never ends.
    pub loses_work: bool,
    /// While set, work waits until it is set free.
    pub holds_work: bool,
    pub held_work: Vec<(JobId, Work)>,
    limits: Limits,
    actors: u8,
}

impl Peer {
    pub fn key(&self) -> DeviceKey {
        self.device.public()
    }

    pub fn person(&self) -> PersonId {
        PersonId::of(&self.key())
    }

    pub fn document(&self, key: &DocKey) -> Automerge {
        self.engine
            .document(key)
            .unwrap_or_else(|| panic!("{}: {key:?} is not open", self.name))
            .clone()
    }

    pub fn heads(&self, key: &DocKey) -> Vec<automerge::ChangeHash> {
        self.document(key).get_heads()
    }

    pub fn text(&self, key: &DocKey, name: &str) -> String {
        let document = self.document(key);
        let (_, text) = document.get(automerge::ROOT, name).unwrap().unwrap();
        document.text(&text).unwrap().replace('\u{fffc}', "")
    }
}

/// Several engines and the links between them.
pub struct Net {
    pub peers: Vec<Peer>,
    pub now: Millis,
    pub frames: u64,
    /// Every frame that was delivered, for tests that look at the wire: from, to, bytes.
    pub log: Vec<(usize, usize, Vec<u8>)>,
    links: BTreeMap<(usize, ConnId), (usize, ConnId)>,
    /// Connections whose frames come to the test itself.
    pub wires: BTreeMap<(usize, ConnId), VecDeque<Vec<u8>>>,
    dead: BTreeSet<(usize, ConnId)>,
    queue: VecDeque<(usize, Event)>,
    next: u64,
}

impl Net {
    pub fn new() -> Net {
        Net {
            peers: Vec::new(),
            now: Millis(1_790_000_000_000),
            frames: 0,
            log: Vec::new(),
            links: BTreeMap::new(),
            wires: BTreeMap::new(),
            dead: BTreeSet::new(),
            queue: VecDeque::new(),
            next: 1,
        }
    }

    /// A node: its node key is not its device key.
    pub fn node(&mut self, name: &'static str, seed: u8) -> usize {
        self.peer(
            name,
            SigningKey::from_seed([seed; 32]),
            SigningKey::from_seed([seed + 100; 32]),
            Limits::default(),
        )
    }

    /// A browser or command line: its device key names it on the wire.
    pub fn browser(&mut self, name: &'static str, seed: u8) -> usize {
        let device = SigningKey::from_seed([seed; 32]);
        self.peer(name, device.clone(), device, Limits::default())
    }

    pub fn peer(
        &mut self,
        name: &'static str,
        node: SigningKey,
        device: SigningKey,
        limits: Limits,
    ) -> usize {
        let engine = engine(&node, &device, &limits, Boot::default());
        self.peers.push(Peer {
            name,
            engine,
            node,
            device,
            disk: Disk::default(),
            notices: Vec::new(),
            answers: Vec::new(),
            dials: Vec::new(),
            closed: Vec::new(),
            holds_keeps: false,
            held: Vec::new(),
            loses_work: false,
            holds_work: false,
            held_work: Vec::new(),
            limits,
            actors: 0,
        });
        self.peers.len() - 1
    }

    /// Stops an engine and starts it again from its disk.
    pub fn restart(&mut self, at: usize) {
        let conns: Vec<ConnId> = self
            .links
            .keys()
            .filter(|(peer, _)| *peer == at)
            .map(|(_, conn)| *conn)
            .collect();
        for conn in conns {
            self.cut(at, conn);
        }
        self.queue.retain(|(peer, _)| *peer != at);
        let peer = &mut self.peers[at];
        peer.held.clear();
        peer.held_work.clear();
        peer.engine = engine(&peer.node, &peer.device, &peer.limits, peer.disk.boot());
        self.run();
    }

    pub fn connect(&mut self, dialer: usize, listener: usize) -> (ConnId, ConnId) {
        let conns = self.open(dialer, listener, &[], None, NODE);
        self.run();
        conns
    }

    pub fn open(
        &mut self,
        dialer: usize,
        listener: usize,
        invites: &[(CircleId, [u8; 16])],
        expect: Option<DeviceKey>,
        channel: &str,
    ) -> (ConnId, ConnId) {
        let (a, b) = (self.conn(), self.conn());
        self.links.insert((dialer, a), (listener, b));
        self.links.insert((listener, b), (dialer, a));
        let opened = |conn: ConnId, side| Opened {
            conn,
            side,
            space: Space::Circles,
            channel: channel.to_owned(),
            nonce: [conn.0 as u8; 32],
            peer_nonce: conn.0.to_be_bytes(),
            expect: None,
            invites: Vec::new(),
        };
        self.queue
            .push_back((listener, Event::Opened(Box::new(opened(b, Side::Listener)))));
        let dial = Opened {
            expect,
            invites: invites.to_vec(),
            ..opened(a, Side::Dialer)
        };
        self.queue
            .push_back((dialer, Event::Opened(Box::new(dial))));
        (a, b)
    }

    /// A connection to an engine whose other end is the test.
    pub fn wire(&mut self, at: usize, side: Side, space: Space) -> ConnId {
        let conn = self.conn();
        self.wires.insert((at, conn), VecDeque::new());
        let opened = Opened {
            conn,
            side,
            space,
            channel: NODE.to_owned(),
            nonce: [9; 32],
            peer_nonce: conn.0.to_be_bytes(),
            expect: None,
            invites: Vec::new(),
        };
        self.queue.push_back((at, Event::Opened(Box::new(opened))));
        self.run();
        conn
    }

    pub fn send(&mut self, at: usize, conn: ConnId, bytes: Vec<u8>) {
        self.queue.push_back((at, Event::Frame { conn, bytes }));
        self.run();
    }

    pub fn received(&mut self, at: usize, conn: ConnId) -> Vec<Vec<u8>> {
        self.wires
            .get_mut(&(at, conn))
            .map(|frames| frames.drain(..).collect())
            .unwrap_or_default()
    }

    /// The test's end of a connection goes away.
    pub fn close_wire(&mut self, at: usize, conn: ConnId) {
        self.wires.remove(&(at, conn));
        self.queue.push_back((at, Event::Closed { conn }));
        self.run();
    }

    pub fn cut(&mut self, at: usize, conn: ConnId) {
        if let Some(other) = self.links.remove(&(at, conn)) {
            self.links.remove(&other);
            self.queue
                .push_back((other.0, Event::Closed { conn: other.1 }));
            self.queue.push_back((at, Event::Closed { conn }));
        }
        self.run();
    }

    fn conn(&mut self) -> ConnId {
        self.next += 1;
        ConnId(self.next)
    }

    /// Delivers until nothing moves; fails when that takes suspiciously long.
    pub fn run(&mut self) {
        let mut steps = 0;
        while let Some((at, event)) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 20_000, "the engines never come to rest");
            if let Event::Frame { conn, .. } | Event::Closed { conn } = &event {
                let is_known =
                    self.links.contains_key(&(at, *conn)) || self.wires.contains_key(&(at, *conn));
                if matches!(event, Event::Frame { .. }) && !is_known {
                    continue;
                }
            }
            let effects = self.peers[at].engine.handle(self.now, event);
            self.effects(at, effects);
        }
    }

    pub fn tick(&mut self, ms: u64) {
        self.now = Millis(self.now.0 + ms);
        for at in 0..self.peers.len() {
            self.queue.push_back((at, Event::Tick));
        }
        self.run();
    }

    pub fn local(&mut self, at: usize, local: Local) -> Result<(), Failure> {
        self.next += 1;
        let request = Request(self.next);
        let effects = self.peers[at]
            .engine
            .local(self.now, request, local)
            .map_err(Failure::AtOnce)?;
        self.effects(at, effects);
        self.run();
        let mut outcomes = self.peers[at]
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Done {
                    request: done,
                    result,
                } if *done == request => Some(result.clone()),
                _ => None,
            });
        let outcome = outcomes.next();
        assert!(outcomes.next().is_none(), "a request is done once");
        outcome.ok_or(Failure::NotDone)?.map_err(Failure::Later)
    }

    fn effects(&mut self, at: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { conn, bytes } => {
                    self.frames += 1;
                    if let Some((to, other)) = self.links.get(&(at, conn)).copied() {
                        self.log.push((at, to, bytes.to_vec()));
                        self.queue.push_back((
                            to,
                            Event::Frame {
                                conn: other,
                                bytes: bytes.to_vec(),
                            },
                        ));
                    } else if let Some(wire) = self.wires.get_mut(&(at, conn)) {
                        wire.push_back(bytes.to_vec());
                    }
                }
                Effect::Close { conn, code, reason } => {
                    self.peers[at].closed.push((conn, code, reason));
                    self.dead.insert((at, conn));
                    if let Some(other) = self.links.remove(&(at, conn)) {
                        self.links.remove(&other);
                        self.queue
                            .push_back((other.0, Event::Closed { conn: other.1 }));
                    }
                }
                Effect::Keep { ticket, writes } => {
                    if self.peers[at].holds_keeps {
                        self.peers[at].held.push((ticket, writes));
                    } else {
                        writes
                            .into_iter()
                            .for_each(|write| self.peers[at].disk.write(write));
                        self.queue.push_back((at, Event::Kept { ticket }));
                    }
                }
                Effect::Load { document } => {
                    let stored = Ok(self.peers[at].disk.load(&document));
                    self.queue
                        .push_back((at, Event::Loaded { document, stored }));
                }
                Effect::Work { job, work } if self.peers[at].holds_work => {
                    self.peers[at].held_work.push((job, work));
                }
                Effect::Work { job, .. } if self.peers[at].loses_work => {
                    let why = "it took too long".to_owned();
                    self.queue.push_back((at, Event::WorkLost { job, why }));
                }
                Effect::Work { job, work } => {
                    let done = work.run();
                    self.queue.push_back((at, Event::Worked { job, done }));
                }
                Effect::Dial { url, circle, .. } => self.peers[at].dials.push((url, circle)),
                Effect::Answer { conn, what } => self.peers[at].answers.push((conn, what)),
                Effect::Notice(notice) => self.peers[at].notices.push(notice),
            }
        }
    }

    /// Lets everything that was held become durable.
    pub fn release(&mut self, at: usize) {
        self.peers[at].holds_keeps = false;
        for (ticket, writes) in std::mem::take(&mut self.peers[at].held) {
            writes
                .into_iter()
                .for_each(|write| self.peers[at].disk.write(write));
            self.queue.push_back((at, Event::Kept { ticket }));
        }
        self.run();
    }

    /// Lets the work that was held be done.
    pub fn release_work(&mut self, at: usize) {
        self.peers[at].holds_work = false;
        for (job, work) in std::mem::take(&mut self.peers[at].held_work) {
            let done = work.run();
            self.queue.push_back((at, Event::Worked { job, done }));
        }
        self.run();
    }

    /// Lets everything that was held fail.
    pub fn fail(&mut self, at: usize) {
        self.peers[at].holds_keeps = false;
        for (ticket, _) in std::mem::take(&mut self.peers[at].held) {
            self.queue.push_back((
                at,
                Event::KeepFailed {
                    ticket,
                    why: "disk full".to_owned(),
                },
            ));
        }
        self.run();
    }

    pub fn codes(&self, at: usize) -> Vec<String> {
        let codes = self.peers[at]
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::NoticeFrom { code, .. } => Some(code.clone()),
                _ => None,
            });
        codes.collect()
    }

    // Circles.

    /// A new circle, made and held by this peer.
    pub fn circle(&mut self, at: usize) -> CircleId {
        let peer = &self.peers[at];
        let body = Body::Genesis {
            nonce: Nonce::from_bytes([at as u8; 16]),
            sealing: sealing(&peer.device),
        };
        let payload = Payload {
            author: peer.key(),
            body,
            circle: None,
            claimed: Timestamp::from_unix_ms(self.now.0),
            deps: Vec::new(),
            prev: None,
            seq: 0,
        };
        let record = Record::sign(&payload, &peer.device).unwrap();
        let circle = CircleId::of(record.id());
        self.local(
            at,
            Local::HostCircle {
                records: vec![record.bytes().to_vec()],
            },
        )
        .unwrap();
        circle
    }

    pub fn sign(&self, at: usize, circle: &CircleId, body: Body) -> Record {
        let peer = &self.peers[at];
        let (seq, prev, deps) = peer.engine.next_record(circle).unwrap();
        let payload = Payload {
            author: peer.key(),
            body,
            circle: Some(*circle),
            claimed: Timestamp::from_unix_ms(self.now.0),
            deps,
            prev,
            seq,
        };
        Record::sign(&payload, &peer.device).unwrap()
    }

    pub fn append(&mut self, at: usize, circle: &CircleId, body: Body) -> RecordId {
        let record = self.sign(at, circle, body);
        let id = record.id();
        self.local(
            at,
            Local::Append {
                circle: *circle,
                record: record.bytes().to_vec(),
            },
        )
        .unwrap();
        id
    }

    pub fn invite(
        &mut self,
        at: usize,
        circle: &CircleId,
        role: Role,
        secret: [u8; 16],
    ) -> RecordId {
        let expires = Timestamp::from_unix_ms(self.now.0 + 3_600_000);
        let invite = invite_key(circle, secret).public();
        self.append(
            at,
            circle,
            Body::Invite {
                invite,
                role,
                expires,
            },
        )
    }

    pub fn sign_join(&self, at: usize, circle: &CircleId, secret: [u8; 16]) -> Record {
        let peer = &self.peers[at];
        let key = invite_key(circle, secret);
        let log = peer
            .engine
            .log(circle)
            .expect("the log came with the invite");
        let invite = log
            .state()
            .invite_by_key(&key.public())
            .expect("the invite is in the log")
            .record;
        let sealing = sealing(&peer.device);
        let proof = key.sign(&join_message(circle, &peer.key(), &sealing));
        self.sign(
            at,
            circle,
            Body::Join {
                invite,
                proof,
                sealing,
            },
        )
    }

    /// Lets a peer join over a new connection to a member.
    pub fn join(
        &mut self,
        at: usize,
        member: usize,
        circle: &CircleId,
        role: Role,
    ) -> (ConnId, ConnId) {
        let secret = [at as u8 + 1; 16];
        let inviter = self.peers.iter().position(|peer| {
            peer.engine.log(circle).is_some_and(|log| {
                log.state().role_of_device(&peer.key()) == Some(Role::Facilitator)
            })
        });
        self.invite(inviter.unwrap(), circle, role, secret);
        let conns = self.open(at, member, &[(*circle, secret)], None, NODE);
        self.run();
        let record = self.sign_join(at, circle, secret);
        self.local(
            at,
            Local::RequestJoin {
                circle: *circle,
                record: record.bytes().to_vec(),
            },
        )
        .unwrap();
        assert!(
            self.peers[at]
                .notices
                .contains(&Notice::JoinAccepted(*circle)),
            "{:?}",
            self.peers[at].notices
        );
        conns
    }

    pub fn role(&self, at: usize, circle: &CircleId, of: usize) -> Option<Role> {
        self.peers[at]
            .engine
            .log(circle)?
            .state()
            .role_of_device(&self.peers[of].key())
    }

    // Documents.

    /// Types text at the end of a document's text, as a person does on this peer.
    pub fn type_text(
        &mut self,
        at: usize,
        circle: &CircleId,
        document: &DocumentRef,
        name: &str,
        text: &str,
    ) {
        self.try_type(at, circle, document, name, text).unwrap();
    }

    pub fn try_type(
        &mut self,
        at: usize,
        circle: &CircleId,
        document: &DocumentRef,
        name: &str,
        text: &str,
    ) -> Result<(), Failure> {
        let key = DocKey::circles(&document.id(circle));
        self.local(at, Local::Open { document: key })?;
        self.peers[at].actors += 1;
        let actors = self.peers[at].actors;
        let edit = edit(
            &self.peers[at].document(&key),
            &self.peers[at].device,
            actors,
            circle,
            document,
            name,
            text,
        );
        self.local(
            at,
            Local::Write {
                document: key,
                changes: edit.changes,
                frontiers: vec![edit.frontier.encode().to_vec()],
            },
        )
    }

    pub fn open_document(
        &mut self,
        at: usize,
        circle: &CircleId,
        document: &DocumentRef,
    ) -> DocKey {
        let key = DocKey::circles(&document.id(circle));
        self.local(at, Local::Open { document: key }).unwrap();
        key
    }

    /// All these peers hold the same heads of a document, and are settled.
    pub fn assert_same(&mut self, peers: &[usize], circle: &CircleId, document: &DocumentRef) {
        let keys: BTreeSet<_> = peers
            .iter()
            .map(|at| self.open_document(*at, circle, document))
            .collect();
        let key = keys.into_iter().next().unwrap();
        let heads = self.peers[peers[0]].heads(&key);
        for at in peers {
            assert_eq!(
                self.peers[*at].heads(&key),
                heads,
                "{}",
                self.peers[*at].name
            );
            assert!(
                self.peers[*at].engine.settled(),
                "{} is not settled",
                self.peers[*at].name
            );
        }
    }
}

/// Why a local wish did not come true.
#[derive(Debug, PartialEq)]
pub enum Failure {
    AtOnce(LocalError),
    Later(WriteRefused),
    NotDone,
}

fn engine(node: &SigningKey, device: &SigningKey, limits: &Limits, boot: Boot) -> Engine {
    let config = Config {
        node_key: node.clone(),
        device_key: device.clone(),
        sealing: sealing(device),
        authorities: vec![NODE.to_owned()],
        first_changes: smallwin_model::first_changes(),
        open_space: true,
        limits: limits.clone(),
    };
    Engine::new(config, boot).unwrap()
}

pub fn sealing(device: &SigningKey) -> smallwin_circle::SealingPublic {
    SealingKey::from_seed(device.to_seed()).public()
}

pub fn invite_key(circle: &CircleId, secret: [u8; 16]) -> SigningKey {
    InviteLink {
        origin: String::new(),
        circle: *circle,
        secret,
        hints: Vec::new(),
    }
    .invite_key()
}

/// Changes of one device and the frontier that covers them.
pub struct Edit {
    pub changes: Vec<Vec<u8>>,
    pub hashes: Vec<[u8; 32]>,
    pub frontier: Frontier,
}

pub fn edit(
    document: &Automerge,
    device: &SigningKey,
    actor: u8,
    circle: &CircleId,
    named: &DocumentRef,
    name: &str,
    text: &str,
) -> Edit {
    let mut id = device.public().as_bytes().to_vec();
    id.extend([actor; 8]);
    let before = document.get_heads();
    let mut editing = AutoCommit::load(&document.save())
        .unwrap()
        .with_actor(ActorId::from(id.clone()));
    smallwin_model::append(&mut editing, name, text).unwrap();
    editing.commit();
    let changes = editing.get_changes(&before);
    let last = changes.last().expect("something was typed");
    let actor: [u8; 40] = id.try_into().unwrap();
    let frontier = Frontier::sign(
        circle,
        &named.id(circle),
        actor,
        last.seq(),
        last.hash().0,
        device,
    )
    .unwrap();
    Edit {
        hashes: changes.iter().map(|change| change.hash().0).collect(),
        changes: changes
            .iter()
            .map(|change| change.raw_bytes().to_vec())
            .collect(),
        frontier,
    }
}

/// The kinds that have a first change.
pub fn kinds() -> Vec<Kind> {
    smallwin_model::first_changes().into_keys().collect()
}
