//! What the tests share: a fast folder, and a workload in which every batch is a pure function of (seed, n).

#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod process;

use smallwin_storage::{Batch, Chunk, ChunkHash, ChunkKind, DocKey, Op};

/// A folder in memory where there is such a thing: these tests end no process and cut no power, so what is
/// synced and what is not makes no difference to them but time.
pub(crate) fn fast_dir() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// Batch number n (from 1). Mostly small changes to a few documents, a counter row, now and then a large
/// value, a snapshot that replaces chunks, a deletion, rarely a purge.
pub(crate) fn batch(seed: u64, n: u64) -> Batch {
    let mut dice = Dice(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut ops = vec![Op::Put {
        table: 3,
        key: b"counter".to_vec(),
        value: n.to_be_bytes().to_vec(),
    }];
    for m in 0..dice.below(16) {
        ops.push(Op::PutChunk {
            doc: doc(dice.below(6)),
            chunk: chunk(&mut dice, n, m, 300),
        });
    }
    if dice.below(8) == 0 {
        let key = dice.below(5).to_be_bytes().to_vec();
        let len = dice.below(12_000);
        ops.push(Op::Put {
            table: 1,
            key,
            value: dice.bytes(len),
        });
    }
    if dice.below(12) == 0 {
        ops.push(Op::Delete {
            table: 1,
            key: dice.below(5).to_be_bytes().to_vec(),
        });
    }
    if dice.below(20) == 0 {
        let covered = (n.saturating_sub(15)..n)
            .flat_map(|n| (0..16).map(move |m| hash(n, m)))
            .collect();
        let snapshot = Chunk {
            kind: ChunkKind::Snapshot,
            ..chunk(&mut dice, n, 99, 100_000)
        };
        ops.push(Op::Replace {
            doc: doc(dice.below(6)),
            covered,
            snapshot,
        });
    }
    if dice.below(40) == 0 {
        ops.push(Op::Purge {
            doc: doc(dice.below(6)),
        });
    }
    Batch(ops)
}

/// A small generator of numbers (splitmix64), the same on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

fn doc(n: u64) -> DocKey {
    DocKey::from_bytes([n as u8; 17])
}

fn hash(n: u64, m: u64) -> ChunkHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    hash[8..16].copy_from_slice(&m.to_be_bytes());
    ChunkHash::from_bytes(hash)
}

fn chunk(dice: &mut Dice, n: u64, m: u64, bytes_max: u64) -> Chunk {
    let len = dice.below(bytes_max);
    Chunk {
        hash: hash(n, m),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: dice.bytes(len),
    }
}
