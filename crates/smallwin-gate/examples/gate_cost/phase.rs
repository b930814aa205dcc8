use automerge::{Automerge, Change};
use smallwin_gate::{ChangeIndex, OpIndex, Rules, open_change, read_change};

/// What is measured; each does all that the one it builds on does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: what the program itself takes.
    Nothing,
    Headers,
    Open,
    Admit,
    Parse,
    Apply,
}

/// Changes that Automerge gets at once.
const BATCH: usize = 64;

impl Phase {
    pub(crate) const ALL: [Self; 5] = [
        Self::Headers,
        Self::Open,
        Self::Admit,
        Self::Parse,
        Self::Apply,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Headers => "headers",
            Self::Open => "open",
            Self::Admit => "admit",
            Self::Parse => "parse",
            Self::Apply => "apply",
        }
    }

    pub(crate) fn of(name: &str) -> Self {
        let mut phases = Self::ALL.into_iter();
        phases
            .find(|phase| phase.name() == name)
            .unwrap_or(Self::Nothing)
    }

    pub(crate) fn run(self, changes: &[Vec<u8>]) {
        let rules = Rules::default();
        match self {
            Self::Nothing => {}
            Self::Headers => {
                let mut index = ChangeIndex::new();
                for bytes in changes {
                    index.admit(&read_change(bytes).unwrap(), &rules).unwrap();
                }
            }
            Self::Open => {
                for bytes in changes {
                    open_change(bytes).unwrap();
                }
            }
            Self::Admit => {
                let mut index = OpIndex::new();
                for bytes in changes {
                    index.admit(&open_change(bytes).unwrap(), &rules).unwrap();
                }
            }
            Self::Parse => {
                for batch in changes.chunks(BATCH) {
                    drop(parsed(batch));
                }
            }
            Self::Apply => {
                let mut doc = Automerge::new();
                for batch in changes.chunks(BATCH) {
                    doc.apply_changes(parsed(batch)).unwrap();
                }
            }
        }
    }
}

fn parsed(batch: &[Vec<u8>]) -> Vec<Change> {
    let changes = batch.iter();
    changes
        .map(|bytes| Change::from_bytes(bytes.clone()).unwrap())
        .collect()
}
