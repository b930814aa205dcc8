//! What is too long for the engine's thread: the engine hands it out, the caller runs it anywhere.

mod compact;
mod index;

use std::fmt;

pub(crate) use self::compact::{Compact, Compacted};
pub(crate) use self::index::{Index, Indexed, begin};
use super::apply::caught;
use crate::DocKey;

/// A piece of work on one document. [`run`](Work::run) it on any thread: it needs nothing but
/// itself, takes as long as the document is big, and never panics.
#[derive(Clone)]
pub struct Work {
    pub(crate) document: DocKey,
    pub(crate) task: Task,
}

#[derive(Clone)]
pub(crate) enum Task {
    Index(Index),
    Compact(Compact),
}

/// What a [`Work`] came to, for [`Event::Worked`](crate::Event::Worked).
#[derive(Clone)]
pub struct Done(pub(crate) Outcome);

#[derive(Clone)]
pub(crate) enum Outcome {
    Indexed(Box<Indexed>),
    Compacted(Compacted),
    /// It cannot be done: what is wrong, for people.
    Failed(&'static str),
}

impl Work {
    /// Does the work.
    #[must_use]
    pub fn run(self) -> Done {
        let outcome = caught(|| match self.task {
            Task::Index(task) => Outcome::Indexed(Box::new(task.run())),
            Task::Compact(task) => match task.run() {
                Ok(compacted) => Outcome::Compacted(compacted),
                Err(why) => Outcome::Failed(why),
            },
        });
        Done(outcome.unwrap_or(Outcome::Failed("Automerge panicked")))
    }

    /// A word for logs: `index` or `compact`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.task {
            Task::Index(_) => "index",
            Task::Compact(_) => "compact",
        }
    }

    /// The document it is about.
    #[must_use]
    pub fn document(&self) -> DocKey {
        self.document
    }

    /// Bytes of changes and snapshots that it works on.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.task {
            Task::Index(task) => task.bytes(),
            Task::Compact(task) => task.bytes(),
        }
    }
}

// Content is shown to nobody, logs included.
impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("kind", &self.kind())
            .field("document", &self.document)
            .field("bytes", &self.bytes())
            .finish()
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.0 {
            Outcome::Indexed(_) => "indexed",
            Outcome::Compacted(_) => "compacted",
            Outcome::Failed(why) => why,
        };
        f.debug_tuple("Done").field(&what).finish()
    }
}
