//! A stock peer: Automerge's own `generate` and `receive` as they are, and the habits of
//! automerge-repo around them. What our shortcuts leave out shows here.

use std::collections::BTreeMap;

use automerge::sync::{Message, State, SyncDoc as _};
use automerge::transaction::{CommitOptions, Transactable as _};
use automerge::{ActorId, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc as _, Value};
use smallwin_sync::ConnId;

use crate::chance::Chance;
use crate::network::SiteId;
use crate::oracle::Hash;

/// The id of a document of the open space.
pub(crate) type Id = [u8; 16];

/// One repository of automerge-repo, in memory.
#[derive(Debug)]
pub(crate) struct Stock {
    /// New at every start, like everything that names it on the wire.
    pub(crate) peer_id: String,
    pub(crate) session: String,
    count: u64,
    documents: BTreeMap<Id, Automerge>,
    exchanges: BTreeMap<ConnId, BTreeMap<Id, State>>,
    /// What it remembers of its exchange with a node over connections, encoded.
    remembered: BTreeMap<(SiteId, Id), Vec<u8>>,
    /// The highest count heard per sender and session.
    heard: BTreeMap<(String, String), u64>,
}

/// What a sync message brought.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) news: Vec<Hash>,
    pub(crate) answer: Option<Vec<u8>>,
}

impl Stock {
    /// A repository that has nothing.
    pub(crate) fn new(name: &str, chance: &mut Chance) -> Stock {
        let mut stock = Stock {
            peer_id: String::new(),
            session: String::new(),
            count: 0,
            documents: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            remembered: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        stock.start(name, chance);
        stock
    }

    /// The page is loaded anew; what it stored is still there.
    pub(crate) fn start(&mut self, name: &str, chance: &mut Chance) {
        self.peer_id = format!("{name}-{:08x}", chance.below(1 << 32));
        self.session = format!("{:08x}", chance.below(1 << 32));
        self.count = 0;
        self.heard.clear();
    }

    /// Its storage is gone.
    pub(crate) fn forget(&mut self) {
        self.documents.clear();
        self.remembered.clear();
    }

    /// A connection with a node stands: what it says of each document, `true` where it asks for
    /// something that it does not have.
    pub(crate) fn meet(
        &mut self,
        conn: ConnId,
        node: SiteId,
        ids: &[Id],
    ) -> Vec<(Id, bool, Vec<u8>)> {
        let mut said = Vec::new();
        let mut exchanges = BTreeMap::new();
        for id in ids {
            let document = self.documents.entry(*id).or_default();
            let remembered = self.remembered.get(&(node, *id));
            let mut state = remembered
                .map(|bytes| State::decode(bytes).expect("it encoded this itself"))
                .unwrap_or_default();
            if let Some(message) = document.generate_sync_message(&mut state) {
                said.push((*id, document.get_heads().is_empty(), message.encode()));
            }
            exchanges.insert(*id, state);
        }
        self.exchanges.insert(conn, exchanges);
        said
    }

    /// A connection is over. With `remembers` it keeps what a node that stores things would let it
    /// keep.
    pub(crate) fn part(&mut self, conn: ConnId, node: SiteId, remembers: bool) {
        for (id, state) in self.exchanges.remove(&conn).unwrap_or_default() {
            if remembers {
                self.remembered.insert((node, id), state.encode());
            }
        }
    }

    /// Takes a sync message, and answers at once, as automerge-repo does.
    pub(crate) fn take(&mut self, conn: ConnId, id: &Id, data: &[u8]) -> Result<Taken, String> {
        let nothing = Taken {
            news: Vec::new(),
            answer: None,
        };
        let exchange = self.exchanges.get_mut(&conn);
        let Some(state) = exchange.and_then(|exchange| exchange.get_mut(id)) else {
            return Ok(nothing);
        };
        let Some(document) = self.documents.get_mut(id) else {
            return Ok(nothing);
        };
        let before = document.get_heads();
        let message = Message::decode(data).map_err(|fault| fault.to_string())?;
        document
            .receive_sync_message(state, message)
            .map_err(|fault| fault.to_string())?;
        let news = document.get_changes_meta(&before);
        let news = news.iter().map(|change| change.hash.0).collect();
        let answer = document.generate_sync_message(state);
        Ok(Taken {
            news,
            answer: answer.map(|message| message.encode()),
        })
    }

    /// What it has to say about a document by now, to each peer.
    pub(crate) fn news_for_all(&mut self, id: &Id) -> Vec<(ConnId, Vec<u8>)> {
        let Some(document) = self.documents.get(id) else {
            return Vec::new();
        };
        let mut said = Vec::new();
        for (conn, exchange) in &mut self.exchanges {
            let state = exchange.get_mut(id);
            if let Some(message) = state.and_then(|state| document.generate_sync_message(state)) {
                said.push((*conn, message.encode()));
            }
        }
        said
    }

    /// Types; begins the document if it may. The change, unless there is nothing to type into.
    pub(crate) fn edit(
        &mut self,
        id: &Id,
        begins: bool,
        word: &str,
        chance: &mut Chance,
    ) -> Option<Hash> {
        let document = self.documents.entry(*id).or_default();
        if document.get_heads().is_empty() && !begins {
            return None;
        }
        document.set_actor(ActorId::from(chance.bytes::<16>().as_slice()));
        let mut transaction = document.transaction();
        let text = match transaction.get(ROOT, "text") {
            Ok(Some((Value::Object(ObjType::Text), text))) => text,
            _ => transaction
                .put_object(ROOT, "text", ObjType::Text)
                .expect("a root takes a text"),
        };
        let length = transaction.length(&text);
        splice(&mut transaction, &text, length, word, chance).expect("a text takes an edit");
        let options = CommitOptions::default().with_time(0);
        let (hash, _) = transaction.commit_with(options);
        hash.map(|hash| hash.0)
    }

    /// The next count of its own presence.
    pub(crate) fn next_count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Whether presence of somebody is new here; remembers it.
    pub(crate) fn hears(&mut self, sender: &str, session: &str, count: u64) -> bool {
        let place = (sender.to_owned(), session.to_owned());
        let heard = self.heard.entry(place).or_default();
        let is_new = *heard < count;
        *heard = count.max(*heard);
        is_new
    }

    /// Connections on which documents are exchanged.
    pub(crate) fn conns(&self) -> Vec<ConnId> {
        self.exchanges.keys().copied().collect()
    }

    /// Heads in order, and the text.
    pub(crate) fn shown(&self, id: &Id) -> (Vec<Hash>, String) {
        self.documents.get(id).map(shown).unwrap_or_default()
    }
}

/// Heads in order and the text of a document of the open space.
pub(crate) fn shown(document: &Automerge) -> (Vec<Hash>, String) {
    let mut heads: Vec<Hash> = document.get_heads().iter().map(|head| head.0).collect();
    heads.sort_unstable();
    let text = match document.get(ROOT, "text") {
        Ok(Some((_, text))) => document.text(&text).unwrap_or_default(),
        _ => String::new(),
    };
    (heads, text)
}

fn splice(
    transaction: &mut automerge::transaction::Transaction<'_>,
    text: &ObjId,
    length: usize,
    word: &str,
    chance: &mut Chance,
) -> Result<(), AutomergeError> {
    let at = chance.below(length as u64 + 1) as usize;
    let deleted = (chance.below(6) as usize).min(length - at);
    transaction.splice_text(text, at, deleted as isize, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: SiteId = SiteId(0);
    const ID: Id = [3; 16];

    #[test]
    fn two_repositories_exchange_what_they_have() {
        let mut chance = Chance::new(1);
        let mut a = Stock::new("a", &mut chance);
        let mut b = Stock::new("b", &mut chance);
        assert!(a.edit(&ID, false, "word", &mut chance).is_none());
        assert!(a.edit(&ID, true, "word", &mut chance).is_some());
        let (conn_a, conn_b) = (ConnId(0), ConnId(1));
        let mut to_b: Vec<Vec<u8>> = vec![a.meet(conn_a, NODE, &[ID]).remove(0).2];
        let (_, asks, first) = b.meet(conn_b, NODE, &[ID]).remove(0);
        assert!(asks);
        let mut to_a = vec![first];
        while let (false, _) | (_, false) = (to_a.is_empty(), to_b.is_empty()) {
            let answers = |stock: &mut Stock, conn, said: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
                let taken = said.iter().map(|data| stock.take(conn, &ID, data).unwrap());
                taken.filter_map(|taken| taken.answer).collect()
            };
            let (for_b, for_a) = (std::mem::take(&mut to_b), std::mem::take(&mut to_a));
            to_a = answers(&mut b, conn_b, for_b);
            to_b = answers(&mut a, conn_a, for_a);
        }
        assert_eq!(a.shown(&ID), b.shown(&ID));
        assert_eq!(b.shown(&ID).1, "word");
    }

    #[test]
    fn presence_is_heard_once() {
        let mut stock = Stock::new("a", &mut Chance::new(1));
        assert_eq!((stock.next_count(), stock.next_count()), (1, 2));
        assert!(stock.hears("b", "s", 1) && !stock.hears("b", "s", 1));
        assert!(stock.hears("b", "t", 1) && stock.hears("b", "s", 2) && !stock.hears("b", "s", 1));
    }
}
