//! What waits for the disk thread, bounded in bytes and in number (rule S2).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Done, Refused, SubmitError};
use crate::limits::{GROUP_BATCHES_MAX, GROUP_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_JOBS_MAX};
use crate::{Batch, Health, Store, StoreError};

/// Runs on the store, between two groups.
pub(super) type Read = Box<dyn FnOnce(&dyn Store) + Send>;

pub(super) enum Job {
    Write(Batch, Done),
    Read(Read),
}

/// All jobs of one round: writes in their order, then reads in theirs. A read thus sees every write that
/// was submitted before it, and perhaps some that came later.
pub(super) struct Group {
    pub(super) ops: Batch,
    pub(super) done: Vec<Done>,
    pub(super) reads: Vec<Read>,
}

pub(super) enum Taken {
    Group(Group),
    /// No job waits now.
    Nothing,
    /// Closed, and all jobs are done.
    Closed,
}

pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    left: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    health: Health,
    closed: bool,
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Write(batch, _) => batch.bytes(),
            Self::Read(_) => 0,
        }
    }
}

impl Queue {
    pub(super) fn new(health: Health) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                bytes: 0,
                health,
                closed: false,
            }),
            arrived: Condvar::new(),
            left: Condvar::new(),
        }
    }

    pub(super) fn write(&self, batch: Batch, done: Done) -> Result<(), Refused> {
        let mut state = self.state();
        match state.admit(&batch) {
            Ok(()) => {
                self.push(&mut state, Job::Write(batch, done));
                Ok(())
            }
            Err(why) => Err(Refused { why, batch, done }),
        }
    }

    pub(super) fn write_when_room(&self, batch: Batch, done: Done) -> Result<(), SubmitError> {
        let mut state = self.state();
        loop {
            match state.admit(&batch) {
                Ok(()) => {
                    self.push(&mut state, Job::Write(batch, done));
                    return Ok(());
                }
                Err(SubmitError::Full) => {
                    state = self
                        .left
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                Err(why) => return Err(why),
            }
        }
    }

    pub(super) fn read(&self, read: Read) -> Result<(), SubmitError> {
        let mut state = self.state();
        state.admit_read()?;
        self.push(&mut state, Job::Read(read));
        Ok(())
    }

    pub(super) fn read_when_room(&self, read: Read) -> Result<(), SubmitError> {
        let mut state = self.state();
        while let Err(why) = state.admit_read() {
            if why != SubmitError::Full {
                return Err(why);
            }
            state = self
                .left
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.push(&mut state, Job::Read(read));
        Ok(())
    }

    /// Takes as many jobs as one group holds; when there are none it waits for some, unless told not to.
    pub(super) fn take(&self, waits: bool) -> Taken {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            if !waits {
                return Taken::Nothing;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let group = state.take_group();
        drop(state);
        self.left.notify_all();
        Taken::Group(group)
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
        self.left.notify_all();
    }

    pub(super) fn set_health(&self, health: Health) {
        self.state().health = health;
        self.left.notify_all();
    }

    pub(super) fn health(&self) -> Health {
        self.state().health.clone()
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.state().bytes
    }

    fn push(&self, state: &mut State, job: Job) {
        state.bytes += job.bytes();
        state.jobs.push_back(job);
        self.arrived.notify_one();
    }

    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&self, batch: &Batch) -> Result<(), SubmitError> {
        if self.closed {
            return Err(SubmitError::Closed);
        }
        if let Health::ReadOnly { why } = &self.health {
            return Err(SubmitError::ReadOnly { why: why.clone() });
        }
        if let Err(StoreError::TooLarge { bytes, bytes_max }) = batch.check_size() {
            return Err(SubmitError::TooLarge { bytes, bytes_max });
        }
        if self.jobs.len() >= QUEUE_JOBS_MAX || self.bytes + batch.bytes() > QUEUE_BYTES_MAX {
            return Err(SubmitError::Full);
        }
        Ok(())
    }

    fn admit_read(&self) -> Result<(), SubmitError> {
        if self.closed {
            Err(SubmitError::Closed)
        } else if self.jobs.len() >= QUEUE_JOBS_MAX {
            Err(SubmitError::Full)
        } else {
            Ok(())
        }
    }

    fn take_group(&mut self) -> Group {
        let mut group = Group {
            ops: Batch::default(),
            done: Vec::new(),
            reads: Vec::new(),
        };
        let mut bytes = 0;
        while let Some(job) = self.jobs.pop_front() {
            let more = job.bytes();
            if !group.done.is_empty()
                && (bytes + more > GROUP_BYTES_MAX || group.done.len() >= GROUP_BATCHES_MAX)
            {
                self.jobs.push_front(job);
                break;
            }
            bytes += more;
            self.bytes = self.bytes.saturating_sub(more);
            match job {
                Job::Write(batch, done) => {
                    group.ops.0.extend(batch.0);
                    group.done.push(done);
                }
                Job::Read(read) => group.reads.push(read),
            }
        }
        group
    }
}
