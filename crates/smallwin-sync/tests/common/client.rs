//! A client made by hand: it says whatever a test wants, with its own CBOR and stock Automerge.

use std::collections::BTreeMap;

use automerge::Automerge;
use automerge::sync::{Message, State, SyncDoc as _};
use smallwin_circle::{
    CircleId, DeviceKey, DocumentId, Side, SigningKey, channel_message, channel_transcript,
    circle_message, circle_tag,
};
use smallwin_sync::{ConnId, Space};

use super::{NODE, Net};

/// A CBOR value to write.
pub enum Cbor {
    Text(String),
    Bytes(Vec<u8>),
    Number(u64),
    Float(f64),
    List(Vec<Cbor>),
    Map(Vec<(&'static str, Cbor)>),
    Undefined,
}

pub fn text(value: &str) -> Cbor {
    Cbor::Text(value.to_owned())
}

pub fn bytes(value: &[u8]) -> Cbor {
    Cbor::Bytes(value.to_vec())
}

/// One frame, its map headers as wide as cbor-x writes them.
pub fn frame(entries: Vec<(&'static str, Cbor)>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, &Cbor::Map(entries));
    out
}

fn write(out: &mut Vec<u8>, value: &Cbor) {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    match value {
        Cbor::Text(text) => {
            encoder.str(text).unwrap();
        }
        Cbor::Bytes(bytes) => {
            encoder.bytes(bytes).unwrap();
        }
        Cbor::Number(number) => {
            encoder.u64(*number).unwrap();
        }
        Cbor::Float(number) => {
            encoder.f64(*number).unwrap();
        }
        Cbor::Undefined => {
            encoder.undefined().unwrap();
        }
        Cbor::List(items) => {
            encoder.array(items.len() as u64).unwrap();
        }
        Cbor::Map(_) => {}
    }
    out.extend(encoder.into_writer());
    match value {
        Cbor::List(items) => items.iter().for_each(|item| write(out, item)),
        Cbor::Map(entries) => {
            out.push(0xb9);
            out.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
            for (key, value) in entries {
                write(out, &text(key));
                write(out, value);
            }
        }
        _ => {}
    }
}

/// One frame that was received: its texts and byte strings by name.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub texts: BTreeMap<String, String>,
    pub bytes: BTreeMap<String, Vec<u8>>,
}

impl Received {
    pub fn read(frame: &[u8]) -> Received {
        let mut received = Received::default();
        let mut decoder = minicbor::Decoder::new(frame);
        for _ in 0..decoder.map().unwrap().unwrap() {
            let key = decoder.str().unwrap().to_owned();
            match decoder.datatype().unwrap() {
                minicbor::data::Type::String => {
                    received
                        .texts
                        .insert(key, decoder.str().unwrap().to_owned());
                }
                minicbor::data::Type::Bytes => {
                    received
                        .bytes
                        .insert(key, decoder.bytes().unwrap().to_vec());
                }
                minicbor::data::Type::Map if key == "smallwin" => {
                    for _ in 0..decoder.map().unwrap().unwrap() {
                        let inner = decoder.str().unwrap().to_owned();
                        if decoder.datatype().unwrap() == minicbor::data::Type::Bytes {
                            received
                                .bytes
                                .insert(inner, decoder.bytes().unwrap().to_vec());
                        } else {
                            decoder.skip().unwrap();
                        }
                    }
                }
                _ => decoder.skip().unwrap(),
            }
        }
        received
    }

    pub fn kind(&self) -> &str {
        &self.texts["type"]
    }
}

/// A connection to an engine, with what was received so far.
pub struct Client {
    pub at: usize,
    pub conn: ConnId,
    pub peer_id: String,
    pub transcript: [u8; 32],
    pub received: Vec<Received>,
}

impl Client {
    /// A stock automerge-repo client.
    pub fn stock(net: &mut Net, at: usize, peer_id: &str) -> Client {
        let conn = net.wire(at, Side::Listener, Space::Open);
        let mut client = Client {
            at,
            conn,
            peer_id: peer_id.to_owned(),
            transcript: [0; 32],
            received: Vec::new(),
        };
        client.say(
            net,
            vec![
                ("type", text("join")),
                (
                    "peerMetadata",
                    Cbor::Map(vec![("storageId", Cbor::Undefined)]),
                ),
                ("supportedProtocolVersions", Cbor::List(vec![text("1")])),
            ],
        );
        client
    }

    /// A peer of ours that proves a key and does as it likes afterwards.
    pub fn proven(net: &mut Net, at: usize, key: &SigningKey) -> Client {
        let peer_id = format!("{}-AAAAAAAAAAA", key.public());
        Client::proven_as(net, at, key, &peer_id)
    }

    /// As [`Client::proven`], under a peer id of this key.
    pub fn proven_as(net: &mut Net, at: usize, key: &SigningKey, peer_id: &str) -> Client {
        let mut client = Client::claiming(net, at, key, peer_id);
        let proof = key.sign(&channel_message(Side::Dialer, &client.transcript));
        client.say(
            net,
            vec![
                ("type", text("smallwin/auth")),
                ("proof", bytes(proof.as_bytes())),
            ],
        );
        client
    }

    /// A peer that names a key and does not prove it.
    pub fn unproven(net: &mut Net, at: usize, key: &SigningKey) -> Client {
        let peer_id = format!("{}-AAAAAAAAAAA", key.public());
        Client::claiming(net, at, key, &peer_id)
    }

    fn claiming(net: &mut Net, at: usize, key: &SigningKey, peer_id: &str) -> Client {
        let conn = net.wire(at, Side::Listener, Space::Circles);
        let mut client = Client {
            at,
            conn,
            peer_id: peer_id.to_owned(),
            transcript: [0; 32],
            received: Vec::new(),
        };
        client.say(
            net,
            vec![
                ("type", text("join")),
                ("peerMetadata", Cbor::Undefined),
                (
                    "smallwin",
                    Cbor::Map(vec![
                        ("v", Cbor::Number(1)),
                        ("key", bytes(key.public().as_bytes())),
                        ("nonce", bytes(&[7; 32])),
                        ("channel", text(NODE)),
                        (
                            "later",
                            Cbor::Map(vec![("unknown", Cbor::List(vec![Cbor::Number(1)]))]),
                        ),
                    ]),
                ),
            ],
        );
        let hello = client.received.pop().expect("the node answers");
        let node = DeviceKey::from_bytes(hello.bytes["key"].clone().try_into().unwrap()).unwrap();
        let nonce: [u8; 32] = hello.bytes["nonce"].clone().try_into().unwrap();
        client.transcript = channel_transcript(&key.public(), &node, &[7; 32], &nonce, NODE);
        client
    }

    /// Shows that it takes part in a circle.
    pub fn show_circle(&mut self, net: &mut Net, circle: &CircleId, key: &SigningKey) {
        let proof = key.sign(&circle_message(circle, Side::Dialer, &self.transcript));
        let item = Cbor::Map(vec![
            ("tag", bytes(&circle_tag(&self.transcript, circle))),
            ("key", bytes(key.public().as_bytes())),
            ("proof", bytes(proof.as_bytes())),
            ("purpose", text("member")),
        ]);
        self.say(
            net,
            vec![
                ("type", text("smallwin/circles")),
                ("items", Cbor::List(vec![item])),
            ],
        );
    }

    pub fn say(&mut self, net: &mut Net, mut entries: Vec<(&'static str, Cbor)>) {
        if !entries.iter().any(|(key, _)| *key == "senderId") {
            entries.push(("senderId", text(&self.peer_id)));
        }
        entries.push(("targetId", text("whoever")));
        self.raw(net, frame(entries));
    }

    pub fn raw(&mut self, net: &mut Net, bytes: Vec<u8>) {
        net.send(self.at, self.conn, bytes);
        self.listen(net);
    }

    pub fn listen(&mut self, net: &mut Net) {
        self.received.extend(
            net.received(self.at, self.conn)
                .iter()
                .map(|frame| Received::read(frame)),
        );
    }

    pub fn sync(&mut self, net: &mut Net, document: &DocumentId, data: Vec<u8>) {
        self.say(
            net,
            vec![
                ("type", text("sync")),
                ("documentId", text(&document.to_string())),
                ("data", Cbor::Bytes(data)),
            ],
        );
    }

    pub fn frontier(&mut self, net: &mut Net, document: &DocumentId, items: &[u8]) {
        self.say(
            net,
            vec![
                ("type", text("smallwin/frontier")),
                ("documentId", text(&document.to_string())),
                ("items", bytes(items)),
            ],
        );
    }

    pub fn kinds(&self) -> Vec<&str> {
        self.received.iter().map(Received::kind).collect()
    }

    pub fn is_closed(&self, net: &Net) -> bool {
        net.peers[self.at]
            .closed
            .iter()
            .any(|(conn, _, _)| *conn == self.conn)
    }

    /// Exchanges sync messages as stock Automerge does until neither side has more to say.
    /// Returns how many messages went over the wire.
    pub fn exchange(
        &mut self,
        net: &mut Net,
        id: &DocumentId,
        document: &mut Automerge,
        state: &mut State,
    ) -> usize {
        let mut messages = 0;
        loop {
            self.listen(net);
            let mut is_quiet = true;
            for received in std::mem::take(&mut self.received) {
                let is_ours = received.texts.get("documentId") == Some(&id.to_string());
                if received.kind() == "sync" && is_ours {
                    messages += 1;
                    is_quiet = false;
                    let message = Message::decode(&received.bytes["data"]).unwrap();
                    document.receive_sync_message(state, message).unwrap();
                }
            }
            if let Some(message) = document.generate_sync_message(state) {
                messages += 1;
                is_quiet = false;
                let data = message.encode();
                self.sync(net, id, data);
            }
            assert!(messages < 200, "the two never come to rest");
            if is_quiet {
                return messages;
            }
        }
    }
}
