//! The named inputs: what stands in one table is tried by everybody who can reach a node.

use flate2::{Compression, write::DeflateEncoder};
use smallwin_tests::{
    Value,
    crafted::{
        bytes::{chunk, write_signed, write_unsigned},
        dice::Dice,
    },
    frame,
};

/// One input, by the name under which a failure is reported.
pub(crate) struct Input {
    pub(crate) name: String,
    /// Sent one after the other.
    pub(crate) bytes: Vec<Vec<u8>>,
}

fn input(name: impl Into<String>, bytes: Vec<u8>) -> Input {
    Input {
        name: name.into(),
        bytes: vec![bytes],
    }
}

/// Sync messages that no gate lets pass (P1 to P8, P11, and what lies beside them). Whoever may
/// send one to a document is closed with 1002.
pub(crate) fn sync_messages() -> Vec<Input> {
    let mut inputs = vec![
        // A division by zero where it is not checked.
        input("P1 a filter without bits", hex("42000001000301000700")),
        // An allocation of 16 GiB, which ends the process.
        input("P2 2^32 probes", hex("4200000100080108ffffffff0fff00")),
        input("P2 10^8 probes", hex("420000010008010880c2d72fff00")),
        input("P2 2^32 entries", hex("42000001000801ffffffff0f0a07")),
        // 49 to 64 bytes that make 385 MB, 3.8 GB, days.
        input("P3 10^6 operations", message(&[&hex(MILLION_OPS)])),
        input("P4 10^7 operations", message(&[&nulls(10_000_000)])),
        input("P5 2^40 operations", message(&[&nulls(1 << 40)])),
        input("P5 2^62 operations", message(&[&nulls(1 << 62)])),
        input(
            "P6 a change of deflated zeros",
            message(&[&deflated_change()]),
        ),
        input(
            "P7 a document of deflated zeros",
            message(&[&deflated_document()]),
        ),
        input(
            "P7 a document of 2^40 rows",
            message(&[&document_of_rows(1 << 40)]),
        ),
        input("P8 twenty thousand haves", many_haves()),
        input("P11 a bundle", message(&[&chunk(3, &[0; 433])])),
        input("a chunk of no known kind", message(&[&chunk(9, &[0; 40])])),
        input("a wrong checksum", message(&[&wrong_checksum()])),
        input("two thousand heads", counted(0x42, 2_000, 32)),
        input("2^35 heads", hex("42ffffffffff01")),
        input("2^35 chunks", hex("43000000ffffffffff01")),
        input("nothing", Vec::new()),
        input("another first byte", hex("41000000")),
        input(
            "bytes behind the message",
            [message(&[]), vec![0; 20_000]].concat(),
        ),
    ];
    for whole in ["42000001000301000700", MILLION_OPS] {
        let whole = hex(whole);
        for end in [1, 2, 5, whole.len() - 1] {
            inputs.push(input(format!("{end} bytes of one"), whole[..end].to_vec()));
        }
    }
    let mut dice = Dice::seeded(4);
    for length in [10, 1_000, 65_536] {
        inputs.push(input(
            format!("{length} drawn bytes"),
            drawn(&mut dice, length),
        ));
    }
    inputs
}

/// Frames that are no frames. Whoever sends one is closed with 1002.
pub(crate) fn frames() -> Vec<Input> {
    let no_type = frame(&[("senderId", Value::Text("x"))]);
    let number = frame(&[("type", Value::Number(7))]);
    let twice = frame(&[("type", Value::Text("join")), ("type", Value::Text("sync"))]);
    let behind = [frame(&[("type", Value::Text("leave"))]), vec![0; 3]].concat();
    let mut inputs = vec![
        input("an empty frame", Vec::new()),
        input("zeros", vec![0; 4_000]),
        input("no type", no_type),
        input("a type that is a number", number),
        input("a key twice", twice),
        input("bytes behind the frame", behind),
        input("an array of 2^63 entries", hex("9b8000000000000000")),
        input("a map of 2^63 entries", hex("bb8000000000000000")),
        input(
            "bytes longer than the rest",
            hex("a164747970655bffffffffffffff00"),
        ),
        input("an indefinite text", hex("a16474797065 7f616a616fff")),
        input("an indefinite map", hex("bf6474797065646a6f696eff")),
        input("an indefinite array", hex("a1617a9f0102ff")),
        input("four thousand arrays in each other", vec![0x81; 4_000]),
        input("four thousand maps in each other", vec![0xa1; 4_000]),
        input("text that is no UTF-8", hex("a1647479706564ffffffff")),
    ];
    let mut dice = Dice::seeded(7);
    for length in [1, 64, 4_000] {
        let mut bytes = drawn(&mut dice, length);
        // Drawn bytes that begin as a map of one text key would be a frame now and then.
        bytes[0] |= 0x80;
        inputs.push(input(format!("{length} drawn bytes"), bytes));
    }
    inputs
}

/// Larger than a peer may send before it proved a key.
pub(crate) fn large_frames() -> Vec<Input> {
    let mut dice = Dice::seeded(9);
    vec![
        input("10,000 arrays in each other", vec![0x81; 10_000]),
        input("10,000 maps in each other", vec![0xa1; 10_000]),
        input("64 kB drawn", drawn(&mut dice, 65_536)),
    ]
}

/// The start of every frame that is cut short, at each of its bytes.
pub(crate) fn cut_short(whole: &[u8]) -> Vec<Input> {
    (0..whole.len())
        .map(|end| input(format!("{end} bytes of a frame"), whole[..end].to_vec()))
        .collect()
}

/// Changes with a proper checksum that make Automerge panic or save what it cannot load (P9, P10),
/// each with the changes that it stands on. They are found by the mutator of the gate.
pub(crate) fn corpus() -> Vec<Input> {
    let text = include_str!("../../../crates/smallwin-gate/tests/corpus/changes.json");
    let found: serde_json::Value = serde_json::from_str(text).expect("the corpus is JSON");
    let hex_of = |value: &serde_json::Value| hex(value.as_str().expect("a change in hex"));
    let examples = found.as_array().expect("a list");
    let input_of = |example: &serde_json::Value| {
        let base = example["base"].as_array().expect("a list");
        let base: Vec<Vec<u8>> = base.iter().map(hex_of).collect();
        let base: Vec<&[u8]> = base.iter().map(Vec::as_slice).collect();
        Input {
            name: format!("P9, P10 {}", example["breaks"]),
            bytes: vec![message(&base), message(&[&hex_of(&example["change"])])],
        }
    };
    examples.iter().map(input_of).collect()
}

/// Ids of documents that are none: paths, names that some systems know, and worse.
pub(crate) const DOCUMENT_IDS: [&str; 12] = [
    "",
    "../../etc/passwd",
    "..\\..\\etc\\passwd",
    "%2e%2e/%2e%2e/etc",
    "/etc/passwd",
    "C:\\Windows",
    "CON",
    "NUL",
    "a\0b",
    "1Bhh3pU9gLXZiNDL6PEa1Gs9fj",
    "0OIl0OIl0OIl0OIl0OIl0OIl0O",
    "…",
];

/// A sync message of the first version that brings these chunks.
pub(crate) fn message(chunks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0x42, 0, 0, 0];
    write_unsigned(&mut bytes, chunks.len() as u64);
    for chunk in chunks {
        write_unsigned(&mut bytes, chunk.len() as u64);
        bytes.extend(*chunk);
    }
    bytes
}

/// A sync message that names these heads and brings nothing.
pub(crate) fn message_of_heads(heads: &[[u8; 32]]) -> Vec<u8> {
    let mut bytes = vec![0x42];
    write_unsigned(&mut bytes, heads.len() as u64);
    bytes.extend(heads.iter().flatten());
    bytes.extend([0, 0, 0]);
    bytes
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex"))
        .collect()
}

/// A change of 49 bytes that claims a million operations.
const MILLION_OPS: &str = "856f4a836f045ae201270001aa01010000000515053403420456047004c0843d0161c0843dc0843d01c0843d00c0843d00";

/// A change that puts null under one key again and again.
fn nulls(ops: i64) -> Vec<u8> {
    let run = |value: &[u8]| {
        let mut column = Vec::new();
        write_signed(&mut column, ops);
        column.extend(value);
        column
    };
    let mut inserts = Vec::new();
    write_unsigned(&mut inserts, ops.unsigned_abs());
    let columns = [
        (0x15, run(&[1, b'a'])),
        (0x34, inserts),
        (0x42, run(&[1])),
        (0x56, run(&[0])),
        (0x70, run(&[0])),
    ];
    // No dependencies, one byte of actor, seq 1, first operation 1, time 0, no message, no other actors.
    let mut body = vec![0, 1, 0xaa, 1, 1, 0, 0, 0, columns.len() as u8];
    for (column, bytes) in &columns {
        write_unsigned(&mut body, *column);
        write_unsigned(&mut body, bytes.len() as u64);
    }
    body.extend(columns.iter().flat_map(|(_, bytes)| bytes));
    chunk(1, &body)
}

fn wrong_checksum() -> Vec<u8> {
    let mut change = nulls(3);
    change[5] ^= 1;
    change
}

fn deflated_change() -> Vec<u8> {
    chunk(2, &deflated_zeros())
}

fn deflated_document() -> Vec<u8> {
    let zeros = deflated_zeros();
    // No actors, heads or columns of changes; one deflated column of operations.
    let mut body = vec![0, 0, 0, 1, 0x01 | 0b1000];
    write_unsigned(&mut body, zeros.len() as u64);
    body.extend(&zeros);
    chunk(0, &body)
}

fn document_of_rows(rows: i64) -> Vec<u8> {
    let mut column = Vec::new();
    write_signed(&mut column, rows);
    column.push(1);
    let mut body = vec![0, 0, 0, 1, 0x42];
    write_unsigned(&mut body, column.len() as u64);
    body.extend(&column);
    chunk(0, &body)
}

/// A gigabyte in a megabyte.
fn deflated_zeros() -> Vec<u8> {
    use std::io::Write;
    // What deflated zeros look like repeats, so a part of it is made and the rest is copied: a
    // stored form of the same bytes would be longer than a frame may be.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let part = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&part).expect("a vector takes all bytes");
    }
    encoder.finish().expect("a vector takes all bytes")
}

fn many_haves() -> Vec<u8> {
    let mut bytes = counted(0x42, 0, 0);
    bytes.truncate(2);
    bytes.push(0);
    write_unsigned(&mut bytes, 20_000);
    bytes.extend(std::iter::repeat_n([0, 0], 20_000).flatten());
    bytes.push(0);
    bytes
}

/// A message whose first list has so many entries of so many bytes.
fn counted(kind: u8, count: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![kind];
    write_unsigned(&mut bytes, count);
    for number in 0..count {
        let mut entry = vec![0; size];
        entry[..8.min(size)].copy_from_slice(&number.to_be_bytes()[..8.min(size)]);
        bytes.extend(entry);
    }
    bytes.extend([0, 0, 0]);
    bytes
}

fn drawn(dice: &mut Dice<'_>, length: usize) -> Vec<u8> {
    (0..length).map(|_| dice.next() as u8).collect()
}
