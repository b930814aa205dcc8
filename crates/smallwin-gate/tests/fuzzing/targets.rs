//! What each entry of the gate owes to any bytes. A target panics when it breaks that.

use std::cell::RefCell;

use automerge::Automerge;
use automerge::sync::{Message, State, SyncDoc};
use smallwin_gate::{
    Budget, ChunkKind, OpIndex, Rules, Space, check_document_chunk, check_document_chunk_within,
    check_frame, check_sync_message, open_change, open_change_within, raw_change,
};

use super::apply::{quietly, saves};
use super::dice::Dice;
use super::run::{Base, Tally, try_one};

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Refused,
    Passed,
    /// Passed, and Automerge panicked where its panics are caught.
    Caught,
}

/// A frame gives an answer.
pub fn frame(bytes: &[u8]) -> Fate {
    fate(check_frame(bytes).is_ok())
}

/// A sync message that passes, and whose chunks pass, is safe to receive and to answer.
pub fn sync_message(bytes: &[u8]) -> Fate {
    let Ok(shape) = check_sync_message(bytes) else {
        return Fate::Refused;
    };
    assert!(
        shape
            .chunks
            .iter()
            .all(|chunk| chunk.range.end <= bytes.len())
    );
    let decoded = quietly(|| Message::decode(bytes).map(Box::new));
    let Ok(Ok(message)) = decoded else {
        assert!(decoded.is_ok(), "decoding panics");
        return Fate::Refused;
    };
    let (mut doc, mut index) = with_base(|base| (base.doc.clone(), base.index.clone()));
    let mut budget = Budget::frame();
    for chunk in shape.chunks {
        // Whole documents are loaded apart, see `document`.
        if chunk.kind == ChunkKind::Document {
            return Fate::Refused;
        }
        let Ok(change) = open_change_within(&bytes[chunk.range], &mut budget) else {
            return Fate::Refused;
        };
        if index.admit(&change, &open()).is_err() {
            return Fate::Refused;
        }
    }
    let answered = quietly(|| {
        let mut state = State::new();
        let received = doc.receive_sync_message(&mut state, *message);
        received.map(|()| drop(doc.generate_sync_message(&mut state)))
    });
    assert!(
        answered.is_ok(),
        "a message that passed panics: {answered:?}"
    );
    Fate::Passed
}

/// A change chunk that passes is one for Automerge too, under the same name.
pub fn chunk(bytes: &[u8]) -> Fate {
    let Ok(change) = open_change(bytes) else {
        return Fate::Refused;
    };
    let raw = raw_change(bytes).unwrap();
    let hash = change.header().hash;
    assert_eq!(open_change(&raw).unwrap().header().hash, hash);
    let mut index = with_base(|base| base.index.clone());
    if index.admit(&change, &open()).is_err() {
        return Fate::Refused;
    }
    let read =
        quietly(|| automerge::Change::from_bytes(raw.to_vec()).map(|change| change.hash().0));
    assert_eq!(read.ok().and_then(Result::ok), Some(hash));
    Fate::Passed
}

/// A document that passes may make Automerge panic, which is caught; but it
/// neither hangs nor takes more than its size allows. Its changes are then
/// judged one by one, and a document of those that pass can be saved and read.
pub fn document(bytes: &[u8]) -> Fate {
    let Ok(shape) = check_document_chunk(bytes) else {
        return Fate::Refused;
    };
    let mut budget = Budget::frame();
    assert_eq!(check_document_chunk_within(bytes, &mut budget), Ok(shape));
    let loaded = quietly(|| {
        let doc = Automerge::load(bytes).ok()?;
        Some(doc.get_changes(&[]))
    });
    let changes = match loaded {
        Err(_) => return Fate::Caught,
        Ok(None) => return Fate::Refused,
        Ok(Some(changes)) => changes,
    };
    let (mut index, mut rebuilt) = (OpIndex::new(), Automerge::new());
    let mut admitted = Vec::new();
    for change in changes {
        let is_admitted = open_change(change.raw_bytes())
            .is_ok_and(|open| index.admit(&open, &self::open()).is_ok());
        if is_admitted {
            admitted.push(change);
        }
    }
    let whole = quietly(|| rebuilt.apply_changes(admitted).map(|()| rebuilt));
    let saved = whole.map(|rebuilt| rebuilt.map(|rebuilt| quietly(|| saves(&rebuilt))));
    assert!(matches!(saved, Ok(Ok(Ok(Ok(()))))), "{saved:?}");
    Fate::Passed
}

/// A change made worse as the dice say never breaks Automerge when it passes.
pub fn change(dice: &mut Dice<'_>) -> Fate {
    let mut base = with_base(Base::clone);
    let mut tally = Tally::default();
    for _ in 0..3 {
        try_one(dice, &mut base, &mut tally);
    }
    assert!(tally.broken.is_empty(), "{:#?}", tally.broken);
    fate(tally.passed > 0)
}

/// Stock peers have other actors and other footers.
fn open() -> Rules {
    Rules {
        space: Space::Open,
        ..Rules::default()
    }
}

pub fn with_base<T>(with: impl FnOnce(&Base) -> T) -> T {
    thread_local! {
        static BASE: RefCell<Option<Base>> = const { RefCell::new(None) };
    }
    BASE.with_borrow_mut(|base| with(base.get_or_insert_with(|| Base::new(11, 25))))
}

fn fate(passes: bool) -> Fate {
    if passes { Fate::Passed } else { Fate::Refused }
}
