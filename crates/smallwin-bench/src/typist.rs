//! Somebody who types letters at the end of one text: raw Automerge changes, a microsecond each.
//!
//! Automerge makes the same bytes (the test below), but its time for a change grows with the history, and a benchmark
//! needs histories of a hundred thousand changes and a hundred thousand small documents.

use sha2::{Digest, Sha256};

/// The hash of a change.
pub(crate) type Hash = [u8; 32];

/// One change: what is sent, and its name.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) hash: Hash,
    pub(crate) bytes: Vec<u8>,
}

/// An operation's id inside one change: the place of its actor in the change's table, and its counter.
type OpId = (u64, u64);

/// One writer in one document.
#[derive(Debug)]
pub(crate) struct Typist {
    actor: Vec<u8>,
    others: Vec<Vec<u8>>,
    text: OpId,
    /// The letter or block marker behind which the next letter goes.
    behind: Option<OpId>,
    seq: u64,
    start_op: u64,
    heads: Vec<Hash>,
}

impl Typist {
    /// Starts a document: the first change makes the text `text`.
    pub(crate) fn start(actor: &[u8]) -> (Typist, Edit) {
        let mut typist = Typist {
            actor: actor.to_vec(),
            others: Vec::new(),
            text: (0, 1),
            behind: None,
            seq: 0,
            start_op: 1,
            heads: Vec::new(),
        };
        let columns: [(u8, Vec<u8>); 5] = [
            (0x15, vec![0x7f, 4, b't', b'e', b'x', b't']),
            (0x34, vec![1]),
            (0x42, vec![0x7f, 4]),
            (0x56, vec![0x7f, 0]),
            (0x70, vec![0x7f, 0]),
        ];
        let edit = typist.change(&columns);
        (typist, edit)
    }

    /// Goes on in a document that others began: in the text `text`, behind `behind`, both made by `other`.
    pub(crate) fn join(
        actor: &[u8],
        other: &[u8],
        text: u64,
        behind: u64,
        start_op: u64,
        head: Hash,
    ) -> Typist {
        Typist {
            actor: actor.to_vec(),
            others: vec![other.to_vec()],
            text: (1, text),
            behind: Some((1, behind)),
            seq: 0,
            start_op,
            heads: vec![head],
        }
    }

    /// Types one letter.
    pub(crate) fn letter(&mut self) -> Edit {
        let own = self.start_op;
        let letter = b'a' + (own % 26) as u8;
        let (key_actor, key_counter) = match self.behind {
            Some((actor, counter)) => (literal(actor), signed_literal(counter)),
            None => (Vec::new(), signed_literal(0)),
        };
        let mut columns: Vec<(u8, Vec<u8>)> = vec![
            (0x01, literal(self.text.0)),
            (0x02, literal(self.text.1)),
            (0x11, key_actor),
            (0x13, key_counter),
            (0x34, vec![0, 1]),
            (0x42, vec![0x7f, 1]),
            (0x56, vec![0x7f, 0x16]),
            (0x57, vec![letter]),
            (0x70, vec![0x7f, 0]),
        ];
        // A column without a value is left out.
        columns.retain(|(_, bytes)| !bytes.is_empty());
        self.behind = Some((0, own));
        self.change(&columns)
    }

    fn change(&mut self, columns: &[(u8, Vec<u8>)]) -> Edit {
        self.seq += 1;
        let mut data = Vec::with_capacity(160);
        unsigned(&mut data, self.heads.len() as u64);
        self.heads.iter().for_each(|head| data.extend(head));
        unsigned(&mut data, self.actor.len() as u64);
        data.extend(&self.actor);
        unsigned(&mut data, self.seq);
        unsigned(&mut data, self.start_op);
        // No time, no message.
        data.extend([0, 0]);
        unsigned(&mut data, self.others.len() as u64);
        for other in &self.others {
            unsigned(&mut data, other.len() as u64);
            data.extend(other);
        }
        unsigned(&mut data, columns.len() as u64);
        for (kind, bytes) in columns {
            data.extend([*kind, bytes.len() as u8]);
        }
        columns.iter().for_each(|(_, bytes)| data.extend(bytes));
        self.start_op += 1;
        let edit = chunk(&data);
        self.heads = vec![edit.hash];
        edit
    }
}

/// Puts the head of a change chunk before its data.
fn chunk(data: &[u8]) -> Edit {
    let mut hashed = vec![1];
    unsigned(&mut hashed, data.len() as u64);
    hashed.extend(data);
    let hash: Hash = Sha256::digest(&hashed).into();
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83];
    bytes.extend(hash.iter().take(4));
    bytes.extend(hashed);
    Edit { hash, bytes }
}

/// A column of one number.
fn literal(number: u64) -> Vec<u8> {
    let mut out = vec![0x7f];
    unsigned(&mut out, number);
    out
}

/// A column of one number that is written as its difference to 0.
fn signed_literal(number: u64) -> Vec<u8> {
    let mut out = vec![0x7f];
    let mut left = number;
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 && low & 0x40 == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

/// LEB128.
pub(crate) fn unsigned(out: &mut Vec<u8>, number: u64) {
    let mut left = number;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use automerge::transaction::Transactable;
    use automerge::{ActorId, AutoCommit, ObjType, ROOT};

    use super::*;

    #[test]
    fn the_bytes_are_those_that_automerge_makes() {
        let actor = [7; 16];
        let mut document = AutoCommit::new().with_actor(ActorId::from(actor));
        let text = document.put_object(ROOT, "text", ObjType::Text).unwrap();
        document.commit();
        let (mut typist, first) = Typist::start(&actor);
        let mut ours = vec![first];
        for at in 0..300 {
            let edit = typist.letter();
            let letter = b'a' + ((at + 2) % 26) as u8;
            document
                .splice_text(&text, at, 0, &char::from(letter).to_string())
                .unwrap();
            document.commit();
            ours.push(edit);
        }
        let theirs = document.get_changes(&[]);
        assert_eq!(theirs.len(), ours.len());
        for (theirs, ours) in theirs.iter().zip(ours) {
            assert_eq!(theirs.raw_bytes(), ours.bytes);
            assert_eq!(theirs.hash().0, ours.hash);
        }
    }
}
