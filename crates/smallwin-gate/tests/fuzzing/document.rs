use automerge::{Automerge, LoadOptions, VerificationMode};
use smallwin_gate::check_document_chunk;

use super::apply::quietly;
use super::bytes::{chunk, deflate, mutate, read_unsigned, write_unsigned};
use super::columns::{Item, read_deltas, read_runs, write_deltas, write_runs};
use super::dice::Dice;

/// A document chunk taken apart, in which anything may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct RawDocument {
    pub actors: Vec<Vec<u8>>,
    pub heads: Vec<[u8; 32]>,
    pub changes: Vec<(u64, Vec<u8>)>,
    pub ops: Vec<(u64, Vec<u8>)>,
    /// The index of each head's change.
    pub tail: Vec<u8>,
}

impl RawDocument {
    /// Takes a document chunk apart whose columns are not deflated.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = 9;
        read_unsigned(bytes, &mut at)?;
        let at = &mut at;
        let take = |at: &mut usize, length: u64| {
            let taken = bytes.get(*at..at.checked_add(length as usize)?)?.to_vec();
            *at += length as usize;
            Some(taken)
        };
        let mut actors = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            let length = read_unsigned(bytes, at)?;
            actors.push(take(at, length)?);
        }
        let mut heads = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            heads.push(take(at, 32)?.try_into().ok()?);
        }
        let layout = |at: &mut usize| {
            let count = read_unsigned(bytes, at)?;
            let column =
                |at: &mut usize| Some((read_unsigned(bytes, at)?, read_unsigned(bytes, at)?));
            (0..count).map(|_| column(at)).collect::<Option<Vec<_>>>()
        };
        let (changes, ops) = (layout(at)?, layout(at)?);
        let mut columns = |layout: Vec<(u64, u64)>| {
            let column = |(spec, length)| Some((spec, take(at, length)?));
            layout.into_iter().map(column).collect::<Option<Vec<_>>>()
        };
        let (changes, ops) = (columns(changes)?, columns(ops)?);
        Some(Self {
            actors,
            heads,
            changes,
            ops,
            tail: bytes.get(*at..)?.to_vec(),
        })
    }

    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        write_unsigned(&mut body, self.actors.len() as u64);
        for actor in &self.actors {
            write_unsigned(&mut body, actor.len() as u64);
            body.extend(actor);
        }
        write_unsigned(&mut body, self.heads.len() as u64);
        body.extend(self.heads.iter().flatten());
        for columns in [&self.changes, &self.ops] {
            write_unsigned(&mut body, columns.len() as u64);
            for (spec, bytes) in columns {
                write_unsigned(&mut body, *spec);
                write_unsigned(&mut body, bytes.len() as u64);
            }
        }
        for (_, bytes) in self.changes.iter().chain(&self.ops) {
            body.extend(bytes);
        }
        body.extend(&self.tail);
        chunk(0, &body)
    }

    /// Makes one to three things wrong; `other` is a document from which columns may be taken.
    pub fn mutate(&mut self, dice: &mut Dice<'_>, other: &Self) {
        for _ in 0..=dice.below(3) {
            match dice.below(12) {
                0 => self.mutate_actors(dice),
                1 if !self.heads.is_empty() => {
                    let at = dice.below(self.heads.len());
                    match dice.below(3) {
                        0 => drop(self.heads.remove(at)),
                        1 => self.heads[at][dice.below(32)] ^= 1,
                        _ => self.heads.extend(dice.pick(&other.heads)),
                    }
                }
                2 => mutate(dice, &mut self.tail),
                3..=5 => mutate_columns(dice, &mut self.changes, &other.changes),
                _ => mutate_columns(dice, &mut self.ops, &other.ops),
            }
        }
    }

    fn mutate_actors(&mut self, dice: &mut Dice<'_>) {
        let Some(at) = self
            .actors
            .len()
            .checked_sub(1)
            .map(|last| dice.below(last + 1))
        else {
            return;
        };
        match dice.below(4) {
            0 => self.actors.swap(at, 0),
            1 => drop(self.actors.remove(at)),
            2 => self.actors.push(self.actors[at].clone()),
            _ => mutate(dice, &mut self.actors[at]),
        }
    }
}

/// Gives a document the heads that it really has, as somebody would who writes one by hand.
///
/// Automerge may be asked for them only when the gate has nothing against the document.
pub fn fix_heads(bytes: &[u8]) -> Option<Vec<u8>> {
    check_document_chunk(bytes).ok()?;
    let options = LoadOptions::new().verification_mode(VerificationMode::DontCheck);
    let loaded = quietly(|| Automerge::load_with_options(bytes, options).ok());
    let mut document = RawDocument::read(bytes)?;
    document.heads = loaded
        .ok()??
        .get_heads()
        .iter()
        .map(|head| head.0)
        .collect();
    // Old programs leave the indexes of the heads out.
    document.tail.clear();
    Some(document.write())
}

fn mutate_columns(
    dice: &mut Dice<'_>,
    columns: &mut Vec<(u64, Vec<u8>)>,
    other: &[(u64, Vec<u8>)],
) {
    let Some(last) = columns.len().checked_sub(1) else {
        return;
    };
    let at = dice.below(last + 1);
    let (spec, bytes) = &mut columns[at];
    match dice.below(10) {
        0 => mutate(dice, bytes),
        1 => {
            if let Some((_, theirs)) = other.iter().find(|(theirs, _)| theirs == spec) {
                bytes.clone_from(theirs);
            }
        }
        2 if *spec & 8 == 0 => {
            *spec |= 8;
            *bytes = deflate(bytes);
        }
        3 if dice.one_in(3) => drop(columns.remove(at)),
        _ => match *spec & 15 {
            3 => {
                if let Some(mut values) = read_deltas(bytes, 0) {
                    mutate_values(dice, &mut values, |dice, value| {
                        value.wrapping_add(dice.below(9) as i64 - 4)
                    });
                    *bytes = write_deltas(&values, || false);
                }
            }
            5 => tweak::<Vec<u8>>(dice, bytes, |dice, value| {
                let mut value = value.clone();
                mutate(dice, &mut value);
                value
            }),
            0..=2 | 6 => tweak::<u64>(dice, bytes, |dice, value| {
                value.wrapping_add(dice.next() % 9).wrapping_sub(4)
            }),
            _ => mutate(dice, bytes),
        },
    }
}

fn tweak<T: Item>(dice: &mut Dice<'_>, bytes: &mut Vec<u8>, near: impl Fn(&mut Dice<'_>, &T) -> T) {
    if let Some(mut values) = read_runs::<T>(bytes, 0) {
        mutate_values(dice, &mut values, near);
        *bytes = write_runs(&values, || false);
    }
}

fn mutate_values<T: Clone>(
    dice: &mut Dice<'_>,
    values: &mut Vec<Option<T>>,
    near: impl Fn(&mut Dice<'_>, &T) -> T,
) {
    let Some(last) = values.len().checked_sub(1) else {
        return;
    };
    let (at, from) = (dice.below(last + 1), dice.below(last + 1));
    match dice.below(7) {
        0 => values.swap(at, from),
        1 => values[at] = values[from].clone(),
        2 => values[at] = None,
        3 => drop(values.remove(at)),
        4 => values.insert(at, values[from].clone()),
        _ => values[at] = values[at].as_ref().map(|value| near(dice, value)),
    }
}
