//! Broken bytes give an error, never a panic, and never more work than their size allows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use automerge::sync::{State, SyncDoc};
use proptest::prelude::*;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use smallwin_gate::{check_document_chunk, check_frame, check_sync_message, read_change};
use support::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random bytes, whole or behind a plausible start (rule G1).
    #[test]
    fn random_bytes_never_panic_g1(start in 0_usize..5, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let starts: [&[u8]; 5] = [b"", b"\x42", b"\x43\x00\x00\x00\x01", b"\xa3", b"\x85\x6f\x4a\x83"];
        give_to_all(&[starts[start], &bytes].concat());
    }
}

/// Honest bytes with a few bytes changed, cut or doubled, and the checksum made
/// right again so that the walk behind it is reached (rules G1, G2).
#[test]
fn mutated_bytes_never_panic_g1() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let corpus = corpus();
    let mut reached = 0;
    for _ in 0..20_000 {
        let mut bytes = corpus.choose(&mut rng).unwrap().clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut rng, &mut bytes);
        }
        fix_checksum(&mut bytes);
        reached += usize::from(give_to_all(&bytes));
    }
    assert!(
        reached > 100,
        "only {reached} mutants passed: the mutator does not reach the deep checks"
    );
}

fn corpus() -> Vec<Vec<u8>> {
    let mut world = World::new(3, 3);
    world.run(40);
    let mut doc = world.peers[0].clone();
    let mut corpus: Vec<Vec<u8>> = doc
        .get_changes(&[])
        .into_iter()
        .map(|change| change.raw_bytes().to_vec())
        .collect();
    corpus.extend(
        doc.get_changes(&[])
            .into_iter()
            .map(|mut change| change.bytes().into_owned()),
    );
    corpus.extend([doc.save(), doc.save_nocompress()]);
    corpus.push(
        doc.sync()
            .generate_sync_message(&mut State::new())
            .unwrap()
            .encode(),
    );
    corpus.push(b"\xb9\x00\x02\x64type\x64sync\x64data\x43abc".to_vec());
    corpus
}

fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..5) {
        0 => bytes[at] = rng.random(),
        1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes.truncate(at),
        3 => {
            let piece = bytes[at..(at + 8).min(bytes.len())].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => {
            let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
            bytes.splice(at..=at, huge);
        }
    }
}

/// Writes length and checksum anew around the body of a raw change or document.
fn fix_checksum(bytes: &mut Vec<u8>) {
    if bytes.len() < 12 || bytes[..4] != [0x85, 0x6f, 0x4a, 0x83] || bytes[8] > 1 {
        return;
    }
    let length_bytes = bytes[9..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count()
        + 1;
    let Some(body) = bytes.get(9 + length_bytes..).map(<[u8]>::to_vec) else {
        return;
    };
    let mut head = vec![bytes[8]];
    let mut length = body.len();
    while length >= 0x80 {
        head.push(length as u8 | 0x80);
        length >>= 7;
    }
    head.push(length as u8);
    let hash = Sha256::new()
        .chain_update(&head)
        .chain_update(&body)
        .finalize();
    *bytes = [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &head, &body].concat();
}

/// Gives the bytes to every entry of the gate; says whether one took them.
fn give_to_all(bytes: &[u8]) -> bool {
    let taken = [
        check_frame(bytes).is_ok(),
        check_sync_message(bytes).is_ok(),
        read_change(bytes).is_ok(),
        check_document_chunk(bytes).is_ok(),
    ];
    taken.contains(&true)
}
