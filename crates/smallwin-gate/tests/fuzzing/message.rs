use super::bytes::{fix_checksum, mutate, read_unsigned, write_unsigned};
use super::dice::Dice;
use super::mutate::{Pool, mutate as mutate_change};
use super::raw::RawChange;

/// A sync message taken apart, in which anything may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct RawMessage {
    pub version: u8,
    pub heads: Vec<[u8; 32]>,
    pub need: Vec<[u8; 32]>,
    pub haves: Vec<(Vec<[u8; 32]>, Vec<u8>)>,
    pub changes: Vec<Vec<u8>>,
    pub flags: Vec<u8>,
}

impl RawMessage {
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (version, mut at) = (*bytes.first()?, 1);
        let at = &mut at;
        let heads = read_hashes(bytes, at)?;
        let need = read_hashes(bytes, at)?;
        let mut haves = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            haves.push((read_hashes(bytes, at)?, read_bytes(bytes, at)?));
        }
        let mut changes = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            changes.push(read_bytes(bytes, at)?);
        }
        Some(Self {
            version,
            heads,
            need,
            haves,
            changes,
            flags: bytes.get(*at..)?.to_vec(),
        })
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![self.version];
        write_hashes(&mut out, &self.heads);
        write_hashes(&mut out, &self.need);
        write_unsigned(&mut out, self.haves.len() as u64);
        for (last_sync, bloom) in &self.haves {
            write_hashes(&mut out, last_sync);
            write_bytes(&mut out, bloom);
        }
        write_unsigned(&mut out, self.changes.len() as u64);
        for change in &self.changes {
            write_bytes(&mut out, change);
        }
        out.extend(&self.flags);
        out
    }

    /// Makes one to three things wrong.
    pub fn mutate(&mut self, dice: &mut Dice<'_>, pool: &Pool) {
        for _ in 0..=dice.below(3) {
            match dice.below(8) {
                0 => mutate_hashes(dice, &mut self.heads, pool),
                1 => mutate_hashes(dice, &mut self.need, pool),
                2 => self.mutate_have(dice, pool),
                3 if dice.one_in(3) => self.version ^= 1,
                3 => mutate(dice, &mut self.flags),
                _ => self.mutate_changes(dice, pool),
            }
        }
    }

    fn mutate_have(&mut self, dice: &mut Dice<'_>, pool: &Pool) {
        let Some((last_sync, bloom)) = self.haves.first_mut() else {
            self.haves.push((Vec::new(), Vec::new()));
            return;
        };
        match dice.below(6) {
            0 => mutate_hashes(dice, last_sync, pool),
            1 => mutate(dice, bloom),
            // A filter of honest figures and any bits.
            2 | 3 => {
                let entries = 1 + dice.next() % 30;
                bloom.clear();
                for number in [entries, 10, 7] {
                    write_unsigned(bloom, number);
                }
                let bits = (entries * 10).div_ceil(8);
                bloom.extend((0..bits).map(|_| dice.next() as u8));
            }
            4 => bloom.clear(),
            _ => {
                let again = self.haves.clone();
                self.haves.extend(again);
            }
        }
    }

    fn mutate_changes(&mut self, dice: &mut Dice<'_>, pool: &Pool) {
        let count = self.changes.len();
        if count == 0 {
            return;
        }
        let at = dice.below(count);
        match dice.below(8) {
            0 => drop(self.changes.remove(at)),
            1 => self.changes.swap(at, 0),
            2 => self.changes.push(self.changes[at].clone()),
            3 => self.changes = vec![self.changes.concat()],
            4 => mutate(dice, &mut self.changes[at]),
            _ => {
                // Version 2 has all chunks in one element.
                let mut chunks = split(&self.changes[at]);
                if let Some(chunk) = chunks.len().checked_sub(1).map(|last| {
                    let place = dice.below(last + 1);
                    &mut chunks[place]
                }) {
                    mutate_chunk(dice, chunk, pool);
                }
                self.changes[at] = chunks.concat();
            }
        }
    }
}

/// Makes a chunk worse and gives it the right length and checksum.
pub fn mutate_chunk(dice: &mut Dice<'_>, bytes: &mut Vec<u8>, pool: &Pool) {
    if dice.one_in(2)
        && bytes.get(8) == Some(&1)
        && let Some(mut change) = RawChange::read(bytes)
    {
        *bytes = mutate_change(dice, &mut change, pool);
        return;
    }
    mutate(dice, bytes);
    fix_checksum(bytes);
}

/// The chunks that stand in a row; what is no chunk is the last of them.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut chunks, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let mut at = start + 9;
        let end = read_unsigned(bytes, &mut at)
            .and_then(|length| at.checked_add(length as usize))
            .filter(|end| *end <= bytes.len())
            .unwrap_or(bytes.len());
        chunks.push(bytes[start..end].to_vec());
        start = end;
    }
    chunks
}

fn mutate_hashes(dice: &mut Dice<'_>, hashes: &mut Vec<[u8; 32]>, pool: &Pool) {
    match dice.below(4) {
        0 if !hashes.is_empty() => drop(hashes.remove(dice.below(hashes.len()))),
        1 => hashes.push([dice.next() as u8; 32]),
        2 => hashes.extend(pool.hashes.iter().take(dice.below(30))),
        _ => hashes.extend(dice.pick(&pool.hashes)),
    }
    if !dice.one_in(8) {
        hashes.sort_unstable();
        hashes.dedup();
    }
}

fn read_hashes(bytes: &[u8], at: &mut usize) -> Option<Vec<[u8; 32]>> {
    let count = read_unsigned(bytes, at)?;
    let mut hashes = Vec::new();
    for _ in 0..count {
        hashes.push(bytes.get(*at..*at + 32)?.try_into().ok()?);
        *at += 32;
    }
    Some(hashes)
}

fn read_bytes(bytes: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let length = read_unsigned(bytes, at)? as usize;
    let taken = bytes.get(*at..at.checked_add(length)?)?.to_vec();
    *at += length;
    Some(taken)
}

fn write_hashes(out: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    write_unsigned(out, hashes.len() as u64);
    out.extend(hashes.iter().flatten());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_unsigned(out, bytes.len() as u64);
    out.extend(bytes);
}
