//! Which changes of a document are admitted: a pure function of what is known of it (rule C1).
//!
//! Admitted are the changes whose author may write, proved by a frontier, the heads that a record
//! pins, and everything these build on (`docs/spec.md` §5).

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::DeviceKey;
use smallwin_gate::{ChangeHeader, ChangeIndex, Rules};

use super::document::{Document, Verdict};
use super::refused::MALFORMED;

/// What the log says about the writers of one document.
#[derive(Debug)]
pub(crate) enum Writers {
    /// Anybody, unsigned: the open space.
    Anybody,
    /// By device: allowed, or the code of the refusal. Devices not named are not writers.
    Devices {
        verdicts: BTreeMap<DeviceKey, Result<(), &'static str>>,
        pinned: Vec<[u8; 32]>,
    },
}

/// Judges everything that waits or was refused. `index` takes in what is admitted.
pub(super) fn judge(
    document: &Document,
    writers: &Writers,
    index: &mut ChangeIndex,
    rules: &Rules,
) -> Verdict {
    let candidates = Candidates { document };
    let covered = covered(&candidates);
    let mut standings = blocked(&candidates, index);
    let mut verdict = Verdict::default();
    for hash in candidates.hashes() {
        let Some(header) = candidates.header(&hash) else {
            continue;
        };
        if !standings.contains_key(&hash) && standing_of(header, &covered, writers) == Root::Yes {
            admit_closure(
                hash,
                &candidates,
                index,
                rules,
                &mut standings,
                &mut verdict,
            );
        }
    }
    for (hash, pending) in &document.pending {
        match standings.get(hash) {
            Some(Standing::Admitted) => {}
            Some(Standing::Bad) => verdict.refused.push((*hash, MALFORMED)),
            Some(Standing::Incomplete) | None => {
                if let Root::No(code) = standing_of(&pending.header, &covered, writers) {
                    verdict.refused.push((*hash, code));
                }
            }
        }
    }
    verdict
}

/// Changes that are not applied but may be: those that wait, and those whose refusal the log can lift.
struct Candidates<'a> {
    document: &'a Document,
}

impl Candidates<'_> {
    fn header(&self, hash: &[u8; 32]) -> Option<&ChangeHeader> {
        let pending = self
            .document
            .pending
            .get(hash)
            .map(|pending| &pending.header);
        pending.or_else(|| {
            self.document
                .refused
                .get(hash)
                .filter(|refused| !refused.is_final())
                .map(|refused| &refused.header)
        })
    }

    fn is_final(&self, hash: &[u8; 32]) -> bool {
        self.document
            .refused
            .get(hash)
            .is_some_and(super::refused::RefusedChange::is_final)
    }

    fn hashes(&self) -> Vec<[u8; 32]> {
        self.document
            .pending
            .keys()
            .chain(self.document.refused.keys())
            .copied()
            .collect()
    }
}

/// What is known of a candidate so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Admitted,
    /// Something that it builds on is not here.
    Incomplete,
    /// It, or something that it builds on, breaks a rule that nothing later can mend.
    Bad,
}

/// Whether a change is admitted for its own sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Yes,
    /// Its frontier is not here; that may come.
    Unproven,
    No(&'static str),
}

fn standing_of(header: &ChangeHeader, covered: &BTreeSet<[u8; 32]>, writers: &Writers) -> Root {
    let Writers::Devices { verdicts, pinned } = writers else {
        return Root::Yes;
    };
    if pinned.contains(&header.hash) {
        return Root::Yes;
    }
    let Some(device) = author(&header.actor) else {
        return Root::No(MALFORMED);
    };
    if !covered.contains(&header.hash) {
        return Root::Unproven;
    }
    match verdicts.get(&device) {
        Some(Ok(())) => Root::Yes,
        Some(Err(code)) => Root::No(code),
        None => Root::No("not-writer"),
    }
}

/// The device key in an actor id of a circle (rule K2).
pub(super) fn author(actor: &[u8]) -> Option<DeviceKey> {
    if actor.len() != 40 {
        return None;
    }
    DeviceKey::from_bytes(*actor.first_chunk()?).ok()
}

/// The candidates on the chain of a frontier, back from the change that it names.
fn covered(candidates: &Candidates<'_>) -> BTreeSet<[u8; 32]> {
    let mut covered = BTreeSet::new();
    for (actor, seq, hash) in candidates.document.loose.keys() {
        let mut next = Some((*hash, *seq));
        while let Some((hash, seq)) = next.take() {
            let header = candidates
                .header(&hash)
                .filter(|header| header.actor == *actor && header.seq == seq);
            let Some(header) = header else { break };
            if !covered.insert(hash) || seq <= 1 {
                break;
            }
            let is_predecessor = |dep: &&[u8; 32]| {
                candidates
                    .header(dep)
                    .is_some_and(|before| before.actor == *actor && before.seq == seq - 1)
            };
            next = header
                .deps
                .iter()
                .find(is_predecessor)
                .map(|dep| (*dep, seq - 1));
        }
    }
    covered
}

/// The candidates that build on something that is not here, or on something malformed.
fn blocked(candidates: &Candidates<'_>, index: &ChangeIndex) -> BTreeMap<[u8; 32], Standing> {
    let mut dependents: BTreeMap<[u8; 32], Vec<[u8; 32]>> = BTreeMap::new();
    let mut bad = Vec::new();
    let mut incomplete = Vec::new();
    for hash in candidates.hashes() {
        let Some(header) = candidates.header(&hash) else {
            continue;
        };
        for dep in header.deps.iter().filter(|dep| !index.contains(dep)) {
            if candidates.header(dep).is_some() {
                dependents.entry(*dep).or_default().push(hash);
            } else if candidates.is_final(dep) {
                bad.push(hash);
            } else {
                incomplete.push(hash);
            }
        }
    }
    let mut standings = BTreeMap::new();
    for (standing, mut left) in [(Standing::Bad, bad), (Standing::Incomplete, incomplete)] {
        while let Some(hash) = left.pop() {
            if standings.contains_key(&hash) {
                continue;
            }
            standings.insert(hash, standing);
            left.extend(dependents.get(&hash).into_iter().flatten());
        }
    }
    standings
}

/// Admits a change with everything that it builds on, all of which is here, in causal order.
fn admit_closure(
    root: [u8; 32],
    candidates: &Candidates<'_>,
    index: &mut ChangeIndex,
    rules: &Rules,
    standings: &mut BTreeMap<[u8; 32], Standing>,
    verdict: &mut Verdict,
) {
    let mut stack = vec![root];
    while let Some(hash) = stack.last().copied() {
        let header = candidates
            .header(&hash)
            .filter(|_| !standings.contains_key(&hash));
        let Some(header) = header else {
            stack.pop();
            continue;
        };
        let is_bad = header
            .deps
            .iter()
            .any(|dep| standings.get(dep) == Some(&Standing::Bad));
        let open: Vec<[u8; 32]> = header
            .deps
            .iter()
            .filter(|dep| !index.contains(dep))
            .copied()
            .collect();
        if is_bad {
            standings.insert(hash, Standing::Bad);
        } else if !open.is_empty() {
            stack.extend(open);
        } else if index.admit(header, rules).is_ok() {
            verdict.admitted.push(hash);
            standings.insert(hash, Standing::Admitted);
        } else {
            standings.insert(hash, Standing::Bad);
        }
    }
}
