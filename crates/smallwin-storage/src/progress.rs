//! How far a long work is.

use std::fmt;
use std::sync::Arc;

/// Told how far work is that may take long. Cheap to clone; the default one tells nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Tell>>);

type Tell = dyn Fn(&'static str, u64, u64) + Send + Sync;

impl Progress {
    /// Tells `tell` what is being done, how much of it is done, and how much there is. It is called
    /// often, from whichever thread does the work, and must be quick.
    pub fn new(tell: impl Fn(&'static str, u64, u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Says that `done` of `total` parts of the work named `what` are done.
    pub fn tell(&self, what: &'static str, done: u64, total: u64) {
        if let Some(tell) = &self.0 {
            tell(what, done, total);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}
