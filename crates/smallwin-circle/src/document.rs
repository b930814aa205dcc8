//! Documents of a circle: kinds, zones and how their ids come about.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CircleId, DocumentId, PersonId};
use crate::limits::DOCUMENT_KEY_BYTES_MAX;
use crate::messages::first_16;

const ID_CONTEXT: &str = "smallwin/document/1";

/// What a document holds; it fixes the zone, and with it who may read and write (rule P1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The practice issue (casus).
    Case,
    /// The shared answers of the light check-in (lichte check-in).
    CheckIn,
    /// One person's answers before they share them.
    Draft,
    /// One person's answers after they shared them, without the history of writing them.
    Voice,
    /// The meaningful step (betekenisvolle stap).
    Step,
    /// A report of a conversation (verslag).
    Report,
}

/// A group of documents with the same readers and writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// Written by the whole circle.
    Together,
    /// Written by one person.
    Own,
    /// Written by the inner circle.
    Core,
    /// Written by facilitators.
    Guide,
}

/// Names a document inside its circle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRef {
    /// What it holds.
    pub kind: Kind,
    /// Which one of its kind; empty where a circle has only one.
    pub key: String,
}

/// Why a document cannot be named so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{kind}` documents do not have such a key", kind = .0.name())]
pub struct DocumentRefError(pub Kind);

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Case,
        Self::CheckIn,
        Self::Draft,
        Self::Voice,
        Self::Step,
        Self::Report,
    ];

    /// The name as it stands in records and in document ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::CheckIn => "checkin",
            Self::Draft => "draft",
            Self::Voice => "voice",
            Self::Step => "step",
            Self::Report => "report",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The zone of every document of this kind.
    pub const fn zone(self) -> Zone {
        match self {
            Self::Case | Self::Step => Zone::Core,
            Self::CheckIn | Self::Report => Zone::Together,
            Self::Draft | Self::Voice => Zone::Own,
        }
    }
}

impl Zone {
    /// Every zone.
    pub const ALL: [Self; 4] = [Self::Together, Self::Own, Self::Core, Self::Guide];

    /// The name as it stands in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Own => "own",
            Self::Core => "core",
            Self::Guide => "guide",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl DocumentRef {
    /// The case of the circle.
    pub const fn case() -> Self {
        Self {
            kind: Kind::Case,
            key: String::new(),
        }
    }

    /// The meaningful step of the circle.
    pub const fn step() -> Self {
        Self {
            kind: Kind::Step,
            key: String::new(),
        }
    }

    /// The shared answers of one revision of the check-in, counted from 1.
    pub fn check_in(revision: u32) -> Self {
        Self {
            kind: Kind::CheckIn,
            key: revision.to_string(),
        }
    }

    /// A person's unshared answers to the first check-in.
    pub fn draft(person: &PersonId) -> Self {
        Self::draft_of(1, person)
    }

    /// A person's shared answers to the first check-in.
    pub fn voice(person: &PersonId) -> Self {
        Self::voice_of(1, person)
    }

    /// A person's unshared answers to this revision of the check-in.
    pub fn draft_of(revision: u32, person: &PersonId) -> Self {
        Self {
            kind: Kind::Draft,
            key: own_key(revision, person),
        }
    }

    /// A person's shared answers to this revision of the check-in.
    pub fn voice_of(revision: u32, person: &PersonId) -> Self {
        Self {
            kind: Kind::Voice,
            key: own_key(revision, person),
        }
    }

    /// A report; the key is chosen by who announces it.
    pub fn report(key: impl Into<String>) -> Self {
        Self {
            kind: Kind::Report,
            key: key.into(),
        }
    }

    /// The document's id in this circle.
    pub fn id(&self, circle: &CircleId) -> DocumentId {
        let name = self.kind.name();
        let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
        hasher.update(circle.as_bytes());
        hasher.update(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        hasher.update(name.as_bytes());
        hasher.update(self.key.as_bytes());
        DocumentId::from_bytes(first_16(hasher.finalize()))
    }

    /// The person whose document this is, for drafts and voices.
    pub fn person(&self) -> Option<PersonId> {
        self.own().map(|(_, person)| person)
    }

    /// The revision of the check-in this belongs to, for check-ins, drafts and voices.
    pub fn revision(&self) -> Option<u32> {
        match self.kind {
            Kind::CheckIn => revision_of(&self.key),
            _ => self.own().map(|(revision, _)| revision),
        }
    }

    /// Whether a `doc` record can announce it: it is of a kind with free keys, and the key fits.
    pub fn is_announced(&self) -> bool {
        match self.kind {
            Kind::CheckIn => self.revision().is_some_and(|revision| revision > 1),
            Kind::Report => !self.key.is_empty() && self.key.len() <= DOCUMENT_KEY_BYTES_MAX,
            Kind::Case | Kind::Step | Kind::Draft | Kind::Voice => false,
        }
    }

    fn own(&self) -> Option<(u32, PersonId)> {
        if !matches!(self.kind, Kind::Draft | Kind::Voice) {
            return None;
        }
        let (revision, person) = self.key.strip_prefix("checkin/")?.split_once('/')?;
        Some((revision_of(revision)?, person.parse().ok()?))
    }
}

fn own_key(revision: u32, person: &PersonId) -> String {
    format!("checkin/{revision}/{person}")
}

/// Reads a decimal number from 1 without sign or leading zero.
fn revision_of(text: &str) -> Option<u32> {
    let revision: u32 = text.parse().ok()?;
    (revision >= 1 && revision.to_string() == text).then_some(revision)
}
