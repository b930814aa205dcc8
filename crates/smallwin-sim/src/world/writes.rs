//! Writing: a change of a process's own actor, signed by a frontier, handed to the engine.

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};
use smallwin_circle::{Action, CircleId, DocumentRef, Frontier, Kind, may};
use smallwin_sync::Local;

use super::World;
use super::records::document_key;
use crate::chance::Chance;
use crate::network::SiteId;
use crate::oracle::Hash;
use crate::site::{Actor, Chain, Edit, Wish};

/// Changes of one actor, ready to be handed over.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) changes: Vec<Vec<u8>>,
    pub(super) hashes: Vec<Hash>,
    pub(super) frontier: Vec<u8>,
}

impl World {
    /// Opens a document and then writes.
    pub(super) fn want_to_write(&mut self, site: SiteId, document: DocumentRef, edit: Edit) {
        let Some(circle) = self.circle else { return };
        let key = document_key(&document, &circle);
        let wish = Wish::Open {
            document,
            then: Some(edit),
        };
        self.ask(site, Local::Open { document: key }, wish);
    }

    /// Writes to an open document, if that is allowed now and no other write is under way.
    pub(super) fn write(&mut self, site: SiteId, document: DocumentRef, edit: &Edit) {
        let Some(circle) = self.circle else { return };
        let key = document_key(&document, &circle);
        let device = self.site(site).device.public();
        let process = self.process_mut(site);
        let allowed = process
            .engine
            .log(&circle)
            .is_some_and(|log| may(log.state(), &device, Action::Write, &document).is_ok());
        if !allowed || process.writing.contains(&key) {
            return;
        }
        let Some(draft) = self.compose(site, &circle, &document, edit) else {
            return;
        };
        if document.kind == Kind::Draft {
            let person = self.site(site).person;
            self.private
                .extend(draft.hashes.iter().map(|hash| (*hash, person)));
        }
        self.process_mut(site).writing.insert(key);
        let local = Local::Write {
            document: key,
            changes: draft.changes,
            frontiers: vec![draft.frontier],
        };
        self.ask(
            site,
            local,
            Wish::Write {
                document,
                hashes: draft.hashes,
            },
        );
    }

    /// Makes one to three changes on a copy of the document as it stands. None when it is not open.
    pub(super) fn compose(
        &mut self,
        site: SiteId,
        circle: &CircleId,
        document: &DocumentRef,
        edit: &Edit,
    ) -> Option<Draft> {
        let key = document_key(document, circle);
        let mut doc = self.site(site).engine()?.document(&key)?.clone();
        let chain = self.process_mut(site).actors.get(&key).copied();
        // What was refused is not built on: a chain that is not all there ends.
        let stands = |chain: &Chain| {
            doc.get_change_meta_by_hash(&ChangeHash(chain.last))
                .is_some()
        };
        let (actor, seq) = match chain.filter(stands) {
            Some(chain) => (chain.actor, chain.seq),
            None => (self.new_actor(site), 0),
        };
        doc.set_actor(ActorId::from(actor.as_slice()));
        let count = if *edit == Edit::Scribble {
            self.chance.between(1, 3)
        } else {
            1
        };
        let mut draft = Draft {
            changes: Vec::new(),
            hashes: Vec::new(),
            frontier: Vec::new(),
        };
        for _ in 0..count {
            self.tokens += 1;
            let word = format!("{}{} ", self.site(site).name, self.tokens);
            let hash = change(&mut doc, document.kind, edit, &word, &mut self.chance);
            let change = doc.get_change_by_hash(&hash).expect("it was just made");
            draft.changes.push(change.raw_bytes().to_vec());
            draft.hashes.push(hash.0);
        }
        let (seq, last) = (seq + count, *draft.hashes.last()?);
        let state = self.site(site);
        let signed = Frontier::sign(
            circle,
            &document.id(circle),
            actor,
            seq,
            last,
            &state.device,
        );
        draft.frontier = signed.expect("the actor is our own").encode().to_vec();
        self.process_mut(site)
            .actors
            .insert(key, Chain { actor, seq, last });
        Some(draft)
    }

    /// A fresh actor of the site's device (rule K2).
    pub(super) fn new_actor(&mut self, site: SiteId) -> Actor {
        let random: [u8; 8] = self.chance.bytes();
        let mut actor = [0; 40];
        actor[..32].copy_from_slice(self.site(site).device.public().as_bytes());
        actor[32..].copy_from_slice(&random);
        actor
    }
}

/// Makes one change.
pub(super) fn change(
    doc: &mut Automerge,
    kind: Kind,
    edit: &Edit,
    word: &str,
    chance: &mut Chance,
) -> ChangeHash {
    let mut transaction = doc.transaction();
    let names = smallwin_model::text_names(kind);
    let name = chance
        .pick(names)
        .expect("every kind that is written has texts");
    let text = match transaction
        .get(ROOT, *name)
        .expect("a document can be read")
    {
        Some((automerge::Value::Object(ObjType::Text), text)) => text,
        found => panic!("the text {name} of a {kind} is {found:?}"),
    };
    let written = match edit {
        Edit::Scribble => scribble(&mut transaction, &text, word, chance),
        Edit::Copy(copied) => transaction.splice_text(&text, 1, 0, copied),
    };
    written.expect("the text takes an edit");
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
    hash.expect("something was written")
}

/// One to three edits at random places; at least one adds something.
fn scribble(
    transaction: &mut Transaction<'_>,
    text: &ObjId,
    word: &str,
    chance: &mut Chance,
) -> Result<(), AutomergeError> {
    let length = transaction.length(text) as u64;
    let at = chance.between(1.min(length), length) as usize;
    transaction.splice_text(text, at, 0, word)?;
    for _ in 0..chance.below(3) {
        let length = transaction.length(text) as u64;
        let start = chance.between(1.min(length), length);
        let end = (start + chance.below(12)).min(length);
        let (start, end) = (start as usize, end as usize);
        match chance.below(4) {
            0 => transaction.splice_text(text, start, (end - start) as isize, "")?,
            1 => block(transaction, text, start)?,
            style => {
                let name = if style == 2 { "strong" } else { "em" };
                if start < end {
                    let mark = Mark::new(name.to_owned(), true, start, end);
                    transaction.mark(text, mark, ExpandMark::Both)?;
                }
            }
        }
    }
    Ok(())
}

fn block(transaction: &mut Transaction<'_>, text: &ObjId, at: usize) -> Result<(), AutomergeError> {
    let block = transaction.split_block(text, at)?;
    transaction.put(&block, "type", "paragraph")?;
    transaction.put_object(&block, "parents", ObjType::List)?;
    transaction.put_object(&block, "attrs", ObjType::Map)?;
    transaction.put(&block, "isEmbed", false)
}
