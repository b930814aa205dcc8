use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use super::dice::Dice;

/// Changes, cuts or doubles a few bytes.
pub fn mutate(dice: &mut Dice<'_>, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(6) {
        0 => bytes[at] = dice.next() as u8,
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.truncate(at),
        3 => {
            let piece = bytes[at..(at + 8).min(bytes.len())].to_vec();
            let to = dice.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        4 => bytes[at] = bytes[at].wrapping_add(1),
        _ => {
            let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
            bytes.splice(at..=at, huge);
        }
    }
}

/// Writes a chunk with the right checksum around a body.
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut head = vec![kind];
    write_unsigned(&mut head, body.len() as u64);
    let hash = Sha256::new()
        .chain_update(&head)
        .chain_update(body)
        .finalize();
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &head, body].concat()
}

/// Deflates a change chunk (type 1); its checksum stays, as it is that of the raw change.
pub fn deflate_chunk(bytes: &mut Vec<u8>) {
    let mut at = 9;
    if bytes.get(8) == Some(&1) && read_unsigned(bytes, &mut at).is_some() {
        let body = deflate(&bytes[at..]);
        bytes.truncate(8);
        bytes.push(2);
        write_unsigned(bytes, body.len() as u64);
        bytes.extend(body);
    }
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes length and checksum of a raw change or document anew.
pub fn fix_checksum(bytes: &mut Vec<u8>) {
    if bytes.len() >= 12 && bytes[..4] == [0x85, 0x6f, 0x4a, 0x83] && bytes[8] < 2 {
        let mut at = 9;
        if read_unsigned(bytes, &mut at).is_some() {
            *bytes = chunk(bytes[8], &bytes[at..]);
        }
    }
}

pub fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

pub fn read_unsigned(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for position in 0..10 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(7 * position)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub fn read_signed(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0_i64;
    for position in 0..10 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= i64::from(byte & 0x7f).wrapping_shl(7 * position);
        if byte & 0x80 == 0 {
            if byte & 0x40 != 0 && position < 9 {
                value |= -1_i64 << (7 * (position + 1));
            }
            return Some(value);
        }
    }
    None
}
