//! Which changes of a document are admitted: a pure function of what is known of it (rule C1).
//!
//! Admitted are the changes whose author may write, proved by a frontier, the heads that a record
//! pins, and everything these build on (`docs/spec.md` §5).

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::DeviceKey;
use smallwin_gate::{ChangeHeader, OpIndex, Refused, Rules, open_change};

use super::document::{Document, Pending, Verdict};
use super::refused::{EQUIVOCATION, MALFORMED, RefusedChange};

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

/// Judges everything that waits, and what was refused when it is to be judged again or something
/// that waits builds on it. `index` takes in what is admitted.
pub(super) fn judge(
    document: &Document,
    writers: &Writers,
    index: &mut OpIndex,
    rules: &Rules,
    is_reconsidered: bool,
) -> Verdict {
    let candidates = Candidates::of(document, is_reconsidered);
    let before = index.mark();
    let mut distrusted = BTreeSet::new();
    loop {
        let (proven, mut standings) = prove(&candidates, writers, index, &mut distrusted);
        let verdict = decide(&candidates, writers, &proven, index, rules, &mut standings);
        // A frontier proves what lies below its change only when that change is admitted too:
        // otherwise those who never see it could not come to the same.
        let admitted: BTreeSet<&[u8; 32]> = verdict.admitted.iter().collect();
        let is_broken = |place: &&Place| {
            matches!(standings.get(&place.2), Some(Standing::Bad(_)))
                && chain(&candidates, place)
                    .iter()
                    .any(|hash| admitted.contains(hash))
        };
        let trusted = document
            .loose
            .keys()
            .filter(|place| !distrusted.contains(*place));
        let broken: Vec<Place> = trusted.filter(is_broken).copied().collect();
        if broken.is_empty() {
            return verdict;
        }
        distrusted.extend(broken);
        index.rollback(before);
    }
}

/// An actor, the seq and the hash of a frontier.
type Place = ([u8; 40], u64, [u8; 32]);

/// What is proven to be its author's work, and what cannot be admitted for want of something.
fn prove(
    candidates: &Candidates<'_>,
    writers: &Writers,
    index: &OpIndex,
    distrusted: &mut BTreeSet<Place>,
) -> (Proven, BTreeMap<[u8; 32], Standing>) {
    loop {
        let proven = Proven::of(candidates, writers, distrusted);
        let standings = blocked(candidates, index, &proven);
        let loose = candidates.document.loose.keys();
        let blocked: Vec<Place> = loose
            .filter(|place| !distrusted.contains(*place) && standings.contains_key(&place.2))
            .copied()
            .collect();
        if blocked.is_empty() {
            return (proven, standings);
        }
        distrusted.extend(blocked);
    }
}

fn decide(
    candidates: &Candidates<'_>,
    writers: &Writers,
    proven: &Proven,
    index: &mut OpIndex,
    rules: &Rules,
    standings: &mut BTreeMap<[u8; 32], Standing>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for hash in candidates.hashes() {
        let Some(header) = candidates.header(&hash) else {
            continue;
        };
        if !standings.contains_key(&hash)
            && standing_of(candidates, header, proven, writers) == Root::Yes
        {
            admit_closure(hash, candidates, index, rules, standings, &mut verdict);
        }
    }
    for (hash, pending) in &candidates.document.pending {
        match standings.get(hash) {
            Some(Standing::Admitted) => {}
            Some(Standing::Bad(code)) => verdict.refused.push((*hash, code)),
            Some(Standing::Incomplete) | None => {
                if let Root::No(code) = standing_of(candidates, &pending.header, proven, writers) {
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
    with_refused: bool,
}

impl<'a> Candidates<'a> {
    fn of(document: &'a Document, is_reconsidered: bool) -> Candidates<'a> {
        let mut deps = document
            .pending
            .values()
            .flat_map(|pending| &pending.header.deps);
        let with_refused = is_reconsidered || deps.any(|dep| document.refused.contains_key(dep));
        Candidates {
            document,
            with_refused,
        }
    }

    fn pending(&self, hash: &[u8; 32]) -> Option<&'a Pending> {
        self.document.pending.get(hash)
    }

    fn refused(&self, hash: &[u8; 32]) -> Option<&'a RefusedChange> {
        let refused = self
            .document
            .refused
            .get(hash)
            .filter(|_| self.with_refused);
        refused.filter(|refused| !refused.is_final())
    }

    fn header(&self, hash: &[u8; 32]) -> Option<&'a ChangeHeader> {
        let pending = self.pending(hash).map(|pending| &pending.header);
        pending.or_else(|| self.refused(hash).map(|refused| &refused.header))
    }

    fn bytes(&self, hash: &[u8; 32]) -> Option<&'a [u8]> {
        let pending = self.pending(hash).map(|pending| &pending.bytes);
        let bytes = pending.or_else(|| self.refused(hash).map(|refused| &refused.bytes));
        bytes.map(Vec::as_slice)
    }

    fn author(&self, hash: &[u8; 32]) -> Option<DeviceKey> {
        let pending = self.pending(hash).and_then(|pending| pending.author);
        pending.or_else(|| self.refused(hash).and_then(|refused| refused.author))
    }

    /// The code of a change that nothing can make admitted any more.
    fn final_code(&self, hash: &[u8; 32]) -> Option<&'static str> {
        self.document.refused.get(hash)?.final_code()
    }

    /// Whether its author was proven before: storage holds it, or it was refused for want of a right.
    fn was_proven(&self, hash: &[u8; 32]) -> bool {
        self.pending(hash).is_some_and(|pending| pending.stored) || self.refused(hash).is_some()
    }

    fn hashes(&self) -> Vec<[u8; 32]> {
        let refused = self.document.refused.keys().filter(|_| self.with_refused);
        self.document
            .pending
            .keys()
            .chain(refused)
            .copied()
            .collect()
    }
}

/// What is known of a candidate so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Admitted,
    /// It is not proven, or something that it builds on is not or is not here.
    Incomplete,
    /// It, or something that it builds on, breaks a rule that nothing later can mend.
    Bad(&'static str),
}

/// Whether a change is admitted for its own sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Yes,
    /// Its frontier is not here; that may come.
    Unproven,
    No(&'static str),
}

fn standing_of(
    candidates: &Candidates<'_>,
    header: &ChangeHeader,
    proven: &Proven,
    writers: &Writers,
) -> Root {
    let Writers::Devices { verdicts, pinned } = writers else {
        return Root::Yes;
    };
    if pinned.contains(&header.hash) {
        return Root::Yes;
    }
    let Some(device) = candidates.author(&header.hash) else {
        return Root::No(MALFORMED);
    };
    if !proven.has(&header.hash) {
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

/// Which candidates are proven to be their author's work.
struct Proven {
    /// Nothing needs a proof in the open space.
    everything: bool,
    hashes: BTreeSet<[u8; 32]>,
}

impl Proven {
    fn of(candidates: &Candidates<'_>, writers: &Writers, distrusted: &BTreeSet<Place>) -> Proven {
        let Writers::Devices { pinned, .. } = writers else {
            return Proven {
                everything: true,
                hashes: BTreeSet::new(),
            };
        };
        let mut hashes: BTreeSet<[u8; 32]> = candidates.hashes().into_iter().collect();
        hashes.retain(|hash| candidates.was_proven(hash));
        for place in candidates.document.loose.keys() {
            if !distrusted.contains(place) {
                hashes.extend(chain(candidates, place));
            }
        }
        // Who signed a share vouches for the heads that it names and for all below them.
        let mut left = pinned.clone();
        let mut seen = BTreeSet::new();
        while let Some(hash) = left.pop() {
            if let Some(header) = candidates.header(&hash).filter(|_| seen.insert(hash)) {
                hashes.insert(hash);
                left.extend(&header.deps);
            }
        }
        Proven {
            everything: false,
            hashes,
        }
    }

    fn has(&self, hash: &[u8; 32]) -> bool {
        self.everything || self.hashes.contains(hash)
    }
}

/// The candidates on the chain of a frontier, back from the change that it names.
fn chain(candidates: &Candidates<'_>, (actor, seq, hash): &Place) -> Vec<[u8; 32]> {
    let mut chain = Vec::new();
    let mut next = Some((*hash, *seq));
    while let Some((hash, seq)) = next.take() {
        let is_next = |header: &&ChangeHeader| header.actor == *actor && header.seq == seq;
        let Some(header) = candidates.header(&hash).filter(is_next) else {
            break;
        };
        chain.push(hash);
        let is_predecessor = |dep: &&[u8; 32]| {
            let before = candidates.header(dep);
            before.is_some_and(|before| before.actor == *actor && before.seq + 1 == seq)
        };
        next = header
            .deps
            .iter()
            .find(is_predecessor)
            .map(|dep| (*dep, seq - 1));
    }
    chain
}

/// The candidates that build on something that is not here, not proven, or malformed.
fn blocked(
    candidates: &Candidates<'_>,
    index: &OpIndex,
    proven: &Proven,
) -> BTreeMap<[u8; 32], Standing> {
    let mut dependents: BTreeMap<[u8; 32], Vec<[u8; 32]>> = BTreeMap::new();
    let mut bad = Vec::new();
    let mut incomplete = Vec::new();
    let index = index.changes();
    for hash in candidates.hashes() {
        let Some(header) = candidates.header(&hash) else {
            continue;
        };
        if !proven.has(&hash) {
            incomplete.push((hash, Standing::Incomplete));
        }
        for dep in header.deps.iter().filter(|dep| !index.contains(dep)) {
            if candidates.header(dep).is_some() {
                dependents.entry(*dep).or_default().push(hash);
            } else if let Some(code) = candidates.final_code(dep) {
                bad.push((hash, Standing::Bad(code)));
            } else {
                incomplete.push((hash, Standing::Incomplete));
            }
        }
    }
    let mut standings = BTreeMap::new();
    for mut left in [bad, incomplete] {
        while let Some((hash, standing)) = left.pop() {
            if standings.contains_key(&hash) {
                continue;
            }
            standings.insert(hash, standing);
            let above = dependents.get(&hash).into_iter().flatten();
            left.extend(above.map(|hash| (*hash, standing)));
        }
    }
    standings
}

/// Admits a change with everything that it builds on, all of which is here, in causal order.
fn admit_closure(
    root: [u8; 32],
    candidates: &Candidates<'_>,
    index: &mut OpIndex,
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
        let bad = header.deps.iter().find_map(|dep| match standings.get(dep) {
            Some(Standing::Bad(code)) => Some(*code),
            _ => None,
        });
        let open: Vec<[u8; 32]> = header
            .deps
            .iter()
            .filter(|dep| !index.changes().contains(dep))
            .copied()
            .collect();
        if let Some(code) = bad {
            standings.insert(hash, Standing::Bad(code));
        } else if !open.is_empty() {
            stack.extend(open);
        } else {
            let bytes = candidates.bytes(&hash).unwrap_or_default();
            let standing = match admit(bytes, index, rules) {
                Ok(()) => {
                    verdict.admitted.push(hash);
                    Standing::Admitted
                }
                Err(code) => Standing::Bad(code),
            };
            standings.insert(hash, standing);
        }
    }
}

/// Puts a change into the index, or says with which code it is refused for good.
pub(super) fn admit(bytes: &[u8], index: &mut OpIndex, rules: &Rules) -> Result<(), &'static str> {
    let change = open_change(bytes).map_err(|_| MALFORMED)?;
    index
        .admit(&change, rules)
        .map_err(|refused| match refused {
            Refused::Equivocation { .. } => EQUIVOCATION,
            _ => MALFORMED,
        })
}
