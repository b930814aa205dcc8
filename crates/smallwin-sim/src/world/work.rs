//! Work that engines hand out: it takes a while, and dies with the process.

use smallwin_sync::limits::Limits;
use smallwin_sync::{Event, JobId, Work};

use super::{Happening, World};
use crate::network::SiteId;

impl World {
    /// Limits so low that documents are compacted again and again, and work is handed out often.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            documents_open_max: self.pace.documents_open_max,
            index_inline_bytes_max: 1024,
            compact_changes_min: if self.options.seed.is_multiple_of(4) {
                5
            } else {
                50
            },
            compact_bytes_min: 0,
            compact_factor: 1,
            ..Limits::default()
        }
    }

    pub(super) fn hand_out(&mut self, site: SiteId, job: JobId, work: Work) {
        self.moved();
        let (starts, name) = (self.site(site).starts, self.name(&work.document()));
        self.tell(site, format_args!("begins to {} {name}", work.kind()));
        let after_ms = self.chance.between(0, self.pace.disk_ms * 2);
        self.agenda
            .put(after_ms, Happening::Worked(site, starts, job, work));
    }

    pub(super) fn worked(&mut self, site: SiteId, starts: u64, job: JobId, work: Work) {
        if self.site(site).runs(starts) {
            self.moved();
            let done = work.run();
            self.tell(site, format_args!("{done:?}"));
            self.wake(site, Event::Worked { job, done });
        }
    }
}
