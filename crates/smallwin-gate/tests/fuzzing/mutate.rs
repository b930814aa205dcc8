use super::bytes::{write_signed, write_unsigned};
use super::dice::Dice;
use super::raw::{RawChange, RawOp};

/// What a document has that a hostile change may refer to.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    pub ids: Vec<(Vec<u8>, u64)>,
    pub names: Vec<Vec<u8>>,
    pub hashes: Vec<[u8; 32]>,
    pub actors: Vec<Vec<u8>>,
    /// Operations with the actors of the change in which they stood.
    pub ops: Vec<(RawOp, Vec<Vec<u8>>)>,
}

impl Pool {
    pub fn add(&mut self, hash: [u8; 32], change: &RawChange) {
        self.hashes.push(hash);
        if !self.actors.contains(&change.actor) {
            self.actors.push(change.actor.clone());
        }
        let mut actors = vec![change.actor.clone()];
        actors.extend(change.others.clone());
        for (position, op) in change.ops.iter().enumerate() {
            let counter = change.start_op.wrapping_add(position as u64);
            self.ids.push((change.actor.clone(), counter));
            if let Some(name) = &op.key
                && !self.names.contains(name)
            {
                self.names.push(name.clone());
            }
            self.ops.push((op.clone(), actors.clone()));
        }
    }
}

/// Makes one to three things wrong with a change and writes it.
pub fn mutate(dice: &mut Dice<'_>, change: &mut RawChange, pool: &Pool) -> Vec<u8> {
    for _ in 0..=dice.below(3) {
        if dice.one_in(6) {
            mutate_header(dice, change, pool);
        } else if !change.ops.is_empty() && !dice.one_in(6) {
            let at = dice.below(change.ops.len());
            mutate_op(dice, change, at, pool);
        } else {
            mutate_list(dice, change, pool);
        }
    }
    if !dice.one_in(10) {
        change.drop_unused_actors();
    }
    if !dice.one_in(8) {
        return change.write();
    }
    let (cuts, bends) = (dice.one_in(2), dice.one_in(2));
    let mut other = dice.clone();
    dice.next();
    change.write_with(
        || cuts && other.one_in(3),
        |columns| {
            if bends && !columns.is_empty() {
                let at = dice.below(columns.len());
                match dice.below(5) {
                    0 => drop(columns.remove(at)),
                    1 => columns[at].1.clear(),
                    2 => columns[at].0 = dice.next() % 200,
                    _ => super::bytes::mutate(dice, &mut columns[at].1),
                }
            }
        },
    )
}

fn mutate_header(dice: &mut Dice<'_>, change: &mut RawChange, pool: &Pool) {
    match dice.below(11) {
        0 => change.seq = near(dice, change.seq),
        1 => change.start_op = near(dice, change.start_op),
        // Work in isolation may leave room below and name older dependencies.
        2 if dice.one_in(2) => change.start_op = change.start_op.wrapping_add(dice.next() % 9),
        2 => change.time = [-1, 0, i64::MAX, i64::MIN, 5][dice.below(5)],
        3 => change.message = vec![b'm'; dice.below(300)],
        4 => {
            change.extra =
                [vec![], vec![1], vec![0, 1, 7], vec![1, 3, 1, 2, 3]][dice.below(4)].clone()
        }
        5 => {
            if let Some(hash) = dice.pick(&pool.hashes) {
                change.deps.push(*hash);
                change.deps.sort_unstable();
                change.deps.dedup();
            }
        }
        6 if !change.deps.is_empty() => {
            change.deps.remove(dice.below(change.deps.len()));
        }
        7 => {
            if let Some(actor) = dice.pick(&pool.actors) {
                change.actor.clone_from(actor);
            }
        }
        8 => {
            if let Some(actor) = dice.pick(&pool.actors) {
                let at = dice.below(change.others.len() + 1);
                change.others.insert(at, actor.clone());
            }
        }
        _ if change.others.len() > 1 => change.others.swap(0, 1),
        _ => change.ops.clear(),
    }
}

fn mutate_list(dice: &mut Dice<'_>, change: &mut RawChange, pool: &Pool) {
    let length = change.ops.len();
    match dice.below(5) {
        0 if length > 0 => drop(change.ops.remove(dice.below(length))),
        1 if length > 1 => {
            let (a, b) = (dice.below(length), dice.below(length));
            change.ops.swap(a, b);
        }
        2 if length > 0 => {
            let op = change.ops[dice.below(length)].clone();
            change.ops.insert(dice.below(length + 1), op);
        }
        _ => {
            if let Some((op, actors)) = dice.pick(&pool.ops) {
                let mut op = op.clone();
                op.each_actor(|actor| {
                    let known = actors.get(*actor as usize).cloned().unwrap_or_default();
                    *actor = change.actor_of(&known);
                });
                change.ops.insert(dice.below(length + 1), op);
            }
        }
    }
}

fn mutate_op(dice: &mut Dice<'_>, change: &mut RawChange, at: usize, pool: &Pool) {
    let id = any_id(dice, change, pool);
    let op = &mut change.ops[at];
    match dice.below(16) {
        0 => (op.obj_actor, op.obj_counter) = (Some(id.0), Some(id.1 as u64)),
        1 => (op.obj_actor, op.obj_counter) = (None, None),
        2 => (op.key_actor, op.key_counter, op.key) = (Some(id.0), Some(id.1), None),
        3 => (op.key_actor, op.key_counter, op.key) = (None, Some(0), None),
        4 => {
            let name = dice.pick(&pool.names).cloned().unwrap_or_default();
            (op.key_actor, op.key_counter, op.key) = (None, None, Some(name));
        }
        5 => op.insert = !op.insert,
        6 => op.action = dice.next() % 8,
        7 => op.preds.push(id),
        8 if !op.preds.is_empty() => drop(op.preds.remove(dice.below(op.preds.len()))),
        9 => op.preds = vec![id],
        10 => op.expand = !op.expand,
        11 => op.mark = [None, Some(b"strong".to_vec()), Some(vec![])][dice.below(3)].clone(),
        12 => (op.value_kind, op.value) = any_value(dice),
        13 => {
            op.obj_actor = [None, Some(id.0)][dice.below(2)];
            op.obj_counter = [None, Some(id.1 as u64), Some(0)][dice.below(3)];
        }
        14 => {
            op.key_actor = [None, Some(id.0)][dice.below(2)];
            op.key_counter = [None, Some(id.1), Some(0)][dice.below(3)];
            op.key = [None, Some(b"a".to_vec()), Some(vec![])][dice.below(3)].clone();
        }
        _ if dice.one_in(2) => {
            op.preds.sort_by_key(|(actor, counter)| (*counter, *actor));
            op.preds.dedup();
        }
        _ => super::bytes::mutate(dice, &mut op.value),
    }
    if dice.one_in(2) {
        op.preds.sort_by_key(|(actor, counter)| (*counter, *actor));
        op.preds.dedup();
    }
}

/// An operation of the document, of the change itself, or one beside one that exists.
fn any_id(dice: &mut Dice<'_>, change: &mut RawChange, pool: &Pool) -> (u64, i64) {
    if !change.ops.is_empty() && dice.one_in(4) {
        let within = dice.below(change.ops.len() + 1) as u64;
        let counter = change.start_op.wrapping_add(within);
        return (0, counter as i64);
    }
    let Some((actor, counter)) = dice.pick(&pool.ids).cloned() else {
        return (0, 1);
    };
    let counter = match dice.below(12) {
        0 => near(dice, counter),
        _ => counter,
    };
    (change.actor_of(&actor), counter as i64)
}

fn any_value(dice: &mut Dice<'_>) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    let kind = dice.next() % 11;
    match kind {
        3 => write_unsigned(&mut bytes, dice.next()),
        4 | 8 | 9 => write_signed(&mut bytes, dice.next() as i64),
        5 => bytes.extend(dice.next().to_le_bytes()),
        6 => bytes.extend(["", "x", "\u{fffc}", "é👩‍⚕️", "\0"][dice.below(5)].bytes()),
        7 => bytes.extend([0xff, 0x00]),
        _ => {}
    }
    (kind, bytes)
}

fn near(dice: &mut Dice<'_>, number: u64) -> u64 {
    match dice.below(6) {
        0 => number.wrapping_add(1),
        1 => number.saturating_sub(1),
        2 => 0,
        3 => 1 << 40,
        4 => u64::MAX,
        _ => number.wrapping_add(dice.next() % 20),
    }
}
