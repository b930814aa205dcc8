//! Bytes that break Automerge 0.12 are refused (rules G1, G2).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};
use smallwin_gate::{GateError, check_document_chunk, check_sync_message, limits, read_change};

/// A change of 49 bytes that claims a million operations.
const MILLION_OPS: &str = "856f4a836f045ae201270001aa01010000000515053403420456047004c0843d0161c0843dc0843d01c0843d00c0843d00";

/// A bloom filter of one entry and no bits: Automerge divides by zero.
#[test]
fn a_bloom_filter_without_bits_is_refused_g1() {
    assert!(check_sync_message(&hex("42000001000301000700")).is_err());
}

/// A bloom filter with 2^32 - 1 probes: Automerge asks for 16 GB and the process ends.
#[test]
fn a_bloom_filter_with_many_probes_is_refused_g1() {
    assert!(check_sync_message(&hex("4200000100080108ffffffff0fff00")).is_err());
}

/// The same honest message, filter and all, is fine.
#[test]
fn an_honest_bloom_filter_passes() {
    let mut message = hex("4200000100");
    message.extend([5, 1, 10, 7, 0x10, 0xac, 0]);
    assert!(check_sync_message(&message).is_ok());
    for (at, value) in [(6, 2), (7, 9), (8, 8)] {
        let mut changed = message.clone();
        changed[at] = value;
        assert!(check_sync_message(&changed).is_err(), "{changed:02x?}");
    }
}

/// Twenty thousand entries of `have`: each costs a walk over the history.
#[test]
fn many_haves_are_refused_g2() {
    let mut message = vec![0x42, 0, 0];
    message.extend(leb(20_000));
    message.extend(std::iter::repeat_n([0, 0], 20_000).flatten());
    message.push(0);
    assert_eq!(
        check_sync_message(&message),
        Err(GateError::Limit {
            what: "entries of have",
            limit: 1
        })
    );
}

#[test]
fn runs_that_claim_many_operations_are_refused_g2() {
    assert!(matches!(
        read_change(&hex(MILLION_OPS)),
        Err(GateError::Limit { .. })
    ));
    for claimed in [20_000, 10_000_000, 1 << 40, i64::MAX as u64] {
        assert!(read_change(&change_of_nulls(claimed)).is_err(), "{claimed}");
    }
    // The same shape with few operations is a change like any other.
    assert_eq!(read_change(&change_of_nulls(50)).unwrap().op_count, 50);
}

/// Deletions may be many for few bytes, up to a constant.
#[test]
fn operations_of_one_frame_have_a_limit_g2() {
    let deletions = |count| change_with_runs(count, 3);
    assert_eq!(read_change(&deletions(200_000)).unwrap().op_count, 200_000);
    assert!(read_change(&deletions(limits::OPS_PER_CHANGE_MAX + 1)).is_err());
    let mut budget = smallwin_gate::Budget::frame();
    assert!(smallwin_gate::read_change_within(&deletions(200_000), &mut budget).is_ok());
    assert!(smallwin_gate::read_change_within(&deletions(200_000), &mut budget).is_err());
}

/// Deflated zeros that grow a thousandfold.
#[test]
fn bombs_are_refused_g2() {
    let zeros = deflated_zeros(64 << 20);
    assert!(zeros.len() < 100_000);
    let too_much = limits::INFLATED_BYTES_MAX as u64;
    let refused = Err(GateError::Limit {
        what: "inflated bytes",
        limit: too_much,
    });
    assert_eq!(read_change(&chunk(2, &zeros)), refused);
    // A document without actors and heads, no columns of changes, one deflated column of operations.
    let mut body = vec![0, 0, 0, 1, 0x01 | 0b1000];
    body.extend(leb(zeros.len() as u64));
    body.extend(&zeros);
    assert_eq!(
        check_document_chunk(&chunk(0, &body)).map(|_| ()),
        refused.map(|_| ())
    );
}

/// A document may hold many rows in few bytes, but only so many.
#[test]
fn documents_that_claim_many_rows_are_refused_g2() {
    for claimed in [100_000, 1 << 40, i64::MAX as u64] {
        let column = [leb_signed(claimed), vec![1]].concat();
        // No actors, heads or columns of changes; one column of actions.
        let mut body = vec![0, 0, 0, 1, 0x42];
        body.extend(leb(column.len() as u64));
        body.extend(&column);
        let found = check_document_chunk(&chunk(0, &body));
        assert!(
            matches!(found, Err(GateError::Limit { .. })),
            "{claimed}: {found:?}"
        );
    }
}

#[test]
fn bundles_and_unknown_chunks_are_refused_g1() {
    for kind in [3, 4, 0xff] {
        assert_eq!(
            read_change(&chunk(kind, &[0; 40])),
            Err(GateError::ChunkType { kind })
        );
        let bytes = chunk(kind, &[0; 40]);
        let mut message = vec![0x43, 0, 0, 0, 1];
        message.extend(leb(bytes.len() as u64));
        message.extend(&bytes);
        assert_eq!(
            check_sync_message(&message),
            Err(GateError::ChunkType { kind })
        );
    }
}

/// Automerge does not compare the checksum; flipped bytes of it would give the same hash.
#[test]
fn a_wrong_checksum_is_refused_g1() {
    let mut bytes = change_of_nulls(3);
    bytes[5] ^= 1;
    assert_eq!(read_change(&bytes), Err(GateError::Checksum));
}

#[test]
fn no_prefix_passes_g1() {
    let bytes = change_of_nulls(3);
    assert!(read_change(&bytes).is_ok());
    assert!((0..bytes.len()).all(|end| read_change(&bytes[..end]).is_err()));
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(
        read_change(&longer),
        Err(GateError::Trailing { .. })
    ));
}

/// A change that puts null under one key again and again.
fn change_of_nulls(ops: u64) -> Vec<u8> {
    change_with_runs(ops, 1)
}

/// A change whose columns are one run each.
fn change_with_runs(ops: u64, action: u8) -> Vec<u8> {
    let run = |value: &[u8]| [leb_signed(ops), value.to_vec()].concat();
    let columns = [
        (0x15, run(&[1, b'a'])),
        (0x34, leb(ops)),
        (0x42, run(&[action])),
        (0x56, run(&[0])),
        (0x70, run(&[0])),
    ];
    // No dependencies, one byte of actor, seq 1, first operation 1, time 0, no message, no other actors.
    let mut body = vec![0, 1, 0xaa, 1, 1, 0, 0, 0, columns.len() as u8];
    for (spec, bytes) in &columns {
        body.extend(leb(*spec));
        body.extend(leb(bytes.len() as u64));
    }
    body.extend(columns.iter().flat_map(|(_, bytes)| bytes));
    chunk(1, &body)
}

fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let head = [vec![kind], leb(body.len() as u64)].concat();
    let hash = Sha256::new()
        .chain_update(&head)
        .chain_update(body)
        .finalize();
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &head, body].concat()
}

fn deflated_zeros(length: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for _ in 0..length >> 20 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn leb_signed(value: u64) -> Vec<u8> {
    let mut bytes = leb(value);
    if bytes.last().is_some_and(|last| last & 0x40 != 0) {
        let last = bytes.pop().unwrap();
        bytes.extend([last | 0x80, 0]);
    }
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
