//! The disk thread: take a group, commit it, tell everyone, serve the reads, tend the store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::queue::{Group, Queue, Taken};
use crate::{Health, Seq, Store, StoreError};

pub(super) fn run(mut store: Box<dyn Store>, queue: &Queue) -> Result<(), StoreError> {
    let mut panicked = false;
    let mut more_waits = false;
    loop {
        match queue.take(!more_waits) {
            Taken::Closed => break,
            Taken::Nothing => {}
            Taken::Group(group) => serve(&mut *store, group, queue, &mut panicked),
        }
        // What can wait has its turn behind every group, so that it comes to its end under any load.
        more_waits = tend(&mut *store, queue, &mut panicked);
    }
    if panicked {
        Err(fallen())
    } else {
        store.close()
    }
}

/// Commits the writes of a group, tells everyone, then serves the reads.
fn serve(store: &mut dyn Store, group: Group, queue: &Queue, panicked: &mut bool) {
    let Group { ops, done, reads } = group;
    if !done.is_empty() {
        let kept = if *panicked {
            Err(fallen())
        } else {
            commit(store, &ops, panicked)
        };
        if kept.is_err() {
            queue.set_health(if *panicked {
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
        supervised("a read", || read(store));
    }
}

/// Lets the store do what can wait, and says whether more waits.
fn tend(store: &mut dyn Store, queue: &Queue, panicked: &mut bool) -> bool {
    if *panicked {
        return false;
    }
    let tended = catch_unwind(AssertUnwindSafe(|| store.tend())).unwrap_or_else(|_| {
        *panicked = true;
        Err(fallen())
    });
    match tended {
        Ok(more) => more,
        Err(error) => {
            tracing::error!(%error, "the store could not be tended");
            queue.set_health(if *panicked {
                read_only()
            } else {
                store.health()
            });
            false
        }
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
