//! Snapshot files: they prove themselves, and nothing else does (rule N2).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use smallwin_circle::{
    Body, DocumentRef, Log, Manifest, ManifestDocument, ManifestError, Purpose, RecordId, Role,
    SnapshotError, SnapshotFile,
};
use support::*;

fn snapshot(log: &mut Log, n: u8, manifest: &Manifest) -> RecordId {
    let signature = manifest.sign(Purpose::Snapshot, &key(n));
    say(
        log,
        n,
        Body::Snapshot {
            manifest: manifest.hash(),
            signature,
            prev: manifest.prev,
        },
    )
}

fn cosign(log: &mut Log, n: u8, snapshot: RecordId, manifest: &Manifest) -> RecordId {
    let signature = manifest.sign(Purpose::Cosign, &key(n));
    say(
        log,
        n,
        Body::Cosign {
            snapshot,
            signature,
        },
    )
}

fn signed_circle() -> (Log, RecordId, Manifest) {
    let mut log = small_circle();
    let manifest = manifest(&log, 0, "De betekenisvolle stap", None);
    let id = snapshot(&mut log, 0, &manifest);
    cosign(&mut log, 1, id, &manifest);
    cosign(&mut log, 2, id, &manifest);
    (log, id, manifest)
}

#[test]
fn a_file_says_who_agreed_to_what() {
    let (mut log, id, manifest) = signed_circle();
    // What comes later, and by an outer member, does not get in.
    let outer = cosign(&mut log, 3, id, &manifest);
    assert!(
        log.state().snapshots()[0]
            .cosigns
            .iter()
            .all(|(record, _)| *record != outer)
    );
    say(&mut log, 3, share(3));
    cosign(&mut log, 1, id, &manifest);
    let bytes = SnapshotFile::build(&log, &id, &manifest).unwrap();
    let report = SnapshotFile::verify(&bytes).unwrap();
    assert_eq!(
        (report.title.as_str(), report.circle, report.snapshot),
        ("De betekenisvolle stap", log.circle(), id)
    );
    let signers: Vec<_> = report
        .signers
        .iter()
        .map(|signer| (signer.key, signer.purpose, signer.role, signer.person))
        .collect();
    let expected = [
        (
            key(0).public(),
            Purpose::Snapshot,
            Role::Facilitator,
            person(0),
        ),
        (key(1).public(), Purpose::Cosign, Role::Inner, person(1)),
        (key(2).public(), Purpose::Cosign, Role::Inner, person(2)),
    ];
    assert_eq!(signers, expected);
    assert_eq!(report.manifest.docs[0].text, "## weUsedTo\n\nÉén zin.\n");
    let share = log.state().shares()[0].source.key.clone();
    assert!(
        !String::from_utf8_lossy(&bytes).contains(&share),
        "no byte of what came later"
    );
}

#[test]
fn every_flipped_byte_breaks_the_file() {
    let (log, id, manifest) = signed_circle();
    let bytes = SnapshotFile::build(&log, &id, &manifest).unwrap();
    // Verifying takes milliseconds; every fifth byte, with another bit each time, leaves no field out.
    for at in (0..bytes.len()).step_by(5) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at / 5 % 8);
        assert!(SnapshotFile::verify(&flipped).is_err(), "byte {at}");
    }
}

/// Changes the file as JSON and writes it canonically again.
fn edited(bytes: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> SnapshotError {
    let mut file: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut file);
    SnapshotFile::verify(&serde_json_canonicalizer::to_vec(&file).unwrap()).unwrap_err()
}

#[test]
fn a_file_put_together_otherwise_is_refused_with_its_reason() {
    let (log, id, manifest) = signed_circle();
    let bytes = SnapshotFile::build(&log, &id, &manifest).unwrap();
    let records = |file: &mut serde_json::Value| file["records"].as_array().unwrap().len();
    assert_eq!(
        edited(&bytes, |file| {
            let last = records(file) - 1;
            file["records"].as_array_mut().unwrap().remove(last);
        }),
        SnapshotError::Signer(3)
    );
    assert!(matches!(
        edited(&bytes, |file| {
            file["records"].as_array_mut().unwrap().remove(3);
        }),
        SnapshotError::Records
    ));
    assert!(matches!(
        edited(&bytes, |file| {
            file["records"].as_array_mut().unwrap().swap(1, 2);
        }),
        SnapshotError::Records
    ));
    assert!(matches!(
        edited(&bytes, |file| {
            file["records"].as_array_mut().unwrap().remove(0);
        }),
        SnapshotError::Log(_)
    ));
    assert!(matches!(
        edited(&bytes, |file| file["records"] = serde_json::json!([])),
        SnapshotError::Records
    ));
    assert_eq!(
        edited(&bytes, |file| {
            file["signatures"].as_array_mut().unwrap().swap(1, 2);
        }),
        SnapshotError::Signer(3)
    );
    assert_eq!(
        edited(&bytes, |file| {
            file["signatures"].as_array_mut().unwrap().swap(0, 2);
        }),
        SnapshotError::Signature(1)
    );
    assert_eq!(
        edited(&bytes, |file| {
            let twice = file["signatures"][1].clone();
            file["signatures"].as_array_mut().unwrap().push(twice);
        }),
        SnapshotError::Signer(4)
    );
    assert_eq!(
        edited(&bytes, |file| file["signatures"] = serde_json::json!([])),
        SnapshotError::NoSnapshot
    );
    assert!(matches!(
        edited(&bytes, |file| file["type"] =
            "smallwin/snapshot-file@2".into()),
        SnapshotError::Malformed(_)
    ));
    assert!(matches!(
        SnapshotFile::verify(b"not a file").unwrap_err(),
        SnapshotError::Malformed(_)
    ));
    // Leaving out the last co-signature together with its record is another true file.
    let mut fewer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    fewer["records"].as_array_mut().unwrap().pop();
    fewer["signatures"].as_array_mut().unwrap().pop();
    let report = SnapshotFile::verify(&serde_json_canonicalizer::to_vec(&fewer).unwrap()).unwrap();
    assert_eq!(report.signers.len(), 2);
}

#[test]
fn a_snapshot_is_of_what_the_circle_could_read() {
    let mut log = small_circle();
    let base = manifest(&log, 0, "t", None);
    let circle = log.circle();
    let mut held = |document: &DocumentRef, share_first: bool| {
        if share_first {
            say(&mut log, 3, share(3));
        }
        let mut manifest = Manifest {
            log: log.next(&key(0).public()).2,
            ..base.clone()
        };
        manifest.docs.push(ManifestDocument::new(
            document.id(&circle),
            document.kind,
            Vec::new(),
            String::new(),
        ));
        manifest.docs.sort_by_key(|document| document.id);
        let id = snapshot(&mut log, 0, &manifest);
        SnapshotFile::build(&log, &id, &manifest).map(|_| ())
    };
    let (voice, draft) = (
        DocumentRef::voice(&person(3)),
        DocumentRef::draft(&person(3)),
    );
    assert_eq!(
        held(&voice, false),
        Err(SnapshotError::Document(voice.kind))
    );
    assert!(matches!(
        held(&draft, false),
        Err(SnapshotError::Manifest(ManifestError::Malformed(_)))
    ));
    assert_eq!(
        held(&DocumentRef::report("unknown"), false),
        Err(SnapshotError::Document(smallwin_circle::Kind::Report))
    );
    assert_eq!(held(&voice, true), Ok(()));
}

#[test]
fn the_manifest_and_the_record_agree() {
    let mut log = small_circle();
    let manifest = manifest(&log, 0, "t", None);
    let id = snapshot(&mut log, 0, &manifest);
    let other = Manifest {
        title: "u".to_owned(),
        ..manifest.clone()
    };
    assert_eq!(
        SnapshotFile::build(&log, &id, &other),
        Err(SnapshotError::NoSnapshot)
    );
    // A manifest that names another past than its record.
    let stale = Manifest {
        title: "stale".to_owned(),
        ..manifest
    };
    let id = snapshot(&mut log, 0, &stale);
    assert_eq!(
        SnapshotFile::build(&log, &id, &stale),
        Err(SnapshotError::Differs("the log before"))
    );
}

#[test]
fn a_changed_text_is_named() {
    let (_, _, manifest) = signed_circle();
    let mut changed = manifest.clone();
    changed.docs[0].text.push('!');
    assert_eq!(
        Manifest::parse(&changed.to_bytes()),
        Err(ManifestError::TextHash(manifest.docs[0].kind))
    );
    assert_eq!(Manifest::parse(&manifest.to_bytes()).unwrap(), manifest);
}
