#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::limits::{BATCH_BYTES_MAX, QUEUE_JOBS_MAX};
use crate::{Memory, Op, Page, Visit};

const DEADLINE: Duration = Duration::from_secs(20);

/// A store whose commits wait for a word from the test, and tell how many operations they got.
struct Gated {
    memory: Memory,
    go: Receiver<Result<(), ()>>,
    began: Sender<usize>,
    health: Health,
}

struct Gate {
    go: Sender<Result<(), ()>>,
    began: Receiver<usize>,
}

fn gated() -> (Committer, Gate) {
    let (go, wait) = channel();
    let (began, seen) = channel();
    let store = Gated {
        memory: Memory::new(),
        go: wait,
        began,
        health: Health::Writable,
    };
    (
        Committer::start(Box::new(store)).unwrap(),
        Gate { go, began: seen },
    )
}

impl Store for Gated {
    fn commit(&mut self, batch: &Batch) -> Result<Seq, StoreError> {
        self.began.send(batch.0.len()).unwrap();
        if self.go.recv().unwrap() == Err(()) {
            self.health = Health::ReadOnly {
                why: "the disk is full".into(),
            };
            return Err(StoreError::ReadOnly {
                why: "the disk is full".into(),
            });
        }
        self.memory.commit(batch)
    }
    fn last(&self) -> Seq {
        self.memory.last()
    }
    fn load(&self, doc: &DocKey) -> Result<Vec<Chunk>, StoreError> {
        self.memory.load(doc)
    }
    fn since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError> {
        self.memory.since(cursor, limit)
    }
    fn documents(&self) -> Result<Vec<DocKey>, StoreError> {
        self.memory.documents()
    }
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(table, key)
    }
    fn scan(&self, table: u8, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.memory.scan(table, prefix, visit)
    }
    fn health(&self) -> Health {
        self.health.clone()
    }
    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

fn row(key: u16) -> Batch {
    Batch(vec![Op::Put {
        table: 1,
        key: key.to_be_bytes().to_vec(),
        value: vec![1],
    }])
}

/// Submits rows `0..count` and returns where their completions arrive, as (row, succeeded).
fn submit_rows(committer: &Committer, rows: std::ops::Range<u16>) -> Receiver<(u16, bool)> {
    let (tell, told) = channel();
    for key in rows {
        let tell = tell.clone();
        committer
            .submit(row(key), move |kept| {
                tell.send((key, kept.is_ok())).unwrap()
            })
            .unwrap();
    }
    told
}

#[test]
fn k1_a_completion_comes_after_its_commit_and_in_order() {
    let (committer, gate) = gated();
    let told = submit_rows(&committer, 0..1);
    assert_eq!(gate.began.recv_timeout(DEADLINE).unwrap(), 1);
    assert!(
        told.try_recv().is_err(),
        "the disk has not said anything yet"
    );
    let later = submit_rows(&committer, 1..40);
    gate.go.send(Ok(())).unwrap();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), (0, true));
    assert_eq!(
        gate.began.recv_timeout(DEADLINE).unwrap(),
        39,
        "all that waited is one group"
    );
    assert!(later.try_recv().is_err());
    gate.go.send(Ok(())).unwrap();
    let order: Vec<u16> = (1..40)
        .map(|_| later.recv_timeout(DEADLINE).unwrap().0)
        .collect();
    assert_eq!(order, (1..40).collect::<Vec<_>>());
    committer.close().unwrap();
}

#[test]
fn a_failed_commit_fails_its_whole_group_and_all_that_follow() {
    let (committer, gate) = gated();
    let first = submit_rows(&committer, 0..1);
    gate.began.recv_timeout(DEADLINE).unwrap();
    let group = submit_rows(&committer, 1..4);
    gate.go.send(Err(())).unwrap();
    assert_eq!(first.recv_timeout(DEADLINE).unwrap(), (0, false));
    for key in 1..4 {
        assert_eq!(group.recv_timeout(DEADLINE).unwrap(), (key, false));
    }
    let refused = committer.submit(row(9), |_| ()).unwrap_err();
    assert_eq!(
        refused.why,
        SubmitError::ReadOnly {
            why: "the disk is full".into()
        }
    );
    assert_eq!(refused.batch, row(9), "the batch comes back");
    assert!(matches!(committer.health(), Health::ReadOnly { .. }));
    assert!(matches!(
        committer.commit(row(9)),
        Err(StoreError::ReadOnly { .. })
    ));
    committer.close().unwrap();
}

#[test]
fn s2_a_full_queue_refuses() {
    let (committer, gate) = gated();
    let big = || {
        let value = vec![0; BATCH_BYTES_MAX - 1000];
        Batch(vec![Op::Put {
            table: 1,
            key: vec![1],
            value,
        }])
    };
    committer.submit(row(0), |_| ()).unwrap();
    gate.began.recv_timeout(DEADLINE).unwrap();
    for _ in 0..2 {
        committer.submit(big(), |_| ()).unwrap();
    }
    assert_eq!(
        committer.submit(big(), |_| ()).unwrap_err().why,
        SubmitError::Full,
        "by bytes"
    );
    for key in 2..QUEUE_JOBS_MAX {
        committer
            .submit(Batch::default(), |_| ())
            .map_err(|refused| (key, refused.why))
            .unwrap();
    }
    assert_eq!(
        committer.submit(Batch::default(), |_| ()).unwrap_err().why,
        SubmitError::Full
    );
    assert_eq!(committer.read(|_| ()), Err(SubmitError::Full), "by number");
    drop(gate.go);
}

#[test]
fn a_batch_over_the_limit_is_refused_at_the_door() {
    let committer = Committer::start(Box::new(Memory::new())).unwrap();
    let batch = Batch(vec![Op::Put {
        table: 1,
        key: vec![1],
        value: vec![0; BATCH_BYTES_MAX],
    }]);
    assert!(matches!(
        committer.submit(batch, |_| ()).unwrap_err().why,
        SubmitError::TooLarge { .. }
    ));
    assert_eq!(committer.health(), Health::Writable);
}

#[test]
fn a_read_sees_what_was_submitted_before_it() {
    let committer = Committer::start(Box::new(Memory::new())).unwrap();
    committer.submit(row(3), |_| ()).unwrap();
    let (tell, told) = channel();
    committer
        .scan(1, vec![], move |rows| tell.send(rows.unwrap()).unwrap())
        .unwrap();
    assert_eq!(
        told.recv_timeout(DEADLINE).unwrap(),
        vec![(vec![0, 3], vec![1])]
    );
}

#[test]
fn closing_finishes_what_waits() {
    let (committer, gate) = gated();
    let told = submit_rows(&committer, 0..3);
    for _ in 0..3 {
        gate.go.send(Ok(())).unwrap();
    }
    committer.close().unwrap();
    assert_eq!(told.iter().filter(|(_, kept)| *kept).count(), 3);
    assert_eq!(
        committer.submit(row(1), |_| ()).unwrap_err().why,
        SubmitError::Closed
    );
    assert!(committer.close().is_ok(), "a second close is no error");
}

#[test]
fn a_panicking_completion_harms_nobody_else() {
    let committer = Committer::start(Box::new(Memory::new())).unwrap();
    committer.submit(row(1), |_| panic!("on purpose")).unwrap();
    assert!(committer.commit(row(2)).unwrap() > Seq::ZERO);
}
