//! The disk thread: take a group, commit it, tell everyone, serve the reads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::queue::{Group, Queue};
use crate::{Health, Seq, Store, StoreError};

pub(super) fn run(mut store: Box<dyn Store>, queue: &Queue) -> Result<(), StoreError> {
    let mut panicked = false;
    while let Some(Group { ops, done, reads }) = queue.take() {
        if !done.is_empty() {
            let kept = if panicked {
                Err(fallen())
            } else {
                commit(&mut *store, &ops, &mut panicked)
            };
            if kept.is_err() {
                queue.set_health(if panicked {
                    read_only()
                } else {
                    store.health()
                });
            }
            for done in done {
                supervised("a completion", || done(kept.clone()));
            }
        }
        for read in reads {
            supervised("a read", || read(&*store));
        }
    }
    if panicked {
        Err(fallen())
    } else {
        store.close()
    }
}

/// A store that panicked may be in any state: it is not written to again.
fn commit(
    store: &mut dyn Store,
    ops: &crate::Batch,
    panicked: &mut bool,
) -> Result<Seq, StoreError> {
    if let Health::ReadOnly { why } = store.health() {
        return Err(StoreError::ReadOnly { why });
    }
    catch_unwind(AssertUnwindSafe(|| store.commit(ops))).unwrap_or_else(|_| {
        *panicked = true;
        Err(fallen())
    })
}

/// One caller's panic must not take the disk thread from all others.
fn supervised(what: &'static str, run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!(what, "panicked on the disk thread");
    }
}

fn fallen() -> StoreError {
    StoreError::ReadOnly { why: FALLEN.into() }
}

fn read_only() -> Health {
    Health::ReadOnly { why: FALLEN.into() }
}

const FALLEN: &str = "the store panicked, which is an error in the program";
