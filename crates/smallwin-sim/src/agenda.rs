//! Virtual time: what happens next, and when.

use std::collections::BTreeMap;

/// Things that will happen, in order of time; things of one moment in the order they were put down.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    now_ms: u64,
    put_down: u64,
    things: BTreeMap<(u64, u64), T>,
}

impl<T> Agenda<T> {
    /// An empty agenda at time 0.
    pub(crate) fn new() -> Agenda<T> {
        Agenda {
            now_ms: 0,
            put_down: 0,
            things: BTreeMap::new(),
        }
    }

    /// Milliseconds since the world began.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Puts down something that happens `after_ms` from now.
    pub(crate) fn put(&mut self, after_ms: u64, thing: T) {
        self.put_down += 1;
        self.things
            .insert((self.now_ms + after_ms, self.put_down), thing);
    }

    /// Moves the time to the next thing and hands it over, unless it lies after `until_ms`; then
    /// the time becomes `until_ms`.
    pub(crate) fn next(&mut self, until_ms: u64) -> Option<T> {
        let due = self
            .things
            .first_entry()
            .filter(|first| first.key().0 <= until_ms);
        match due {
            Some(first) => {
                let ((at_ms, _), thing) = first.remove_entry();
                self.now_ms = at_ms;
                Some(thing)
            }
            None => {
                self.now_ms = self.now_ms.max(until_ms);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_orders_and_then_the_order_of_writing() {
        let mut agenda = Agenda::new();
        agenda.put(20, "late");
        agenda.put(10, "first");
        agenda.put(10, "second");
        assert_eq!((agenda.next(15), agenda.now_ms()), (Some("first"), 10));
        agenda.put(0, "third");
        assert_eq!(agenda.next(15), Some("second"));
        assert_eq!(agenda.next(15), Some("third"));
        assert_eq!((agenda.next(15), agenda.now_ms()), (None, 15));
        assert_eq!((agenda.next(100), agenda.now_ms()), (Some("late"), 20));
    }
}
