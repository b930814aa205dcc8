//! How news spreads: when something was durable anywhere for the first time, and when the last site
//! got it.

use std::collections::BTreeSet;

use super::World;
use crate::network::SiteId;
use crate::oracle::{Hash, Violation};

/// What is known, and when it moved.
#[derive(Debug, Default)]
pub(super) struct Spread {
    known: BTreeSet<Hash>,
    /// When something last was news to the world.
    news_ms: u64,
    /// When something last was news to a site, and to no more than that.
    copied_ms: u64,
    /// When all trouble ended.
    pub(super) healed_ms: u64,
}

impl World {
    /// Takes note of what became durable at a site.
    pub(super) fn note_news(&mut self, site: SiteId) {
        let news = self.site_mut(site).disk.take_news();
        self.spread_to_one(news);
    }

    /// Somebody has these now who did not before.
    pub(super) fn spread_to_one(&mut self, news: impl IntoIterator<Item = Hash>) {
        let now_ms = self.now_ms();
        for hash in news {
            if self.spread.known.insert(hash) {
                self.spread.news_ms = now_ms;
            } else {
                self.spread.copied_ms = now_ms;
            }
        }
    }

    /// On a quiet world: how long it took since the healing, or the last news after it.
    pub(super) fn hold_convergence(&mut self) -> Result<(), Violation> {
        let spread = &self.spread;
        let began_ms = spread.healed_ms.max(spread.news_ms);
        let took_ms = spread.copied_ms.saturating_sub(began_ms);
        self.counts.converged_ms = self.counts.converged_ms.max(took_ms);
        if took_ms <= CONVERGENCE_MS {
            return Ok(());
        }
        Err(Violation::new(
            "convergence",
            format!(
                "the last site had everything {took_ms} ms after the end of trouble and of news, more than {CONVERGENCE_MS}"
            ),
        ))
    }
}

/// All that is connected has the same after so long without trouble or news.
const CONVERGENCE_MS: u64 = 30_000;
