//! A member's client that was patched to write whatever it likes: right keys, right signatures, no right to write.

use automerge::{
    ActorId, AutoCommit, ChangeHash, ReadDoc,
    sync::{self, SyncDoc},
    transaction::Transactable,
};
use smallwin_circle::{
    Body, CircleId, DeviceKey, DocumentRef, Frontier, Log, Payload, Record, Side, SigningKey,
    Timestamp, channel_message, channel_transcript, circle_message, circle_tag,
};

use crate::hand::{HandSocket, Value, byte_list_of, bytes_of, frame, text_of};

/// What a node said about changes that it keeps aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason in its stable code.
    pub reason: String,
    /// The hashes of the changes.
    pub hashes: Vec<[u8; 32]>,
}

/// A connection to `/sync` that proved a member's device key.
#[derive(Debug)]
pub struct PatchedClient {
    socket: HandSocket,
    key: SigningKey,
    circle: CircleId,
    tag: [u8; 16],
    own_id: String,
    node_id: String,
    transcript: [u8; 32],
}

impl PatchedClient {
    /// Dials a node and proves this key, on the channel and in the circle.
    pub async fn dial(authority: &str, key: SigningKey, circle: CircleId) -> PatchedClient {
        let mut client = PatchedClient::claim(authority, key, circle, "AAAAAAAAAAA").await;
        client.prove().await;
        client
    }

    /// As [`PatchedClient::dial`], beside other connections of the same key: their marks of eleven
    /// letters differ.
    pub async fn dial_beside(
        authority: &str,
        key: SigningKey,
        circle: CircleId,
        mark: &str,
    ) -> PatchedClient {
        let mut client = PatchedClient::claim(authority, key, circle, mark).await;
        client.prove().await;
        client
    }

    /// Dials a node and names this key, but proves nothing.
    async fn claim(
        authority: &str,
        key: SigningKey,
        circle: CircleId,
        mark: &str,
    ) -> PatchedClient {
        let mut socket = HandSocket::open(authority, "/sync").await;
        let own_id = format!("{}-{mark}", key.public());
        let nonce = [7; 32];
        let join = frame(&[
            ("type", Value::Text("join")),
            ("senderId", Value::Text(&own_id)),
            ("supportedProtocolVersions", Value::Texts(&["1"])),
            (
                "smallwin",
                Value::Map(&[
                    ("v", Value::Number(1)),
                    ("key", Value::Bytes(key.public().as_bytes())),
                    ("nonce", Value::Bytes(&nonce)),
                    ("channel", Value::Text(authority)),
                ]),
            ),
        ]);
        assert!(socket.send(&join).await, "a node takes a join");
        let peer = socket.next().await.expect("a node answers a join");
        let field = |name| {
            bytes_of(&peer, &["smallwin", name]).expect("a node announces its key and nonce")
        };
        let node_key: [u8; 32] = field("key").try_into().expect("a key has 32 bytes");
        let node_key = DeviceKey::from_bytes(node_key).expect("a node has a proper key");
        let node_nonce: [u8; 32] = field("nonce").try_into().expect("a nonce has 32 bytes");
        let transcript =
            channel_transcript(&key.public(), &node_key, &nonce, &node_nonce, authority);
        let node_id = text_of(&peer, "senderId").expect("a `peer` frame names its sender");
        let tag = circle_tag(&transcript, &circle);
        PatchedClient {
            socket,
            key,
            circle,
            tag,
            own_id,
            node_id,
            transcript,
        }
    }

    async fn prove(&mut self) {
        let transcript = &self.transcript.clone();
        let channel = self.key.sign(&channel_message(Side::Dialer, transcript));
        self.send(
            "smallwin/auth",
            &[("proof", Value::Bytes(channel.as_bytes()))],
        )
        .await;
        let tag = self.tag;
        let proof = self
            .key
            .sign(&circle_message(&self.circle, Side::Dialer, transcript));
        let public = self.key.public();
        let item: &[(&str, Value<'_>)] = &[
            ("tag", Value::Bytes(&tag)),
            ("key", Value::Bytes(public.as_bytes())),
            ("proof", Value::Bytes(proof.as_bytes())),
            ("purpose", Value::Text("member")),
        ];
        self.send("smallwin/circles", &[("items", Value::Maps(&[item]))])
            .await;
    }

    /// Signs a record and gives it to the node; returns when the node has it.
    pub async fn say(&mut self, body: Body) {
        let log = self.log().await;
        let (seq, prev, deps) = log.next(&self.key.public());
        let payload = Payload {
            author: self.key.public(),
            body,
            circle: Some(self.circle),
            claimed: Timestamp::from_unix_s(1_800_000_000),
            deps,
            prev,
            seq,
        };
        let record = Record::sign(&payload, &self.key).expect("a proper record can be signed");
        let (tag, id) = (self.tag, record.id());
        let records = [record.bytes()];
        let fields = [
            ("circle", Value::Bytes(&tag)),
            ("heads", Value::Bytes(id.as_bytes())),
            ("records", Value::ByteList(&records)),
        ];
        self.send("smallwin/log", &fields).await;
        while !self.log().await.contains(&id) {}
    }

    /// The whole log, as the node tells it to somebody who has nothing.
    pub async fn log(&mut self) -> Log {
        let tag = self.tag;
        self.send(
            "smallwin/log",
            &[
                ("circle", Value::Bytes(&tag)),
                ("heads", Value::Bytes(&[])),
                ("ids", Value::Bytes(&[])),
            ],
        )
        .await;
        loop {
            let frame = self
                .socket
                .next()
                .await
                .expect("the node keeps the connection of a member");
            if text_of(&frame, "type").as_deref() != Some("smallwin/log") {
                continue;
            }
            let mut records = byte_list_of(&frame, "records")
                .into_iter()
                .map(|bytes| Record::parse(&bytes).expect("a node tells records"));
            // What does not begin with the genesis is news, not the whole log.
            let Some(Ok(mut log)) = records.next().map(Log::new) else {
                continue;
            };
            for record in records {
                log.insert(record).expect("a node tells records that hold");
            }
            return log;
        }
    }

    /// Writes words into a text of a document that this person may not write, and waits for what the node says.
    pub async fn write(&mut self, document: &DocumentRef, text: &str, words: &str) -> Refusal {
        let id = document.id(&self.circle);
        let first =
            smallwin_model::first_change(document.kind).expect("the kind has a first change");
        let mut own = AutoCommit::new();
        own.load_incremental(first).expect("a first change loads");
        let mut actor = [9; 40];
        actor[..32].copy_from_slice(self.key.public().as_bytes());
        own.set_actor(ActorId::from(actor));
        let (_, place) = own
            .get(automerge::ROOT, text)
            .expect("a document can be read")
            .expect("the text is there");
        own.splice_text(&place, 1, 0, words)
            .expect("an own edit is valid");
        let hash = own.commit().expect("something was written");
        let frontier =
            Frontier::sign(&self.circle, &id, actor, 1, hash.0, &self.key).expect("an own actor");
        let document_id = id.to_string();
        let items = frontier.encode();
        let fields = [
            ("documentId", Value::Text(&document_id)),
            ("items", Value::Bytes(&items)),
        ];
        self.send("smallwin/frontier", &fields).await;
        self.exchange(&mut own, &document_id, hash).await
    }

    /// Syncs as the stock protocol says until the node refuses this change.
    async fn exchange(
        &mut self,
        own: &mut AutoCommit,
        document_id: &str,
        hash: ChangeHash,
    ) -> Refusal {
        let mut state = sync::State::new();
        loop {
            if let Some(message) = own.sync().generate_sync_message(&mut state) {
                let data = message.encode();
                let fields = [
                    ("documentId", Value::Text(document_id)),
                    ("data", Value::Bytes(&data)),
                ];
                self.send("sync", &fields).await;
            }
            let frame = self
                .socket
                .next()
                .await
                .expect("the node keeps the connection of a member");
            if text_of(&frame, "documentId").as_deref() != Some(document_id) {
                continue;
            }
            match text_of(&frame, "type").as_deref() {
                Some("sync") => {
                    let data = bytes_of(&frame, &["data"]).expect("a sync frame has data");
                    let message =
                        sync::Message::decode(&data).expect("a node sends valid messages");
                    own.sync()
                        .receive_sync_message(&mut state, message)
                        .expect("a node's changes apply");
                }
                Some("smallwin/refused") => {
                    let hashes = bytes_of(&frame, &["hashes"]).expect("a refusal names hashes");
                    let hashes: Vec<[u8; 32]> = hashes
                        .chunks_exact(32)
                        .map(|hash| hash.try_into().expect("32 bytes"))
                        .collect();
                    assert!(hashes.contains(&hash.0), "it refuses what was written here");
                    let reason = text_of(&frame, "reason").expect("a refusal has a reason");
                    return Refusal { reason, hashes };
                }
                _ => {}
            }
        }
    }

    /// Sends a frame that the node has to take.
    async fn send(&mut self, kind: &str, fields: &[(&str, Value<'_>)]) {
        assert!(
            self.say_anything(kind, fields).await,
            "the node takes a `{kind}` frame"
        );
    }

    /// Sends a frame; whether the node still takes it.
    pub async fn say_anything(&mut self, kind: &str, fields: &[(&str, Value<'_>)]) -> bool {
        let (own, node) = (self.own_id.clone(), self.node_id.clone());
        let head = [
            ("type", Value::Text(kind)),
            ("senderId", Value::Text(&own)),
            ("targetId", Value::Text(&node)),
        ];
        let all = [&head[..], fields].concat();
        self.socket.send(&frame(&all)).await
    }

    /// The socket itself, for what is no frame.
    pub fn socket(&mut self) -> &mut HandSocket {
        &mut self.socket
    }

    /// The name of the circle on this connection.
    #[must_use]
    pub fn tag(&self) -> [u8; 16] {
        self.tag
    }

    /// The key that was proved.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The circle that it takes part in, or says so.
    #[must_use]
    pub fn circle(&self) -> CircleId {
        self.circle
    }

    /// Sends a sync message of a document.
    pub async fn sync(&mut self, document: &str, message: &[u8]) -> bool {
        let fields = [
            ("documentId", Value::Text(document)),
            ("data", Value::Bytes(message)),
        ];
        self.say_anything("sync", &fields).await
    }

    /// What the node made of all that was sent so far: it is asked something last, and answers in
    /// order.
    pub async fn outcome(&mut self) -> Outcome {
        // It may have closed by then.
        self.say_anything("smallwin/ask", &[("what", Value::Text("alive"))])
            .await;
        let mut found = Outcome::Taken;
        while let Some(frame) = self.socket.next().await {
            match text_of(&frame, "type").as_deref() {
                Some("doc-unavailable") => found = Outcome::Unavailable,
                Some("smallwin/notice")
                    if text_of(&frame, "code").as_deref() == Some("not-paired") =>
                {
                    return found;
                }
                _ => {}
            }
        }
        Outcome::Closed(self.socket.closed().unwrap_or_default())
    }

    /// Waits until the node says that it keeps this change aside, and returns why; what it closed
    /// with when it does that instead.
    ///
    /// # Panics
    /// When it says other things only, for long.
    pub async fn refusal_of(&mut self, hash: &[u8; 32]) -> Outcome {
        tokio::time::timeout(PATIENCE, self.next_refusal_of(hash))
            .await
            .expect("the node says that it keeps a change aside")
    }

    async fn next_refusal_of(&mut self, hash: &[u8; 32]) -> Outcome {
        while let Some(frame) = self.socket.next().await {
            if text_of(&frame, "type").as_deref() != Some("smallwin/refused") {
                continue;
            }
            let hashes = bytes_of(&frame, &["hashes"]).expect("a refusal names hashes");
            if hashes.chunks_exact(32).any(|other| other == hash) {
                let reason = text_of(&frame, "reason").expect("a refusal has a reason");
                return Outcome::Refused(reason);
            }
        }
        Outcome::Closed(self.socket.closed().unwrap_or_default())
    }
}

/// How long a node may talk of other things before it says what is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What a node made of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It closed the connection with this code.
    Closed(u16),
    /// It keeps a change aside, for this reason.
    Refused(String),
    /// It says that there is no such document.
    Unavailable,
    /// It took it, or let it pass, and goes on.
    Taken,
}
