//! A store whose disk the simulation plays: commits become durable when it says so, and a crash drops
//! the rest.

use std::collections::VecDeque;

use crate::{Batch, Chunk, DocKey, Health, Memory, Page, Seq, Store, StoreError, Visit};

/// An in-memory disk under the driver's hand, deterministic.
///
/// As a [`Store`] it behaves like any other: [`Store::commit`] is durable on return. The simulation uses
/// the parts instead: [`Faulty::submit`] writes without making durable, [`Faulty::sync`] makes the oldest
/// written batch durable (only then may its completion be told, rule K1), and [`Faulty::crash`] is the
/// power cut. Reads see what is durable and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Faulty {
    durable: Memory,
    written: VecDeque<Batch>,
    failing: bool,
    broken: Option<String>,
}

impl Faulty {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a batch without making it durable.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], or [`StoreError::ReadOnly`] after a failed sync.
    pub fn submit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.writable()?;
        batch.check_size()?;
        self.written.push_back(batch);
        Ok(())
    }

    /// How many batches are written and not durable yet.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.written.len()
    }

    /// Makes the oldest written batch durable and returns its number; `None` when nothing waits.
    ///
    /// # Errors
    /// After [`Faulty::fail_next_sync`] the sync fails and the disk takes no writes until a crash. The
    /// batches that were written stay undecided, as on a real disk.
    pub fn sync(&mut self) -> Result<Option<Seq>, StoreError> {
        self.writable()?;
        if self.written.is_empty() {
            return Ok(None);
        }
        if self.failing {
            self.broken = Some("a write to the disk failed".into());
            return self.writable().map(|()| None);
        }
        let Some(batch) = self.written.pop_front() else {
            return Ok(None);
        };
        self.durable.commit(&batch).map(Some)
    }

    /// The next sync fails.
    pub fn fail_next_sync(&mut self) {
        self.failing = true;
    }

    /// The power fails and comes back: of the batches written but not durable, the first `survivors` made
    /// it to the disk all the same, the rest is gone. Nobody was told about either, so both are right.
    pub fn crash(&mut self, survivors: usize) {
        for batch in self.written.drain(..).take(survivors) {
            // Memory refuses only batches over the limit, and `submit` has refused those before.
            let _ = self.durable.commit(&batch);
        }
        self.written.clear();
        self.failing = false;
        self.broken = None;
    }

    fn writable(&self) -> Result<(), StoreError> {
        match &self.broken {
            Some(why) => Err(StoreError::ReadOnly { why: why.clone() }),
            None => Ok(()),
        }
    }
}

impl Store for Faulty {
    fn commit(&mut self, batch: &Batch) -> Result<Seq, StoreError> {
        self.submit(batch.clone())?;
        let mut last = self.last();
        while let Some(seq) = self.sync()? {
            last = seq;
        }
        Ok(last)
    }

    fn last(&self) -> Seq {
        self.durable.last()
    }

    fn load(&self, doc: &DocKey) -> Result<Vec<Chunk>, StoreError> {
        self.durable.load(doc)
    }

    fn since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError> {
        self.durable.since(cursor, limit)
    }

    fn documents(&self) -> Result<Vec<DocKey>, StoreError> {
        self.durable.documents()
    }

    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.durable.get(table, key)
    }

    fn scan(&self, table: u8, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.durable.scan(table, prefix, visit)
    }

    fn health(&self) -> Health {
        match &self.broken {
            Some(why) => Health::ReadOnly { why: why.clone() },
            None => Health::Writable,
        }
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::Op;

    fn row(key: u8) -> Batch {
        Batch(vec![Op::Put {
            table: 1,
            key: vec![key],
            value: vec![key],
        }])
    }

    #[test]
    fn k1_a_crash_drops_what_was_not_synced() {
        let mut disk = Faulty::new();
        for key in 0..3 {
            disk.submit(row(key)).unwrap();
        }
        assert_eq!(
            disk.get(1, &[0]).unwrap(),
            None,
            "not durable yet, so not visible"
        );
        assert_eq!(disk.sync().unwrap(), Some(Seq(1)));
        disk.crash(1);
        let kept: Vec<bool> = (0..3)
            .map(|key| disk.get(1, &[key]).unwrap().is_some())
            .collect();
        assert_eq!(kept, [true, true, false]);
        assert_eq!(disk.unsynced(), 0);
    }

    #[test]
    fn a_failed_sync_makes_it_read_only_until_it_is_opened_again() {
        let mut disk = Faulty::new();
        disk.fail_next_sync();
        assert!(matches!(
            disk.commit(&row(1)),
            Err(StoreError::ReadOnly { .. })
        ));
        assert!(matches!(
            disk.submit(row(2)),
            Err(StoreError::ReadOnly { .. })
        ));
        assert!(matches!(disk.health(), Health::ReadOnly { .. }));
        disk.crash(0);
        assert_eq!(disk.commit(&row(3)).unwrap(), Seq(1));
    }
}
