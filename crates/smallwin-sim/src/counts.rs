//! What was done in a run, or in many.

use std::fmt;
use std::ops::AddAssign;

macro_rules! counts {
    ($($(#[doc = $doc:literal])* $name:ident => $word:literal,)*) => {
        /// What was done in a run, or in many.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// The longest time from the end of trouble, or the last news after it, until all had
            /// everything, in virtual milliseconds.
            pub converged_ms: u64,
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Counts) {
                $(self.$name += other.$name;)*
                self.converged_ms = self.converged_ms.max(other.converged_ms);
            }
        }

        impl Counts {
            /// Every count with what it counts, in the order of the story.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$(($word, self.$name),)* (CONVERGED, self.converged_ms)]
            }

            /// The same counts from what [`Counts::all`] gave; what it does not name is 0.
            pub fn from_all(named: impl Fn(&'static str) -> Option<u64>) -> Counts {
                Counts {
                    $($name: named($word).unwrap_or_default(),)*
                    converged_ms: named(CONVERGED).unwrap_or_default(),
                }
            }
        }
    };
}

counts! {
    /// Worlds that came to a good end.
    worlds => "worlds",
    /// Virtual milliseconds from the first start to the last quiet.
    virtual_ms => "virtual ms",
    /// Members in the end.
    members => "members",
    /// Frames sent by engines.
    frames => "frames",
    /// Changes that their writers were told are kept.
    changes => "changes kept",
    /// Records that their authors were told are kept.
    records => "records kept",
    /// Snapshots that engines asked to keep in place of changes.
    snapshots => "snapshots of documents",
    /// Changes made by stock peers.
    stock_changes => "stock changes",
    /// Presence messages of stock peers.
    presence => "presence messages",
    /// Processes that died.
    crashes => "crashes",
    /// Ways cut, one direction each.
    cuts => "cuts",
    /// Connections lost.
    lost_conns => "lost connections",
    /// Times in which frames took seconds.
    slow_ways => "slow ways",
    /// Peers that did not read for a while, or read slowly.
    slow_readers => "slow readers",
    /// Disks that failed.
    failed_disks => "failed disks",
    /// Disks that were full for a while.
    full_disks => "full disks",
    /// Disks that were slow for a while.
    slow_disks => "slow disks",
    /// Disks that said durable and did not write.
    lying_disks => "lying disks",
    /// Acknowledged things that a lying disk lost.
    lied_away => "acknowledged and lost by lying disks",
    /// Clocks that jumped by an hour.
    clock_jumps => "clock jumps",
    /// Changes sent by people who may not make them.
    forged => "forgeries",
    /// Frames sent by peers who do as they like.
    rogue_frames => "rogue frames",
}

const CONVERGED: &str = "ms to converge";

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (word, count)) in self.all().into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {word}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_the_slowest_stays() {
        let one = |frames, converged_ms| Counts {
            frames,
            converged_ms,
            ..Counts::default()
        };
        let mut sum = one(2, 900);
        sum += one(3, 40);
        assert_eq!(sum, one(5, 900));
        assert!(sum.to_string().ends_with("900 ms to converge"));
        let all = sum.all();
        let named = |name| {
            all.iter()
                .find(|(word, _)| *word == name)
                .map(|(_, count)| *count)
        };
        assert_eq!(Counts::from_all(named), sum);
    }
}
