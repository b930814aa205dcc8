//! A small world of devices that make random histories, for the tests of this crate.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and not every test uses all of it"
)]

pub mod crafted;
pub mod nearly;

use smallwin_circle::{
    Body, ChangeHash, CircleId, DocumentRef, Inserted, InviteLink, Log, Manifest, ManifestDocument,
    Nonce, Payload, PersonId, Purpose, Record, RecordId, Role, SealingKey, SigningKey, Timestamp,
    join_message, link_message,
};

pub const DEVICES: usize = 7;

/// One step of a history: which device, what, and two arguments that the step reads as it needs.
pub type Step = (u8, u8, u8, u8);

/// Device `n`'s key.
pub fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n + 1; 32])
}

/// Device `n`'s sealing key.
pub fn sealing(n: u8) -> SealingKey {
    SealingKey::from_seed([n + 101; 32])
}

pub fn person(n: u8) -> PersonId {
    PersonId::of(&key(n).public())
}

/// The moment at which everything is claimed to happen, and some seconds.
pub fn moment(s: u64) -> Timestamp {
    Timestamp::from_unix_s(1_795_000_000 + s)
}

/// The invite secret with this number.
pub fn secret(n: u8) -> [u8; 16] {
    [n; 16]
}

pub fn invite_key(n: u8) -> SigningKey {
    let circle = CircleId::from_bytes([0; 32]);
    let link = InviteLink {
        origin: String::new(),
        circle,
        secret: secret(n),
        hints: Vec::new(),
    };
    link.invite_key()
}

pub fn genesis(nonce: u8) -> Record {
    let body = Body::Genesis {
        nonce: Nonce::from_bytes([nonce; 16]),
        sealing: sealing(0).public(),
    };
    let payload = Payload {
        author: key(0).public(),
        body,
        circle: None,
        claimed: moment(0),
        deps: Vec::new(),
        prev: None,
        seq: 0,
    };
    Record::sign(&payload, &key(0)).unwrap()
}

/// What device `n` would sign next, having seen this log.
pub fn payload(log: &Log, n: u8, body: Body) -> Payload {
    let author = key(n).public();
    let (seq, prev, deps) = log.next(&author);
    let claimed = moment(log.len() as u64);
    Payload {
        author,
        body,
        circle: Some(log.circle()),
        claimed,
        deps,
        prev,
        seq,
    }
}

pub fn record(log: &Log, n: u8, body: Body) -> Record {
    Record::sign(&payload(log, n, body), &key(n)).unwrap()
}

/// Makes a record and inserts it.
pub fn say(log: &mut Log, n: u8, body: Body) -> RecordId {
    let record = record(log, n, body);
    let id = record.id();
    assert_eq!(log.insert(record).unwrap(), Inserted::New(vec![id]));
    id
}

pub fn invite(number: u8, role: Role) -> Body {
    Body::Invite {
        invite: invite_key(number).public(),
        role,
        expires: moment(86_400),
    }
}

/// The join of device `n` by invite `number`, not accepted yet.
pub fn open_join(log: &Log, n: u8, invite: RecordId, number: u8) -> Record {
    let sealing = sealing(n).public();
    let message = join_message(&log.circle(), &key(n).public(), &sealing);
    let proof = invite_key(number).sign(&message);
    record(
        log,
        n,
        Body::Join {
            invite,
            proof,
            sealing,
        },
    )
}

pub fn join(log: &Log, n: u8, accepter: u8, invite: RecordId, number: u8) -> Record {
    open_join(log, n, invite, number)
        .countersign(&key(accepter))
        .unwrap()
}

pub fn link(author: u8, device: u8) -> Body {
    let consent = key(device).sign(&link_message(&key(author).public(), &key(device).public()));
    Body::Link {
        device: key(device).public(),
        consent,
        sealing: sealing(device).public(),
    }
}

pub fn share(n: u8) -> Body {
    let (source, target) = (
        DocumentRef::draft(&person(n)),
        DocumentRef::voice(&person(n)),
    );
    Body::Share {
        source,
        heads: vec![ChangeHash::from_bytes([n; 32])],
        target,
    }
}

pub fn manifest(log: &Log, author: u8, title: &str, prev: Option<RecordId>) -> Manifest {
    let (_, _, deps) = log.next(&key(author).public());
    let text = "## weUsedTo\n\nÉén zin.\n".to_owned();
    let step = DocumentRef::step();
    let heads = vec![
        ChangeHash::from_bytes([9; 32]),
        ChangeHash::from_bytes([3; 32]),
    ];
    let document = ManifestDocument::new(step.id(&log.circle()), step.kind, heads, text);
    Manifest {
        circle: log.circle(),
        created: moment(log.len() as u64),
        docs: vec![document],
        log: deps,
        prev,
        title: title.to_owned(),
    }
}

/// A circle of facilitator 0, inner members 1 and 2, and outer member 3.
pub fn small_circle() -> Log {
    let mut log = Log::new(genesis(7)).unwrap();
    for (n, role) in [(1, Role::Inner), (2, Role::Inner), (3, Role::Outer)] {
        let id = say(&mut log, 0, invite(n, role));
        let join = join(&log, n, 0, id, n);
        log.insert(join).unwrap();
    }
    log
}

/// Devices, each with its own copy of the log, that act and meet as the steps say.
pub struct World {
    pub logs: Vec<Log>,
    /// Every record that some device took in, in the order of making.
    pub records: Vec<Record>,
    invites: Vec<(RecordId, u8)>,
    snapshots: Vec<(RecordId, Manifest)>,
}

impl World {
    pub fn run(nonce: u8, steps: &[Step]) -> Self {
        let genesis = genesis(nonce);
        let log = Log::new(genesis.clone()).unwrap();
        let mut world = Self {
            logs: vec![log; DEVICES],
            records: vec![genesis],
            invites: Vec::new(),
            snapshots: Vec::new(),
        };
        for step in steps {
            world.step(*step);
        }
        world
    }

    fn step(&mut self, (device, what, a, b): Step) {
        let n = device % DEVICES as u8;
        let other = a % DEVICES as u8;
        match what % 20 {
            0..=4 => self.meet(n, other, b),
            5 | 6 => self.invite(
                n,
                [Role::Facilitator, Role::Inner, Role::Outer, Role::Inner][b as usize % 4],
            ),
            7..=9 => self.join(n, other, b),
            10 => {
                // Mostly somebody who takes part, sometimes somebody who does not.
                let members = self.logs[n as usize].state().members();
                let known = members.map(|member| member.person).nth(other as usize);
                let role = Role::ALL[b as usize % 4];
                self.act(
                    n,
                    Body::Grant {
                        person: known.unwrap_or(person(other)),
                        role,
                    },
                );
            }
            11 => self.act(n, link(n, if b.is_multiple_of(3) { other } else { 6 })),
            12 => {
                let document = if b % 2 == 0 {
                    DocumentRef::report(format!("r{a}"))
                } else {
                    DocumentRef::check_in(u32::from(b % 4))
                };
                self.act(n, Body::Doc { document });
            }
            13 => self.act(n, share(if b % 3 == 0 { other } else { n })),
            14 => self.snapshot(n, b),
            15 => self.cosign(n, b),
            16 => self.act(
                n,
                Body::Statement {
                    about: "round".to_owned(),
                    value: serde_json::json!({"n": b, "when": [a, null, true]}),
                },
            ),
            17 => self.act(
                n,
                Body::Unknown(serde_json::json!({"kind": "later", "n": b})),
            ),
            18 => self.equivocate(n, other, b),
            _ => self.meet_all(n),
        }
    }

    /// `n` receives from `other`: everything, or the first few records that it lacks.
    fn meet(&mut self, n: u8, other: u8, b: u8) {
        let heads = self.logs[n as usize].heads();
        let missing: Vec<Record> = self.logs[other as usize]
            .missing_for(&heads)
            .into_iter()
            .cloned()
            .collect();
        let count = if b.is_multiple_of(3) {
            1 + b as usize % 4
        } else {
            missing.len()
        };
        for record in missing.into_iter().take(count) {
            self.logs[n as usize].insert(record).unwrap();
        }
    }

    fn meet_all(&mut self, n: u8) {
        (0..DEVICES as u8)
            .filter(|other| *other != n)
            .for_each(|other| self.meet(n, other, 1));
    }

    /// Keeps a record if the device's own log takes it.
    fn keep(&mut self, n: u8, record: Record) -> bool {
        let taken = matches!(
            self.logs[n as usize].insert(record.clone()),
            Ok(Inserted::New(_))
        );
        if taken && !self.records.iter().any(|known| known.id() == record.id()) {
            self.records.push(record);
        }
        taken
    }

    fn act(&mut self, n: u8, body: Body) {
        let record = record(&self.logs[n as usize], n, body);
        self.keep(n, record);
    }

    fn invite(&mut self, n: u8, role: Role) {
        let number = self.invites.len() as u8 + 1;
        let record = record(&self.logs[n as usize], n, invite(number, role));
        let id = record.id();
        if self.keep(n, record) {
            self.invites.push((id, number));
        }
    }

    fn join(&mut self, n: u8, accepter: u8, b: u8) {
        // Who joins hears the log from who accepts, but not always the newest of it.
        if !b.is_multiple_of(4) {
            self.meet(n, accepter, 1);
        }
        let Some((invite, number)) = pick(&self.invites, b) else {
            return;
        };
        if b % 8 == 5 {
            // Who got no answer asks elsewhere, with what the other one knows.
            let again = join(&self.logs[accepter as usize], n, accepter, invite, number);
            self.keep(accepter, again);
        }
        let proof = if b == 255 { number + 1 } else { number };
        let record = join(&self.logs[n as usize], n, accepter, invite, proof);
        self.keep(n, record);
    }

    fn snapshot(&mut self, n: u8, b: u8) {
        let log = &self.logs[n as usize];
        let prev = pick(&self.snapshots, b)
            .map(|(id, _)| id)
            .filter(|_| b.is_multiple_of(2));
        let manifest = manifest(log, n, &format!("step {b}"), prev);
        let signature = manifest.sign(Purpose::Snapshot, &key(n));
        let record = record(
            log,
            n,
            Body::Snapshot {
                manifest: manifest.hash(),
                signature,
                prev,
            },
        );
        let id = record.id();
        if self.keep(n, record) {
            self.snapshots.push((id, manifest));
        }
    }

    fn cosign(&mut self, n: u8, b: u8) {
        let Some((snapshot, manifest)) = pick(&self.snapshots, b) else {
            return;
        };
        let signature = manifest.sign(Purpose::Cosign, &key(n));
        self.act(
            n,
            Body::Cosign {
                snapshot,
                signature,
            },
        );
    }

    /// `n` says two things under one number, to itself and to `other`.
    fn equivocate(&mut self, n: u8, other: u8, b: u8) {
        let say = |log: &Log, value: u8| {
            record(
                log,
                n,
                Body::Statement {
                    about: "fork".to_owned(),
                    value: value.into(),
                },
            )
        };
        let (one, two) = (
            say(&self.logs[n as usize], b),
            say(&self.logs[n as usize], b.wrapping_add(1)),
        );
        let log = self.logs[n as usize].clone();
        if n != other && self.keep(n, one) {
            // The other device gets the rival with what it builds on.
            for record in log.missing_for(&self.logs[other as usize].heads()) {
                self.logs[other as usize].insert(record.clone()).unwrap();
            }
            self.keep(other, two);
        }
    }
}

/// A log of the genesis record and these, in this order.
pub fn log_of<'a>(genesis: &Record, records: impl IntoIterator<Item = &'a Record>) -> Log {
    let mut log = Log::new(genesis.clone()).unwrap();
    for record in records {
        log.insert(record.clone()).unwrap();
    }
    log
}

fn pick<T: Clone>(items: &[T], b: u8) -> Option<T> {
    // Newer ones are likelier: old invites are used soon.
    let back = (b as usize / 8) % items.len().max(1);
    items.iter().rev().nth(back % 3).or(items.last()).cloned()
}

/// Steps from a seed, the same on every machine.
pub fn steps(seed: u32, count: usize) -> Vec<Step> {
    let mut bytes = vec![0; count * 4];
    let mut hasher = blake3::Hasher::new_derive_key("smallwin/test/steps");
    hasher.update(&seed.to_be_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
        .chunks_exact(4)
        .map(|four| (four[0], four[1], four[2], four[3]))
        .collect()
}

pub fn b64u(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
