//! How long a log of 10,000 verified records takes to resolve, and one record more.
//!
//! `cargo run --release -p smallwin-circle --example resolve`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement looks at the clock and prints"
)]

use std::error::Error;
use std::time::Instant;

use smallwin_circle::{
    Body, InviteLink, Log, Nonce, Payload, PersonId, Record, RecordId, Role, SealingKey,
    SigningKey, Timestamp, join_message,
};

const RECORDS: usize = 10_000;
const PEOPLE: u8 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let keys: Vec<SigningKey> = (0..PEOPLE)
        .map(|n| SigningKey::from_seed([n + 1; 32]))
        .collect();
    let founder = keys.first().ok_or("nobody")?;
    let mut log = Log::new(genesis(founder)?)?;
    for key in keys.iter().skip(1) {
        enter(&mut log, founder, key)?;
    }
    // Everybody speaks in turn; now and then a role changes and somebody is removed.
    for n in log.len()..RECORDS {
        let key = keys.get(1 + n % 20).ok_or("nobody")?;
        let gone = keys.get(21 + (n / 1_000) % 19).ok_or("nobody")?;
        let removes = n % 1_000 == 0;
        let (key, body) = if removes {
            (founder, removal(&PersonId::of(&gone.public())))
        } else {
            (key, statement(n))
        };
        say(&mut log, key, body)?;
    }
    let records: Vec<Record> = log.records().cloned().collect();
    let last = keys.get(1).ok_or("nobody")?;
    for _ in 0..5 {
        let began = Instant::now();
        let mut copy = Log::new(records.first().ok_or("no genesis")?.clone())?;
        for record in records.iter().skip(1) {
            copy.insert(record.clone())?;
        }
        let all = began.elapsed();
        let more = record(&copy, last, statement(0))?;
        let began = Instant::now();
        copy.insert(more)?;
        let one = began.elapsed();
        let more = record(&copy, founder, removal(&PersonId::of(&last.public())))?;
        let began = Instant::now();
        copy.insert(more)?;
        let removal = began.elapsed();
        println!("{RECORDS} records: {all:?}; one more: {one:?}; a removal: {removal:?}");
    }
    Ok(())
}

fn removal(person: &PersonId) -> Body {
    Body::Revoke {
        person: *person,
        device: None,
        role: None,
        branches: Vec::new(),
        pins: Vec::new(),
        approvals: Vec::new(),
    }
}

fn statement(n: usize) -> Body {
    Body::Statement {
        about: "measured".to_owned(),
        value: n.into(),
    }
}

fn genesis(key: &SigningKey) -> Result<Record, Box<dyn Error>> {
    let payload = Payload {
        author: key.public(),
        body: Body::Genesis {
            nonce: Nonce::from_bytes([1; 16]),
            sealing: SealingKey::from_seed([1; 32]).public(),
        },
        circle: None,
        claimed: Timestamp::from_unix_s(1_795_000_000),
        deps: Vec::new(),
        prev: None,
        seq: 0,
    };
    Ok(Record::sign(&payload, key)?)
}

fn record(log: &Log, key: &SigningKey, body: Body) -> Result<Record, Box<dyn Error>> {
    let (seq, prev, deps) = log.next(&key.public());
    let payload = Payload {
        author: key.public(),
        body,
        circle: Some(log.circle()),
        claimed: Timestamp::from_unix_s(1_795_000_000),
        deps,
        prev,
        seq,
    };
    Ok(Record::sign(&payload, key)?)
}

fn say(log: &mut Log, key: &SigningKey, body: Body) -> Result<RecordId, Box<dyn Error>> {
    let record = record(log, key, body)?;
    let id = record.id();
    log.insert(record)?;
    Ok(id)
}

fn enter(log: &mut Log, founder: &SigningKey, key: &SigningKey) -> Result<(), Box<dyn Error>> {
    let circle = log.circle();
    let link = InviteLink {
        origin: String::new(),
        circle,
        secret: [7; 16],
        hints: Vec::new(),
    };
    let invite_key = link.invite_key();
    let invite = Body::Invite {
        invite: invite_key.public(),
        role: Role::Inner,
        expires: Timestamp::from_unix_s(1_795_000_000),
    };
    let invite = say(log, founder, invite)?;
    let sealing = SealingKey::from_seed([2; 32]).public();
    let proof = invite_key.sign(&join_message(&circle, &key.public(), &sealing));
    let body = Body::Join {
        invite,
        proof,
        sealing,
    };
    let join = record(log, key, body)?.countersign(founder)?;
    log.insert(join)?;
    Ok(())
}
