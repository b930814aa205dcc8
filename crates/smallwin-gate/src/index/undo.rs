//! Takes the last admissions back.

use super::{ChangeIndex, Entry, prefix};

impl ChangeIndex {
    /// Takes back what was admitted after the first `len` changes, as if it never had been.
    /// It costs as much as admitting that did.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.changes.len() > len {
            if let Some(entry) = self.changes.pop() {
                self.forget(&entry);
            }
        }
    }

    /// The last change: its actor and the operation counter up to which the actor's others reach.
    pub(crate) fn last(&self) -> Option<(u32, u32)> {
        let entry = self.changes.last()?;
        let before = u64::from(entry.seq).saturating_sub(1);
        let reach = self.entry_of(entry.actor, before);
        Some((entry.actor, reach.map_or(0, |before| before.max_op)))
    }

    fn forget(&mut self, entry: &Entry) {
        let number = self.changes.len() as u32;
        self.by_hash.remove(&(prefix(&entry.hash), number));
        self.heads.remove(&number);
        for dep in &entry.deps {
            if let Some(below) = self.changes.get_mut(*dep as usize) {
                below.dependents -= 1;
                if below.dependents == 0 {
                    self.heads.insert(*dep);
                }
            }
        }
        let clock_bytes = entry
            .clock
            .as_ref()
            .map_or(0, |clock| size_of_val(&**clock));
        self.clock_bytes -= clock_bytes;
        let Some(actor) = self.actors.get_mut(entry.actor as usize) else {
            return;
        };
        actor.changes.pop();
        if actor.changes.is_empty() {
            // Later actors came with later changes, which are gone already.
            if let Some(actor) = self.actors.pop() {
                self.by_actor.remove(&*actor.id);
            }
        }
    }
}
