use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use automerge::sync::{State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, Change, ObjType, PatchLog, ROOT, ReadDoc};

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What Automerge does with a change.
#[derive(Debug)]
pub enum Outcome {
    /// It says no.
    Error(String),
    /// It panics, at this place.
    Panic(String),
    /// It takes the change, and then cannot read back, or not do, this.
    Poison(String),
    Fine(Box<Automerge>),
}

/// Runs what may panic, without noise; a panic gives its place.
pub fn quietly<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                usual(info);
                return;
            }
            let place = info.location().map(|place| {
                let file = place.file().rsplit("/src/").next().unwrap_or_default();
                format!("{file}:{}", place.line())
            });
            LAST_PANIC.set(place.unwrap_or_default());
        }));
    });
    let before = IS_QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(what));
    IS_QUIET.set(before);
    done.map_err(|_| LAST_PANIC.take())
}

/// Gives a change to Automerge, as if there were no gate.
pub fn apply(doc: &Automerge, bytes: &[u8]) -> Outcome {
    let applied = quietly(|| {
        let change = Change::from_bytes(bytes.to_vec()).map_err(|error| error.to_string())?;
        let mut copy = doc.clone();
        copy.apply_changes([change])
            .map_err(|error| error.to_string())?;
        Ok(copy)
    });
    match applied {
        Err(place) => Outcome::Panic(place),
        Ok(Err(error)) => Outcome::Error(error),
        Ok(Ok(copy)) => match quietly(|| saves(&copy)) {
            Err(place) => Outcome::Poison(format!("panic when read back at {place}")),
            Ok(Err(what)) => Outcome::Poison(what),
            Ok(Ok(())) => Outcome::Fine(Box::new(copy)),
        },
    }
}

/// Saves and loads; also with the raw changes, as they are sent to others.
pub fn saves(doc: &Automerge) -> Result<(), String> {
    let loaded = Automerge::load(&doc.save()).map_err(|error| {
        let words = error.to_string();
        let inner = words
            .rsplit("document chunk ops: ")
            .next()
            .unwrap_or_default();
        inner
            .split(": mark end OpId")
            .next()
            .unwrap_or_default()
            .to_owned()
    })?;
    if loaded.get_heads() == doc.get_heads() {
        Ok(())
    } else {
        Err("other heads after loading".to_owned())
    }
}

/// Does with a document what programs do with it: patches, reading, the past,
/// talking to a peer, an edit on top.
pub fn use_it(before: &Automerge, after: &Automerge, bytes: &[u8]) -> Result<(), String> {
    quietly(|| {
        let mut log = PatchLog::active();
        let mut copy = before.clone();
        let change = Change::from_bytes(bytes.to_vec()).map_err(|error| error.to_string())?;
        let hash = change.hash();
        copy.apply_changes_log_patches([change], &mut log)
            .map_err(|error| error.to_string())?;
        copy.make_patches(&mut log);
        let found = after.get_change_by_hash(&hash).ok_or("change is lost")?;
        if found.raw_bytes() != bytes {
            return Err("change comes back in other bytes".to_owned());
        }
        after.hydrate(None);
        read(after)?;
        after.diff(&before.get_heads(), &after.get_heads());
        after.diff(&after.get_heads(), &before.get_heads());
        after
            .fork_at(&before.get_heads())
            .map_err(|error| error.to_string())?;
        let (mut here, mut there) = (State::new(), State::new());
        let mut empty = Automerge::new();
        let mut full = after.clone();
        for _ in 0..6 {
            if let Some(message) = full.generate_sync_message(&mut here) {
                empty
                    .receive_sync_message(&mut there, message)
                    .map_err(|error| error.to_string())?;
            }
            if let Some(message) = empty.generate_sync_message(&mut there) {
                full.receive_sync_message(&mut here, message)
                    .map_err(|error| error.to_string())?;
            }
        }
        if empty.get_heads() != after.get_heads() {
            return Err("a peer does not get it".to_owned());
        }
        edit(after)
    })
    .unwrap_or_else(|place| Err(format!("panic in use at {place}")))
}

fn read(doc: &Automerge) -> Result<(), String> {
    for key in doc.keys(ROOT).collect::<Vec<_>>() {
        for (value, id) in doc.get_all(ROOT, &key).map_err(|error| error.to_string())? {
            if value.is_object() && doc.object_type(&id).is_ok_and(|kind| kind == ObjType::Text) {
                doc.text(&id).map_err(|error| error.to_string())?;
                doc.marks(&id).map_err(|error| error.to_string())?;
                let spans = doc.spans(&id).map_err(|error| error.to_string())?;
                drop(spans.collect::<Vec<_>>());
            }
        }
    }
    Ok(())
}

fn edit(doc: &Automerge) -> Result<(), String> {
    let mut copy = doc.clone();
    copy.set_actor(automerge::ActorId::from(&[0xee; 40][..]));
    let mut transaction = copy.transaction();
    let text = transaction
        .get(ROOT, "text")
        .map_err(|error| error.to_string())?;
    if let Some((value, text)) = text
        && value.is_object()
        && transaction
            .object_type(&text)
            .is_ok_and(|kind| kind == ObjType::Text)
    {
        let length = transaction.length(&text);
        for (at, deletions) in [(0, 0), (length / 2, 1), (length, 0)] {
            let _ =
                transaction.splice_text(&text, at.min(transaction.length(&text)), deletions, "x");
        }
    }
    for key in transaction.keys(ROOT).collect::<Vec<_>>() {
        transaction
            .put(ROOT, key, 1)
            .map_err(|error| error.to_string())?;
    }
    transaction.commit_with(CommitOptions::default().with_time(0));
    saves(&copy)
}
