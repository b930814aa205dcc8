//! Threads for work that would hold up the engine, and what happens when it never ends.
//!
//! A thread cannot be stopped from outside. Work that takes too long is given up: its thread is
//! left to itself and another one takes its place, a few times in the life of the process.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use smallwin_sync::{Done, JobId, Work};

use super::{Wake, WakeSender};
use crate::clock::instant;
use crate::limits::{JOB_MAX, JOB_THREADS, LOST_THREADS_MAX};

/// The threads and what waits for them.
#[derive(Clone)]
pub(crate) struct Jobs(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    wake: WakeSender,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(JobId, Task)>,
    running: BTreeMap<JobId, Instant>,
    /// Threads that have nothing to do, or will be done in time.
    threads: usize,
    lost_threads: usize,
    closed: bool,
}

type Task = Box<dyn FnOnce() -> Done + Send>;

const OUT_OF_ORDER: &str = "too much work was given up; the next start tries again";

impl Jobs {
    pub(crate) fn new(wake: WakeSender) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State::default()),
            arrived: Condvar::new(),
            wake,
        }))
    }

    /// Does some work; `Worked` or `WorkLost` comes back.
    pub(crate) fn run(&self, job: JobId, work: Work) {
        self.put(job, Box::new(move || work.run()));
    }

    fn put(&self, job: JobId, task: Task) {
        let mut state = self.0.state();
        if state.is_out_of_order() {
            return self.0.lose(job, OUT_OF_ORDER);
        }
        state.waiting.push_back((job, task));
        self.staff(&mut state);
        drop(state);
        self.0.arrived.notify_one();
    }

    /// Sees to it that somebody does what waits.
    fn staff(&self, state: &mut State) {
        if state.waiting.is_empty() || state.threads >= JOB_THREADS {
            return;
        }
        match self.start() {
            Ok(()) => state.threads += 1,
            // Tried again with the next work, or the next time somebody watches.
            Err(error) => tracing::error!(%error, "the system gives no thread"),
        }
    }

    fn start(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name(String::from("smallwin-work"));
        thread.spawn(move || shared.serve()).map(drop)
    }

    /// Gives up what has been running for too long. Called about once a second.
    pub(crate) fn watch(&self) {
        self.watch_at(instant());
    }

    fn watch_at(&self, now: Instant) {
        let mut state = self.0.state();
        let late = |began: &Instant| now.saturating_duration_since(*began) > JOB_MAX;
        let lost: Vec<JobId> = state
            .running
            .iter()
            .filter(|(_, began)| late(began))
            .map(|(job, _)| *job)
            .collect();
        for job in &lost {
            state.running.remove(job);
            state.threads -= 1;
            state.lost_threads += 1;
            self.0.lose(*job, "it took too long");
        }
        if state.is_out_of_order() {
            for (job, _) in std::mem::take(&mut state.waiting) {
                self.0.lose(job, OUT_OF_ORDER);
            }
        }
        self.staff(&mut state);
    }

    /// Lets the threads end when they are done.
    pub(crate) fn close(&self) {
        self.0.state().closed = true;
        self.0.arrived.notify_all();
    }

    /// How many threads were left to themselves.
    pub(crate) fn lost_threads(&self) -> usize {
        self.0.state().lost_threads
    }
}

impl State {
    fn is_out_of_order(&self) -> bool {
        self.lost_threads >= LOST_THREADS_MAX
    }
}

impl Shared {
    /// One thread: takes work until there will be no more, or until it was given up.
    fn serve(&self) {
        while let Some((job, task)) = self.next() {
            let done = task();
            if self.state().running.remove(&job).is_none() {
                // Given up meanwhile: another thread has this one's place.
                return;
            }
            let _engine_stopped = self.wake.send(Wake::Worked { job, done });
        }
    }

    fn next(&self) -> Option<(JobId, Task)> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some((job, task)) = state.waiting.pop_front() {
                state.running.insert(job, instant());
                return Some((job, task));
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lose(&self, job: JobId, why: &str) {
        let why = why.to_owned();
        let _engine_stopped = self.wake.send(Wake::WorkLost { job, why });
    }

    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("lost_threads", &self.lost_threads())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::{WakeReceiver, wakes};
    use super::*;

    /// Work that says that it began, and never ends.
    fn endless(begun: &mpsc::Sender<u64>, number: u64) -> Task {
        let begun = begun.clone();
        Box::new(move || {
            begun.send(number).unwrap();
            loop {
                std::thread::park();
            }
        })
    }

    fn lost(wakes: &mut WakeReceiver) -> u64 {
        match wakes.blocking_recv() {
            Some(Wake::WorkLost { job, .. }) => job.0,
            _ => u64::MAX,
        }
    }

    #[test]
    fn g2_work_that_never_ends_is_given_up_and_others_take_its_place() {
        let (wake, mut wakes) = wakes();
        let jobs = Jobs::new(wake);
        let (begun, begins) = mpsc::channel();
        let much_later = || instant() + JOB_MAX + Duration::from_secs(1);
        for number in 0..LOST_THREADS_MAX as u64 {
            jobs.put(JobId(number), endless(&begun, number));
            assert_eq!(begins.recv().unwrap(), number);
            // In time, nothing is given up.
            jobs.watch();
            jobs.watch_at(much_later());
            assert_eq!(lost(&mut wakes), number);
            assert_eq!(jobs.lost_threads() as u64, number + 1);
        }
        // Now nobody begins any more, and whoever asks hears so.
        jobs.put(JobId(99), endless(&begun, 99));
        assert_eq!(lost(&mut wakes), 99);
        assert!(begins.try_recv().is_err());
    }

    #[test]
    fn g2_what_waits_is_begun_when_the_threads_are_lost() {
        let (wake, mut wakes) = wakes();
        let jobs = Jobs::new(wake);
        let (begun, begins) = mpsc::channel();
        let threads = JOB_THREADS as u64;
        for number in 0..=threads {
            jobs.put(JobId(number), endless(&begun, number));
        }
        for _ in 0..threads {
            assert!(begins.recv().unwrap() < threads);
        }
        jobs.watch_at(instant() + JOB_MAX + Duration::from_secs(1));
        assert!((0..threads).all(|_| lost(&mut wakes) < threads));
        assert_eq!(begins.recv().unwrap(), threads);
    }
}
