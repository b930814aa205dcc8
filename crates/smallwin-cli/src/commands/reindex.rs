//! Builds the index anew.

use std::path::Path;

use smallwin_node::progress;
use smallwin_storage::{JournalStore, Lock, Options, Store};

use crate::output;

/// Builds the index anew from the journal, and gives back space that nothing uses.
pub(super) fn run(data: &Path) -> anyhow::Result<()> {
    let _lock = Lock::take(data)?;
    let options = Options {
        progress: progress::on_terminal(),
        ..Options::default()
    };
    let mut store = JournalStore::open(&data.join("store"), options)?;
    let gained = store.compact()?;
    Box::new(store).close()?;
    output::line(format!(
        "The index is new. The journal takes {} MB, {} MB before.",
        gained.bytes_after.div_ceil(1 << 20),
        gained.bytes_before.div_ceil(1 << 20)
    ))
}
