//! Opening, proving and closing connections (`docs/spec.md` §6, Handshake).

use smallwin_circle::{DeviceKey, Side, Signature, channel_message, channel_transcript, verify};

use super::Engine;
use super::connection::{Connection, Stage};
use super::send::code;
use crate::wire::{Frame, JoinHello, PeerHello, base64};
use crate::{ConnId, Effect, Notice, Opened, Space};

/// The one version of the protocol there is.
const VERSION: &str = "1";
/// The version of our extension.
const SMALLWIN_VERSION: u64 = 1;
/// The longest peer id we take; stock clients choose theirs freely.
const PEER_ID_BYTES_MAX: usize = 256;

impl Engine {
    pub(super) fn opened(&mut self, opened: Opened) {
        let conn = opened.conn;
        let is_off = opened.space == Space::Open && !self.config.open_space;
        let is_full = self.conns.len() >= self.config.limits.conns_max;
        let too_many = !is_off && is_full && !self.make_room();
        if too_many || is_off {
            self.totals.conns_closed += 1;
            self.totals.conns_refused += 1;
            let reason = if too_many {
                "too-many-connections"
            } else {
                "open-space-is-off"
            };
            self.out.push(Effect::Close {
                conn,
                code: code::LATER,
                reason,
            });
            return;
        }
        let peer_id = format!("{}-{}", self.wire_key, base64::encode(&opened.peer_nonce));
        let connection = Connection::new(&opened, peer_id, self.now);
        let hello = JoinHello {
            v: SMALLWIN_VERSION,
            key: *self.wire_key.as_bytes(),
            nonce: connection.nonce,
            channel: connection.channel.clone(),
        };
        let circles: Vec<_> = connection.invites.keys().copied().collect();
        self.conns.insert(conn, connection);
        for circle in circles {
            self.follow(circle);
        }
        if opened.side == Side::Dialer {
            let smallwin = (opened.space == Space::Circles).then_some(hello);
            self.send(
                conn,
                Frame::Join {
                    versions: Some(vec![VERSION.to_owned()]),
                    smallwin,
                },
            );
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId) {
        if self.conns.remove(&conn).is_some() {
            self.close_account(conn);
            self.forget_pending_of(conn);
        }
    }

    /// A frame of a connection that has not proven itself yet.
    pub(super) fn handshake(&mut self, conn: ConnId, sender: String, frame: Frame) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        match (connection.stage, frame) {
            (Stage::AwaitJoin, Frame::Join { versions, smallwin }) => {
                if !versions
                    .is_none_or(|versions| versions.iter().any(|version| version == VERSION))
                {
                    self.close_with_error(conn, code::PROTOCOL, "unsupported protocol version");
                } else if sender.is_empty() || sender.len() > PEER_ID_BYTES_MAX {
                    self.close_with_error(conn, code::PROTOCOL, "senderId is absent or too long");
                } else if connection.space == Space::Open {
                    self.join_open(conn, sender);
                } else {
                    self.join_circles(conn, sender, smallwin);
                }
            }
            (Stage::AwaitPeer, Frame::Peer { version, smallwin }) => {
                if version == VERSION && !sender.is_empty() && sender.len() <= PEER_ID_BYTES_MAX {
                    self.peer(conn, sender, smallwin);
                } else {
                    self.close(conn, code::PROTOCOL, "bad-peer");
                }
            }
            (Stage::AwaitAuth, Frame::Auth { proof }) => self.auth(conn, proof),
            // A stock client may say join twice when its socket opened during the first one.
            (Stage::AwaitAuth, Frame::Join { .. }) => {}
            (_, Frame::Error { .. }) => self.close(conn, code::POLICY, "peer-refused"),
            (_, Frame::Unknown { .. }) => self.totals.frames_unknown += 1,
            _ => self.close_with_error(conn, code::PROTOCOL, "join first"),
        }
    }

    /// A stock client: whoever it says it is, unless somebody live is that already.
    fn join_open(&mut self, conn: ConnId, sender: String) {
        let is_taken = self.conns.iter().any(|(other, connection)| {
            *other != conn
                && connection.space == Space::Open
                && connection.is_ready()
                && connection.peer_id == sender
        });
        if is_taken {
            self.close_with_error(conn, code::POLICY, "this peer id is connected already");
            return;
        }
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.peer_id = sender;
            connection.stage = Stage::Ready;
        }
        self.send(
            conn,
            Frame::Peer {
                version: VERSION.to_owned(),
                smallwin: None,
            },
        );
        self.notice(Notice::PeerReady(conn));
    }

    fn join_circles(&mut self, conn: ConnId, sender: String, hello: Option<JoinHello>) {
        let Some(hello) = hello else {
            self.close_with_error(
                conn,
                code::POLICY,
                "this address serves smallwin peers only",
            );
            return;
        };
        let channel = hello.channel.to_ascii_lowercase();
        let key = DeviceKey::from_bytes(hello.key);
        let fault = match &key {
            _ if hello.v < SMALLWIN_VERSION => Some("unsupported smallwin version"),
            Err(_) => Some("the key is not a usable one"),
            Ok(key) if *key == self.wire_key => Some("this is the node itself"),
            Ok(key) if !fits(&sender, key) => Some("the peer id does not belong to the key"),
            Ok(_) if !self.config.authorities.contains(&channel) => {
                Some("this node does not go by that name")
            }
            Ok(_) => None,
        };
        let (Ok(key), None) = (key, fault) else {
            self.close_with_error(
                conn,
                code::POLICY,
                fault.unwrap_or("the key is not a usable one"),
            );
            return;
        };
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let transcript = channel_transcript(
            &key,
            &self.wire_key,
            &hello.nonce,
            &connection.nonce,
            &channel,
        );
        connection.transcript = transcript;
        connection.key = Some(key);
        connection.peer_id = sender;
        connection.stage = Stage::AwaitAuth;
        let nonce = connection.nonce;
        let proof = self
            .config
            .node_key
            .sign(&channel_message(Side::Listener, &transcript));
        let hello = PeerHello {
            v: SMALLWIN_VERSION,
            key: *self.wire_key.as_bytes(),
            nonce,
            proof: *proof.as_bytes(),
        };
        self.send(
            conn,
            Frame::Peer {
                version: VERSION.to_owned(),
                smallwin: Some(hello),
            },
        );
    }

    fn peer(&mut self, conn: ConnId, sender: String, hello: Option<PeerHello>) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        if connection.space == Space::Open {
            connection.peer_id = sender;
            connection.stage = Stage::Ready;
            self.notice(Notice::PeerReady(conn));
            return;
        }
        let key = hello
            .as_ref()
            .and_then(|hello| DeviceKey::from_bytes(hello.key).ok());
        let (Some(hello), Some(key)) = (hello, key) else {
            self.close(conn, code::POLICY, "not-a-smallwin-node");
            return;
        };
        if connection.expect.is_some_and(|expected| expected != key) {
            self.close(conn, code::UNEXPECTED, "another-node-key");
            return;
        }
        let transcript = channel_transcript(
            &self.wire_key,
            &key,
            &connection.nonce,
            &hello.nonce,
            &connection.channel,
        );
        let proof = Signature::from_bytes(hello.proof);
        if key == self.wire_key || !fits(&sender, &key) {
            self.close(conn, code::POLICY, "bad-peer-id");
        } else if !verify(&key, &channel_message(Side::Listener, &transcript), &proof) {
            self.close(conn, code::UNEXPECTED, "bad-proof");
        } else {
            connection.transcript = transcript;
            connection.key = Some(key);
            connection.peer_id = sender;
            let proof = self
                .config
                .node_key
                .sign(&channel_message(Side::Dialer, &transcript));
            self.send(
                conn,
                Frame::Auth {
                    proof: *proof.as_bytes(),
                },
            );
            self.ready(conn);
        }
    }

    fn auth(&mut self, conn: ConnId, proof: [u8; 64]) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let message = channel_message(Side::Dialer, &connection.transcript);
        let is_proven = connection
            .key
            .is_some_and(|key| verify(&key, &message, &Signature::from_bytes(proof)));
        if is_proven {
            self.ready(conn);
        } else {
            self.close_with_error(conn, code::UNEXPECTED, "the proof does not fit");
        }
    }

    /// The peer proved its key: an older connection with the same peer id gives way.
    fn ready(&mut self, conn: ConnId) {
        if let Some(reason) = self.turned_away(conn) {
            self.totals.conns_refused += 1;
            self.close(conn, code::LATER, reason);
            return;
        }
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        connection.stage = Stage::Ready;
        let peer_id = connection.peer_id.clone();
        let older = self.conns.iter().find(|(other, connection)| {
            **other != conn
                && connection.space == Space::Circles
                && connection.is_ready()
                && connection.peer_id == peer_id
        });
        if let Some((older, _)) = older {
            self.close(*older, code::REPLACED, "replaced");
        }
        self.notice(Notice::PeerReady(conn));
        self.present_circles(conn);
    }
}

impl Engine {
    /// Why a key that was just proven is not let in.
    fn turned_away(&self, conn: ConnId) -> Option<&'static str> {
        let key = self.conns.get(&conn)?.key?;
        if self.is_penalised(&key) {
            return Some("penalised");
        }
        // The same peer id takes its own place.
        let peer_id = &self.conns.get(&conn)?.peer_id;
        let of_the_key = self.conns.values().filter(|other| {
            other.is_ready() && other.key == Some(key) && other.peer_id != *peer_id
        });
        (of_the_key.count() >= self.config.limits.conns_per_key_max)
            .then_some("too-many-connections")
    }

    /// Ends one connection, so that another one fits: the oldest that proved nothing yet, else the
    /// oldest of a key that takes part in nothing here. False when all of them have a right to be.
    fn make_room(&mut self) -> bool {
        let rank = |connection: &Connection| match connection.space {
            _ if connection.side == Side::Dialer => None,
            _ if !connection.is_ready() => Some(0),
            Space::Circles => {
                let is_paired = connection
                    .key
                    .is_some_and(|key| self.paired.contains_key(&key) || key == self.device);
                (!is_paired && connection.circles.is_empty()).then_some(1)
            }
            Space::Open => connection.documents.is_empty().then_some(1),
        };
        let oldest = self
            .conns
            .iter()
            .filter_map(|(conn, connection)| Some((rank(connection)?, *conn)))
            .min();
        let Some((_, conn)) = oldest else {
            return false;
        };
        self.totals.conns_refused += 1;
        self.close(conn, code::LATER, "makes-room");
        true
    }
}

/// Whether a peer id has the form `b64u(key)-b64u(8 bytes)` for this key.
fn fits(peer_id: &str, key: &DeviceKey) -> bool {
    peer_id
        .strip_prefix(&key.to_string())
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|nonce| {
            nonce.len() == 11
                && nonce
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}
