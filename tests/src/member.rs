//! A member who writes honestly, on a connection of its own.

use std::time::Duration;

use automerge::{
    ActorId, AutoCommit, ChangeHash, ReadDoc,
    sync::{self, SyncDoc},
    transaction::Transactable,
};
use smallwin_circle::{DocumentId, DocumentRef, Frontier};

use crate::{
    hand::{Value, bytes_of, text_of},
    patched::PatchedClient,
};

/// A member with one text of one document open.
#[derive(Debug)]
pub struct Member {
    client: PatchedClient,
    document: AutoCommit,
    state: sync::State,
    id: DocumentId,
    text: String,
    actor: [u8; 40],
    seq: u64,
    last: Option<ChangeHash>,
}

impl Member {
    /// Opens a text of a document on a connection that proved a member's key. `session` makes the
    /// actor of this session (rule K2).
    pub fn open(client: PatchedClient, document: &DocumentRef, text: &str, session: u64) -> Member {
        let first =
            smallwin_model::first_change(document.kind).expect("the kind has a first change");
        let mut own = AutoCommit::new();
        own.load_incremental(first).expect("a first change loads");
        let mut actor = [0; 40];
        actor[..32].copy_from_slice(client.key().public().as_bytes());
        actor[32..].copy_from_slice(&session.to_be_bytes());
        own.set_actor(ActorId::from(actor));
        let id = document.id(&client.circle());
        Member {
            client,
            document: own,
            state: sync::State::new(),
            id,
            text: text.to_owned(),
            actor,
            seq: 0,
            last: None,
        }
    }

    /// Writes at the end of the text and sends it, signed.
    pub async fn write(&mut self, words: &str) {
        let place = self.place();
        let end = self.document.length(&place);
        self.document
            .splice_text(&place, end, 0, words)
            .expect("an own edit is valid");
        let hash = self.document.commit().expect("something was written");
        self.seq += 1;
        self.last = Some(hash);
        let (circle, key) = (self.client.circle(), self.client.key());
        let frontier = Frontier::sign(&circle, &self.id, self.actor, self.seq, hash.0, key)
            .expect("an own actor");
        let (id, items) = (self.id.to_string(), frontier.encode());
        let fields = [
            ("documentId", Value::Text(&id)),
            ("items", Value::Bytes(&items)),
        ];
        let taken = self.client.say_anything("smallwin/frontier", &fields).await;
        assert!(taken, "the node takes a member's frontier");
        self.speak().await;
    }

    /// Waits until the text holds these words.
    pub async fn until_it_has(&mut self, words: &str) {
        let heard = async {
            while !self.words().contains(words) {
                self.listen().await;
            }
        };
        in_time(heard).await;
    }

    /// Waits until the node has confirmed what was written here last; others may go on writing.
    pub async fn until_it_is_kept(&mut self) {
        let heard = async {
            while !self.is_kept() {
                self.listen().await;
            }
        };
        in_time(heard).await;
    }

    fn is_kept(&mut self) -> bool {
        let (Some(last), Some(heads)) = (self.last, &self.state.their_heads) else {
            return false;
        };
        let is_known = |head: &ChangeHash| self.document.get_change_by_hash(head).is_some();
        // Below the heads that the node named stands what it has.
        !heads.is_empty()
            && heads.iter().all(is_known)
            && !self
                .document
                .get_changes(heads)
                .iter()
                .any(|it| it.hash() == last)
    }

    /// Waits until something stands under this name in the document.
    pub async fn until_it_holds(&mut self, name: &str) {
        let heard = async {
            while !self.holds(name) {
                self.listen().await;
            }
        };
        in_time(heard).await;
    }

    /// Whether something stands under this name in the document.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        let found = self.document.get(automerge::ROOT, name);
        found.expect("a document can be read").is_some()
    }

    /// The document as it stands here.
    pub fn document(&mut self) -> &mut AutoCommit {
        &mut self.document
    }

    /// The text as it stands here.
    #[must_use]
    pub fn words(&self) -> String {
        let place = self.place();
        self.document.text(&place).expect("a text can be read")
    }

    fn place(&self) -> automerge::ObjId {
        let found = self.document.get(automerge::ROOT, self.text.as_str());
        let (_, place) = found
            .expect("a document can be read")
            .expect("the text is there");
        place
    }

    /// Waits until `other` has these words, while both go on talking with the node: who waits for
    /// an answer to its last message says nothing new before it.
    pub async fn until_other_has(&mut self, other: &mut Member, words: &str) {
        let heard = async {
            while !other.words().contains(words) {
                // Only the waiting is given up when the other one hears something first.
                tokio::select! {
                    frame = self.client.socket().next() => self.take(frame).await,
                    frame = other.client.socket().next() => other.take(frame).await,
                }
            }
        };
        in_time(heard).await;
    }

    async fn listen(&mut self) {
        let frame = self.client.socket().next().await;
        self.take(frame).await;
    }

    async fn take(&mut self, frame: Option<Vec<u8>>) {
        let frame = frame.expect("a node keeps the connection of an honest member");
        let is_ours = text_of(&frame, "documentId") == Some(self.id.to_string());
        if !is_ours || text_of(&frame, "type").as_deref() != Some("sync") {
            return;
        }
        let data = bytes_of(&frame, &["data"]).expect("a sync frame has data");
        let message = sync::Message::decode(&data).expect("a node sends valid messages");
        self.document
            .sync()
            .receive_sync_message(&mut self.state, message)
            .expect("a node's changes apply");
        self.speak().await;
    }

    async fn speak(&mut self) {
        let message = self.document.sync().generate_sync_message(&mut self.state);
        if let Some(message) = message {
            let id = self.id.to_string();
            let taken = self.client.sync(&id, &message.encode()).await;
            assert!(taken, "the node takes a member's messages");
        }
    }
}

/// How long a node may talk of other things before what is waited for has come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn in_time(heard: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, heard)
        .await
        .expect("what an honest member waits for comes");
}
