use super::bytes::{read_signed, read_unsigned, write_signed, write_unsigned};

/// A value of a run-length encoded column.
pub trait Item: Clone + PartialEq {
    fn read(bytes: &[u8], at: &mut usize) -> Option<Self>;
    fn write(&self, out: &mut Vec<u8>);
}

impl Item for u64 {
    fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        read_unsigned(bytes, at)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_unsigned(out, *self);
    }
}

impl Item for i64 {
    fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        read_signed(bytes, at)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_signed(out, *self);
    }
}

impl Item for Vec<u8> {
    fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let length = read_unsigned(bytes, at)? as usize;
        let text = bytes.get(*at..at.checked_add(length)?)?;
        *at += length;
        Some(text.to_vec())
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_unsigned(out, self.len() as u64);
        out.extend(self);
    }
}

pub fn read_runs<T: Item>(bytes: &[u8], rows: usize) -> Option<Vec<Option<T>>> {
    if bytes.is_empty() {
        return Some(vec![None; rows]);
    }
    let (mut at, mut values) = (0, Vec::new());
    while at < bytes.len() {
        let length = read_signed(bytes, &mut at)?;
        let count = match length {
            0 => read_unsigned(bytes, &mut at)? as usize,
            _ => length.unsigned_abs() as usize,
        };
        if count > 100_000 {
            return None;
        }
        if length > 0 {
            let value = T::read(bytes, &mut at)?;
            values.extend(vec![Some(value); count]);
        } else if length < 0 {
            for _ in 0..count {
                values.push(Some(T::read(bytes, &mut at)?));
            }
        } else {
            values.extend(vec![None; count]);
        }
    }
    Some(values)
}

/// Writes runs as Automerge does, or with some cut in two when `cut` says so.
pub fn write_runs<T: Item>(values: &[Option<T>], mut cut: impl FnMut() -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    if values.iter().all(Option::is_none) {
        return out;
    }
    let mut literals: Vec<T> = Vec::new();
    let mut at = 0;
    while at < values.len() {
        let mut count = values[at..]
            .iter()
            .take_while(|value| **value == values[at])
            .count();
        if count > 1 && cut() {
            count -= 1;
        }
        match &values[at] {
            Some(value) if count == 1 => literals.push(value.clone()),
            other => {
                flush(&mut out, &mut literals);
                match other {
                    Some(value) => {
                        write_signed(&mut out, count as i64);
                        value.write(&mut out);
                    }
                    None => {
                        out.push(0);
                        write_unsigned(&mut out, count as u64);
                    }
                }
            }
        }
        at += count;
        if literals.len() > 1 && cut() {
            flush(&mut out, &mut literals);
        }
    }
    flush(&mut out, &mut literals);
    out
}

fn flush<T: Item>(out: &mut Vec<u8>, literals: &mut Vec<T>) {
    if !literals.is_empty() {
        write_signed(out, -(literals.len() as i64));
        for value in literals.drain(..) {
            value.write(out);
        }
    }
}

pub fn read_deltas(bytes: &[u8], rows: usize) -> Option<Vec<Option<i64>>> {
    let mut value = 0_i64;
    let deltas = read_runs::<i64>(bytes, rows)?;
    let absolute = deltas.into_iter().map(|delta| {
        delta.map(|delta| {
            value = value.wrapping_add(delta);
            value
        })
    });
    Some(absolute.collect())
}

pub fn write_deltas(values: &[Option<i64>], cut: impl FnMut() -> bool) -> Vec<u8> {
    let mut before = 0;
    let deltas: Vec<_> = values
        .iter()
        .map(|value| {
            value.map(|value| {
                let delta = value.wrapping_sub(before);
                before = value;
                delta
            })
        })
        .collect();
    write_runs(&deltas, cut)
}

pub fn read_flags(bytes: &[u8], rows: usize) -> Option<Vec<bool>> {
    if bytes.is_empty() {
        return Some(vec![false; rows]);
    }
    let (mut at, mut value, mut values) = (0, false, Vec::new());
    while at < bytes.len() {
        let count = read_unsigned(bytes, &mut at)?;
        if count > 100_000 {
            return None;
        }
        values.extend(vec![value; count as usize]);
        value = !value;
    }
    Some(values)
}

pub fn write_flags(values: &[bool]) -> Vec<u8> {
    let (mut out, mut value, mut at) = (Vec::new(), false, 0);
    while at < values.len() {
        let count = values[at..]
            .iter()
            .take_while(|found| **found == value)
            .count();
        write_unsigned(&mut out, count as u64);
        at += count;
        value = !value;
    }
    out
}
