//! One document in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use automerge::{Automerge, sync};
use smallwin_circle::{CircleId, DeviceKey, DocumentRef, Frontier};
use smallwin_gate::{ChangeHeader, ChangeIndex, Evidence};

use super::history::History;
use super::judge::author;
use super::refused::{EQUIVOCATION, RefusedChange};
use crate::{ConnId, JobId, Millis, Request};

/// A document that is in memory, or on its way there.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Storage was asked.
    Loading {
        inbox: VecDeque<Incoming>,
        inbox_bytes: usize,
        waiting: Vec<Request>,
    },
    /// It is here.
    Open(Box<Document>),
}

/// Where a document belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Circle(CircleId, DocumentRef),
    Open,
}

/// One document in memory. `live` holds durable changes only, so whatever is generated from it
/// may be told to anybody who may read it (rule K1).
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) home: Home,
    pub(crate) live: Automerge,
    pub(crate) history: History,
    /// Per actor the newest frontier whose change is applied.
    pub(crate) frontiers: BTreeMap<[u8; 40], Frontier>,
    /// Verified frontiers whose change is not applied yet, by actor, seq and hash.
    pub(crate) loose: BTreeMap<([u8; 40], u64, [u8; 32]), Loose>,
    pub(crate) pending: BTreeMap<[u8; 32], Pending>,
    pub(crate) pending_bytes: usize,
    pub(crate) refused: BTreeMap<[u8; 32], RefusedChange>,
    pub(crate) refused_bytes: usize,
    /// What proves that an author contradicts itself.
    pub(crate) evidence: Evidence,
    pub(crate) flight: Option<Flight>,
    pub(crate) inbox: VecDeque<Incoming>,
    pub(crate) inbox_bytes: usize,
    /// When it was last used, counted in calls.
    pub(crate) used: u64,
    /// Bytes of changes, for the quota of the open space.
    pub(crate) bytes: u64,
    /// The device keys in actor ids, since reading one costs as much as half a signature.
    pub(crate) authors: BTreeMap<Vec<u8>, Option<DeviceKey>>,
    /// Something applied is not admitted any more: begin anew from storage when nothing flies.
    pub(crate) is_stale: bool,
    /// The job that makes a snapshot of it, until storage holds that.
    pub(crate) compacting: Option<JobId>,
}

/// A frontier that waits for its change.
#[derive(Clone, Debug)]
pub(crate) struct Loose {
    pub(crate) frontier: Frontier,
    /// Whether storage holds it.
    pub(crate) stored: bool,
    /// Who brought it; it is forgotten when all of them are gone.
    pub(crate) from: BTreeSet<ConnId>,
}

/// Something that waits to be judged for a document.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A sync message without its changes, and the changes it brought, which passed the gate.
    Sync {
        conn: ConnId,
        message: Box<sync::Message>,
        changes: Vec<GateChange>,
        bytes: usize,
    },
    Frontiers {
        conn: ConnId,
        items: Vec<u8>,
    },
    Local {
        request: Request,
        changes: Vec<GateChange>,
        frontiers: Vec<Frontier>,
        bytes: usize,
    },
    /// What waited in a document that begins anew from storage.
    Carried {
        pending: BTreeMap<[u8; 32], Pending>,
        loose: Vec<Loose>,
    },
    /// The log changed, so that what was refused or pending may be judged otherwise.
    Reconsider,
}

impl Incoming {
    /// Whether what was refused before has to be judged again.
    pub(crate) fn is_reconsideration(&self) -> bool {
        matches!(self, Incoming::Carried { .. } | Incoming::Reconsider)
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Incoming::Sync { bytes, .. } | Incoming::Local { bytes, .. } => *bytes,
            Incoming::Frontiers { items, .. } => items.len(),
            Incoming::Carried { .. } | Incoming::Reconsider => 0,
        }
    }
}

/// A raw change with the header the gate read.
#[derive(Clone, Debug)]
pub(crate) struct GateChange {
    pub(crate) header: ChangeHeader,
    pub(crate) bytes: Vec<u8>,
}

/// A change that passed the gate and waits for its frontier or its dependencies.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) header: ChangeHeader,
    /// The device key in its actor id, in a circle.
    pub(crate) author: Option<DeviceKey>,
    pub(crate) bytes: Vec<u8>,
    /// Who brought it; it is forgotten when all of them are gone. Empty for stored ones.
    pub(crate) from: BTreeSet<ConnId>,
    /// The local call that brought it.
    pub(crate) request: Option<Request>,
    pub(crate) since: Millis,
    /// Whether its bringers were told that it lacks a signature.
    pub(crate) told_unsigned: bool,
    /// Whether storage holds it as a change already.
    pub(crate) stored: bool,
}

/// What waits for storage to say that it is durable.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) next: Automerge,
    pub(crate) admitted: Vec<Admitted>,
    pub(crate) refused: Vec<([u8; 32], RefusedChange)>,
    pub(crate) frontiers: Vec<Loose>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) requests: Vec<(Request, Vec<[u8; 32]>)>,
}

/// A change that is admitted once it is durable. It has its bytes itself: what waits may be
/// forgotten meanwhile, with the peer that brought it.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: Arc<[u8]>,
    /// Whether storage holds it already.
    pub(crate) stored: bool,
    /// Whether it was not among what storage held when the document was read.
    pub(crate) is_news: bool,
}

/// A peer whose sync message is answered when the flight lands.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) conn: ConnId,
    pub(crate) message: Box<sync::Message>,
    /// The hashes of the changes it brought.
    pub(crate) brought: Vec<[u8; 32]>,
}

/// What admission decided about the pending changes.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Admitted, in causal order.
    pub(crate) admitted: Vec<[u8; 32]>,
    /// Refused, with the code.
    pub(crate) refused: Vec<([u8; 32], &'static str)>,
}

/// Device keys remembered per document; a document of years has fewer tabs behind it.
const AUTHORS_MAX: usize = 4096;

impl Document {
    /// A document as it is durable; nothing waits.
    pub(super) fn new(home: Home, history: History, live: Automerge, used: u64) -> Document {
        Document {
            home,
            live,
            bytes: history.bytes() as u64,
            history,
            frontiers: BTreeMap::new(),
            loose: BTreeMap::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            refused: BTreeMap::new(),
            refused_bytes: 0,
            evidence: Evidence::new(),
            flight: None,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            used,
            authors: BTreeMap::new(),
            is_stale: false,
            compacting: None,
        }
    }

    /// The changes that are admitted, those that are still being kept among them.
    pub(super) fn changes(&self) -> &ChangeIndex {
        self.history.index.changes()
    }

    /// Whether storage holds changes of it that are not admitted today.
    pub(super) fn holds_unadmitted(&self) -> bool {
        self.pending.values().any(|pending| pending.stored)
            || self.refused.values().any(|refused| refused.stored)
    }

    /// Remembers a frontier that storage held.
    pub(super) fn take_stored_frontier(&mut self, frontier: Frontier) {
        if self.changes().contains(&frontier.hash) {
            self.frontiers.insert(frontier.actor, frontier);
        } else {
            self.take_frontier(frontier, None, true);
        }
    }

    /// Whether nothing would be lost if it were read again from storage later.
    pub(super) fn is_idle(&self) -> bool {
        let is_stored = |loose: &Loose| loose.stored || loose.from.is_empty();
        self.flight.is_none()
            && self.compacting.is_none()
            && self.inbox.is_empty()
            && self.pending.values().all(|pending| pending.stored)
            && self
                .loose
                .iter()
                .all(|((_, _, hash), loose)| is_stored(loose) || self.refused.contains_key(hash))
    }

    /// Forgets changes and frontiers that wait and that nobody who is here brought.
    pub(super) fn forget_orphans(&mut self) {
        let before = self.pending.len();
        self.pending.retain(|_, pending| {
            !pending.from.is_empty() || pending.stored || pending.request.is_some()
        });
        if self.pending.len() != before {
            self.pending_bytes = self.pending.values().map(|it| it.bytes.len()).sum();
        }
        let refused = &self.refused;
        self.loose.retain(|(_, _, hash), loose| {
            !loose.from.is_empty() || loose.stored || refused.contains_key(hash)
        });
    }

    /// Puts a change that passed the gate among those that wait, unless it is known.
    pub(super) fn wait(
        &mut self,
        change: GateChange,
        from: Option<ConnId>,
        request: Option<Request>,
        stored: bool,
        now: Millis,
    ) {
        let GateChange { header, bytes } = change;
        let hash = header.hash;
        if self.changes().contains(&hash) || self.refused.contains_key(&hash) {
            return;
        }
        if !self.pending.contains_key(&hash) {
            self.pending_bytes += bytes.len();
        }
        let author = self.author_of(&header.actor);
        let pending = self.pending.entry(hash).or_insert_with(|| Pending {
            header,
            author,
            bytes,
            from: BTreeSet::new(),
            request: None,
            since: now,
            told_unsigned: false,
            stored,
        });
        pending.from.extend(from);
        pending.request = pending.request.or(request);
    }

    fn author_of(&mut self, actor: &[u8]) -> Option<DeviceKey> {
        if let Some(known) = self.authors.get(actor) {
            return *known;
        }
        if self.authors.len() >= AUTHORS_MAX {
            self.authors.clear();
        }
        let author = author(actor);
        self.authors.insert(actor.to_vec(), author);
        author
    }

    /// Takes over a change that waited before the document began anew.
    pub(super) fn carry(&mut self, hash: [u8; 32], pending: Pending) {
        if !self.changes().contains(&hash) && !self.refused.contains_key(&hash) {
            self.pending_bytes += pending.bytes.len();
            if let Some(before) = self.pending.insert(hash, pending) {
                self.pending_bytes = self.pending_bytes.saturating_sub(before.bytes.len());
            }
        }
    }

    /// Remembers a frontier whose change is not applied yet.
    pub(super) fn take_frontier(&mut self, frontier: Frontier, from: Option<ConnId>, stored: bool) {
        let place = (frontier.actor, frontier.seq, frontier.hash);
        let loose = self.loose.entry(place).or_insert_with(|| Loose {
            frontier,
            stored,
            from: BTreeSet::new(),
        });
        loose.from.extend(from);
    }

    /// Takes a change out of those that wait.
    pub(super) fn unwait(&mut self, hash: &[u8; 32]) -> Option<Pending> {
        let pending = self.pending.remove(hash)?;
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.bytes.len());
        Some(pending)
    }

    /// Keeps a change aside; says whether it newly proves that its author contradicts itself.
    pub(super) fn take_refused(&mut self, refused: RefusedChange) -> bool {
        let is_proof = self.note_contradiction(&refused);
        self.refused_bytes += refused.bytes.len();
        if let Some(before) = self.refused.insert(refused.header.hash, refused) {
            self.refused_bytes = self.refused_bytes.saturating_sub(before.bytes.len());
        }
        is_proof
    }

    fn note_contradiction(&mut self, refused: &RefusedChange) -> bool {
        let header = &refused.header;
        let admitted = self.changes().change_of(&header.actor, header.seq);
        refused.reason == EQUIVOCATION
            && admitted.is_some_and(|admitted| {
                self.evidence.keep(
                    &header.actor,
                    header.seq,
                    admitted,
                    header.hash,
                    &refused.bytes,
                )
            })
    }

    /// Keeps a change aside as storage held it, unless it is known otherwise.
    pub(super) fn keep_aside(&mut self, refused: RefusedChange) {
        let hash = refused.header.hash;
        if self.changes().contains(&hash) || self.refused.contains_key(&hash) {
            return;
        }
        if let Some(frontier) = refused.frontier {
            self.take_frontier(frontier, None, false);
        }
        self.take_refused(refused);
    }

    /// Takes a change out of those that are kept aside.
    pub(super) fn drop_refused(&mut self, hash: &[u8; 32]) -> Option<RefusedChange> {
        let refused = self.refused.remove(hash)?;
        self.refused_bytes = self.refused_bytes.saturating_sub(refused.bytes.len());
        Some(refused)
    }
}
