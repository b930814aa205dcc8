//! Group commit: one thread owns the store, and all that waits shares one `fdatasync`.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use crate::{Batch, Chunk, DocKey, Health, Seq, Store, StoreError};

mod queue;
mod worker;

use queue::Queue;

/// Told what became of a batch, on the committer's thread; it must not block.
pub type Done = Box<dyn FnOnce(Result<Seq, StoreError>) + Send>;

/// Rows of a table, as (key, value), in the order of their keys.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Owns a store on a thread of its own. Cheap to clone; all clones share the thread.
///
/// There is no timer: while one group is being made durable, the next one gathers, so groups grow with
/// the load and an idle store answers after one `fdatasync`. Completions run in the order of submission,
/// each after its batch is durable (rule K1). Nothing here blocks a caller except [`Committer::commit`],
/// [`Committer::close`] and what is named so, so it may be used from async code.
#[derive(Clone)]
pub struct Committer {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

/// Why the committer did not take a job.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Too much waits already; try again when something completed.
    #[error("too much waits for the disk; try again shortly")]
    Full,
    /// The store takes no writes any more.
    #[error("the store is read-only until it is opened again: {why}")]
    ReadOnly {
        /// What happened.
        why: String,
    },
    /// The batch is over its limit and never fits.
    #[error("{bytes} bytes are more than the limit of {bytes_max}")]
    TooLarge {
        /// The size found.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The committer was closed.
    #[error("the store is closed")]
    Closed,
}

/// A batch that was not taken, given back whole; its completion was not and will not be run.
pub struct Refused {
    /// Why.
    pub why: SubmitError,
    /// The batch.
    pub batch: Batch,
    /// Its completion.
    pub done: Done,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(store: Box<dyn Store>) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(store.health()));
        let taken = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("smallwin-disk".into())
            .spawn(move || worker::run(store, &taken))?;
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Hands over a batch; `done` is told when it is durable, or that it failed.
    ///
    /// # Errors
    /// [`Refused`], with the batch and its completion.
    pub fn submit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<Seq, StoreError>) + Send + 'static,
    ) -> Result<(), Refused> {
        self.submit_boxed(batch, Box::new(done))
    }

    /// As [`Committer::submit`], for a completion that is boxed already (one that was [`Refused`]).
    ///
    /// # Errors
    /// [`Refused`], with the batch and its completion.
    pub fn submit_boxed(&self, batch: Batch, done: Done) -> Result<(), Refused> {
        self.inner.queue.write(batch, done)
    }

    /// As [`Committer::submit`], but waits for room in the queue instead of refusing. Not for async code,
    /// and not for a completion.
    ///
    /// # Errors
    /// Every [`SubmitError`] but [`SubmitError::Full`]; `done` is then dropped unrun.
    pub fn submit_blocking(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<Seq, StoreError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.inner.queue.write_when_room(batch, Box::new(done))
    }

    /// Commits a batch and waits, first for room in the queue and then for the disk. Not for async code.
    ///
    /// # Errors
    /// What the store said, or [`StoreError::ReadOnly`] when the committer was closed.
    pub fn commit(&self, batch: Batch) -> Result<Seq, StoreError> {
        let (done, answer) = mpsc::sync_channel(1);
        let done: Done = Box::new(move |result| {
            // The receiver waits below; it cannot be gone.
            let _ = done.send(result);
        });
        self.inner.queue.write_when_room(batch, done)?;
        answer.recv().unwrap_or_else(|_| Err(closed()))
    }

    /// Runs `read` on the store, after everything that was submitted before it. Keep it short: writes wait.
    ///
    /// # Errors
    /// [`SubmitError::Full`] or [`SubmitError::Closed`]; `read` is then dropped unrun.
    pub fn read(&self, read: impl FnOnce(&dyn Store) + Send + 'static) -> Result<(), SubmitError> {
        self.inner.queue.read(Box::new(read))
    }

    /// As [`Committer::read`], but waits for room in the queue instead of refusing. Not for async code, and
    /// not for a completion.
    ///
    /// # Errors
    /// [`SubmitError::Closed`]; `read` is then dropped unrun.
    pub fn read_blocking(
        &self,
        read: impl FnOnce(&dyn Store) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.inner.queue.read_when_room(Box::new(read))
    }

    /// Loads a document's chunks, see [`Store::load`].
    ///
    /// # Errors
    /// As [`Committer::read`].
    pub fn load(
        &self,
        doc: DocKey,
        done: impl FnOnce(Result<Vec<Chunk>, StoreError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.read(move |store| done(store.load(&doc)))
    }

    /// Reads a row, see [`Store::get`].
    ///
    /// # Errors
    /// As [`Committer::read`].
    pub fn get(
        &self,
        table: u8,
        key: Vec<u8>,
        done: impl FnOnce(Result<Option<Vec<u8>>, StoreError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.read(move |store| done(store.get(table, &key)))
    }

    /// Lists all documents, see [`Store::documents`].
    ///
    /// # Errors
    /// As [`Committer::read`].
    pub fn documents(
        &self,
        done: impl FnOnce(Result<Vec<DocKey>, StoreError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.read(move |store| done(store.documents()))
    }

    /// Collects the rows of a table whose key starts with `prefix`, see [`Store::scan`].
    ///
    /// # Errors
    /// As [`Committer::read`].
    pub fn scan(
        &self,
        table: u8,
        prefix: Vec<u8>,
        done: impl FnOnce(Result<Rows, StoreError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        self.read(move |store| {
            let mut rows = Rows::new();
            let scanned = store.scan(table, &prefix, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            });
            done(scanned.map(|()| rows));
        })
    }

    /// Whether writes are taken.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.queue.health()
    }

    /// Bytes that wait for the disk now.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.inner.queue.waiting_bytes()
    }

    /// Takes nothing more, finishes all that waits, closes the store, and returns when that is done. The
    /// second close of the same committer returns at once. It blocks: not for async code, and not for a
    /// completion.
    ///
    /// # Errors
    /// What [`Store::close`] said.
    pub fn close(&self) -> Result<(), StoreError> {
        self.inner.queue.close();
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(closed)) => closed,
            Some(Err(_)) => Err(StoreError::ReadOnly {
                why: "the disk thread panicked".into(),
            }),
        }
    }
}

impl Drop for Inner {
    /// The thread finishes what waits and ends; nobody waits for it here, since the last clone may be
    /// dropped by a completion, on that very thread.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("why", &self.why)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

fn closed() -> StoreError {
    StoreError::ReadOnly {
        why: "the store was closed".into(),
    }
}

impl From<SubmitError> for StoreError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::TooLarge { bytes, bytes_max } => Self::TooLarge { bytes, bytes_max },
            SubmitError::ReadOnly { why } => Self::ReadOnly { why },
            SubmitError::Closed => closed(),
            SubmitError::Full => Self::ReadOnly {
                why: "too much waits for the disk".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
