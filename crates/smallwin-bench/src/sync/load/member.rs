//! A member of a circle: proves its key, and signs what it writes.

use anyhow::{Context, Result};
use automerge::{AutoCommit, ObjId, ReadDoc};
use smallwin_circle::{
    CircleId, DeviceKey, DocumentId, DocumentRef, Frontier, Kind, Side, SigningKey,
    channel_message, channel_transcript, circle_message, circle_tag,
};
use smallwin_model::RESERVED_ACTOR;

use crate::typist::{Edit, Typist};
use crate::wire::{self, Value, bytes_at};

const NONCE: [u8; 32] = [7; 32];
/// The text that is typed into.
const TEXT: &str = "weUsedTo";

/// The key, the circle and its step document, to which nobody else writes.
#[derive(Debug)]
pub(crate) struct Member {
    key: SigningKey,
    circle: CircleId,
    /// `host:port` as it is dialled.
    channel: String,
    document: DocumentId,
    first: Edit,
    text: u64,
    marker: u64,
    start_op: u64,
}

impl Member {
    pub(crate) fn new(key: SigningKey, circle: CircleId, channel: String) -> Result<Member> {
        let bytes =
            smallwin_model::first_change(Kind::Step).context("a step has a first change")?;
        let mut document = AutoCommit::new();
        document.load_incremental(bytes)?;
        let counter = |id: ObjId| match id {
            ObjId::Id(counter, ..) => Some(counter),
            ObjId::Root => None,
        };
        let (_, text) = document.get(automerge::ROOT, TEXT)?.context("the text")?;
        let (_, marker) = document.get(&text, 0)?.context("the marker")?;
        let changes = document.get_changes(&[]);
        let change = changes.first().context("the first change")?;
        Ok(Member {
            document: DocumentRef::step().id(&circle),
            text: counter(text).context("an own object")?,
            marker: counter(marker).context("an own object")?,
            start_op: change.max_op() + 1,
            first: Edit {
                hash: change.hash().0,
                bytes: bytes.to_vec(),
            },
            key,
            circle,
            channel,
        })
    }

    /// The document's name on the wire.
    pub(crate) fn document(&self) -> String {
        self.document.to_string()
    }

    pub(crate) fn peer_name(&self, number: u64) -> String {
        use base64::Engine;
        let tail = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(number.to_be_bytes());
        format!("{}-{tail}", self.key.public())
    }

    /// Somebody who begins behind the first change.
    pub(crate) fn typist(&self) -> (Typist, Vec<Edit>) {
        let typist = Typist::join(
            &self.actor(),
            &RESERVED_ACTOR,
            self.text,
            self.marker,
            self.start_op,
            self.first.hash,
        );
        (typist, vec![self.first.clone()])
    }

    fn actor(&self) -> [u8; 40] {
        let mut actor = [9; 40];
        actor
            .iter_mut()
            .zip(self.key.public().as_bytes())
            .for_each(|(to, from)| *to = *from);
        actor
    }

    pub(crate) fn join(&self, name: &str) -> Vec<u8> {
        wire::frame(&[
            ("type", Value::Text("join")),
            ("senderId", Value::Text(name)),
            ("supportedProtocolVersions", Value::Texts(&["1"])),
            (
                "smallwin",
                Value::Map(&[
                    ("v", Value::Number(1)),
                    ("key", Value::Bytes(self.key.public().as_bytes())),
                    ("nonce", Value::Bytes(&NONCE)),
                    ("channel", Value::Text(&self.channel)),
                ]),
            ),
        ])
    }

    /// What to say after `peer`: the proof of the key, and that it is a member of the circle.
    pub(crate) fn prove(&self, peer: &[u8]) -> Vec<Vec<u8>> {
        let field = |name| bytes_at(peer, &["smallwin", name])?.try_into().ok();
        let (Some(node), Some(nonce)) = (field("key"), field("nonce")) else {
            return Vec::new();
        };
        let Ok(node) = DeviceKey::from_bytes(node) else {
            return Vec::new();
        };
        let public = self.key.public();
        let transcript = channel_transcript(&public, &node, &NONCE, &nonce, &self.channel);
        let channel = self.key.sign(&channel_message(Side::Dialer, &transcript));
        let member = circle_message(&self.circle, Side::Dialer, &transcript);
        let member = self.key.sign(&member);
        let auth = wire::frame(&[
            ("type", Value::Text("smallwin/auth")),
            ("proof", Value::Bytes(channel.as_bytes())),
        ]);
        let tag = circle_tag(&transcript, &self.circle);
        let item: &[(&str, Value<'_>)] = &[
            ("tag", Value::Bytes(&tag)),
            ("key", Value::Bytes(public.as_bytes())),
            ("proof", Value::Bytes(member.as_bytes())),
            ("purpose", Value::Text("member")),
        ];
        let circles = wire::frame(&[
            ("type", Value::Text("smallwin/circles")),
            ("items", Value::Maps(&[item])),
        ]);
        vec![auth, circles]
    }

    /// The frontier over the first `count` edits, the document's first change among them.
    pub(crate) fn frontier(&self, edits: &[Edit], count: usize) -> Option<Vec<u8>> {
        let seq = count.checked_sub(1)?;
        let hash = edits.get(seq)?.hash;
        let frontier = Frontier::sign(
            &self.circle,
            &self.document,
            self.actor(),
            seq as u64,
            hash,
            &self.key,
        );
        let items = frontier.ok()?.encode();
        Some(wire::frame(&[
            ("type", Value::Text("smallwin/frontier")),
            ("documentId", Value::Text(&self.document.to_string())),
            ("items", Value::Bytes(&items)),
        ]))
    }
}
