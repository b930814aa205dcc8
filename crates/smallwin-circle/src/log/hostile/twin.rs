//! The hostile histories as golden vectors.

use super::world::{Cast, World, secret};
use crate::ids::PersonId;
use crate::keys::DeviceKey;
use crate::log::Verdict;
use crate::may::{Action, may};
use crate::record::Record;
use crate::state::State;

/// The same histories, signed, for the TypeScript twin: it must judge every record and describe every
/// state alike. A new vector is the line that begins with a brace in the output of this test.
#[test]
#[allow(clippy::print_stdout, reason = "a pure crate writes no files")]
fn c1_the_twin_judges_hostile_histories_alike() {
    let cast = Cast::new();
    let text = |record: &Record| String::from_utf8(cast.signed(record).bytes().to_vec()).unwrap();
    let histories: Vec<serde_json::Value> = (0..120)
        .map(|seed| {
            let world = World::run(&cast, 1_000_000 + seed);
            let log = world.all();
            let verdicts: Vec<String> = world.made.iter().map(|record| match log.verdict(&record.id()) {
                Verdict::Valid => "valid".to_owned(),
                Verdict::Contested => "contested".to_owned(),
                Verdict::Void(reason) => format!("void: {reason}"),
            }).collect();
            let state = hash(&describe(&cast, log.state()));
            let part = &world.logs[1];
            let seen = serde_json::json!({"heads": part.heads(), "state": hash(&describe(&cast, part.state()))});
            let records: Vec<String> = world.made.iter().map(text).collect();
            serde_json::json!({"records": records, "verdicts": verdicts, "state": state, "part": seen})
        })
        .collect();
    let base: Vec<String> = cast.base.records().map(text).collect();
    let devices: Vec<DeviceKey> = cast.asked();
    let value = serde_json::json!({
        "base": base, "devices": devices, "baseState": describe(&cast, cast.base.state()), "histories": histories,
    });
    let made = serde_json::to_string(&value).unwrap() + "\n";
    let is_kept = made == include_str!("../../../../../tests/vectors/circle-hostile.json");
    if !is_kept {
        println!("{made}");
    }
    assert!(
        is_kept,
        "circle-hostile.json is not what this version writes"
    );
}

impl Cast {
    fn asked(&self) -> Vec<DeviceKey> {
        self.keys
            .iter()
            .copied()
            .chain([secret(40).public()])
            .collect()
    }

    fn signed(&self, record: &Record) -> Record {
        let by = |key: &DeviceKey| {
            secret(self.keys.iter().position(|other| other == key).unwrap() as u8)
        };
        let signed = Record::sign(record.payload(), &by(&record.payload().author)).unwrap();
        let signed = record
            .accepter()
            .map_or(signed.clone(), |key| signed.countersign(&by(key)).unwrap());
        assert_eq!(signed.id(), record.id());
        signed
    }
}

fn hash(value: &serde_json::Value) -> String {
    crate::b64u::encode(blake3::hash(&crate::jcs::to_bytes(value)).as_bytes())
}

fn describe(cast: &Cast, state: &State) -> serde_json::Value {
    let json = |value: Vec<serde_json::Value>| serde_json::Value::from(value);
    let members = state.members().map(|m| {
        serde_json::json!([
            m.person,
            m.role,
            m.devices,
            m.contested,
            m.unconfirmed,
            m.vouched,
            m.removed
        ])
    });
    let invites = state
        .invites()
        .map(|i| serde_json::json!([i.record, i.role, i.used_by, i.confirm]));
    let snapshots = state
        .snapshots()
        .iter()
        .map(|s| serde_json::json!([s.record, s.withdrawn, s.acknowledged]));
    let documents = state.documents();
    let may_do = |device: &DeviceKey| {
        let answers = |action| -> Vec<&str> {
            documents
                .iter()
                .map(|document| {
                    may(state, device, action, document)
                        .err()
                        .map_or("ok", crate::may::Refusal::code)
                })
                .collect()
        };
        serde_json::json!([
            device,
            state.owner_of(device),
            answers(Action::Read),
            answers(Action::Write)
        ])
    };
    let asked = cast.asked();
    let pins = state
        .documents_by_id()
        .map(|(id, _)| serde_json::json!(state.pins(id).collect::<Vec<_>>()));
    let retired = state
        .retired()
        .iter()
        .map(|r| serde_json::json!([r.record, r.document, r.erased]));
    let voters = state.quorum(&PersonId::of(&cast.keys[0]));
    serde_json::json!({
        "members": json(members.collect()),
        "invites": json(invites.collect()),
        "shares": json(state.shares().iter().map(|s| s.record.to_string().into()).collect()),
        "snapshots": json(snapshots.collect()),
        "statements": json(state.statements().iter().map(|s| s.record.to_string().into()).collect()),
        "decisions": json(state.decisions().iter().map(|s| s.record.to_string().into()).collect()),
        "commits": json(state.commits().iter().map(|s| s.record.to_string().into()).collect()),
        "documents": json(state.documents_by_id().map(|(id, _)| id.to_string().into()).collect()),
        "pins": json(pins.collect()),
        "retired": json(retired.collect()),
        "zones": json(state.relay_zones(&secret(40).public()).map(|zone| zone.name().into()).collect()),
        "voters": serde_json::json!([voters.voters, voters.needed]),
        "hasFacilitator": state.has_facilitator(),
        "may": json(asked.iter().map(may_do).collect()),
    })
}
