//! Sending and closing.

use super::Engine;
use crate::limits::FAULT_OF_A_CLOSE;
use crate::wire::{self, Address, Frame, Message};
use crate::{ConnId, Effect, Notice};

/// Close codes, as in RFC 6455 §7.4 and its private range.
pub(crate) mod code {
    /// The peer broke the protocol.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// The peer broke a rule or a limit.
    pub(crate) const POLICY: u16 = 1008;
    /// A frame was too big.
    pub(crate) const TOO_BIG: u16 = 1009;
    /// Come back later.
    pub(crate) const LATER: u16 = 1013;
    /// A newer connection of the same key took its place.
    pub(crate) const REPLACED: u16 = 4001;
    /// The peer is not who was expected.
    pub(crate) const UNEXPECTED: u16 = 4003;
}

impl Engine {
    /// Sends a frame, when the connection still stands.
    pub(super) fn send(&mut self, conn: ConnId, frame: Frame) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let address = Address {
            sender: connection.our_peer_id.clone(),
            target: connection.peer_id.clone(),
        };
        self.send_message(conn, &Message { address, frame });
    }

    /// Sends a frame whose sender is not us: an ephemeral message that is passed on.
    pub(super) fn send_message(&mut self, conn: ConnId, message: &Message) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        self.totals.frames_out += 1;
        self.out.push(Effect::Send {
            conn,
            bytes: wire::encode(message).into(),
        });
    }

    /// Sends a stable code.
    pub(super) fn send_notice(&mut self, conn: ConnId, code: &str, about: Option<String>) {
        self.send(
            conn,
            Frame::Notice {
                code: code.to_owned(),
                about,
            },
        );
    }

    /// Closes a connection that broke something.
    pub(super) fn close(&mut self, conn: ConnId, code: u16, reason: &'static str) {
        if self.conns.contains_key(&conn) {
            self.totals.conns_closed += 1;
            self.fault(conn, points(code, reason));
            self.out.push(Effect::Close { conn, code, reason });
            self.closed(conn);
        }
    }

    /// Says why, then closes: for peers that may be stock clients, whose only word for it is `error`.
    pub(super) fn close_with_error(&mut self, conn: ConnId, code: u16, reason: &'static str) {
        self.send(
            conn,
            Frame::Error {
                message: reason.to_owned(),
            },
        );
        self.close(conn, code, reason);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.out.push(Effect::Notice(notice));
    }

    /// Connections that proved themselves, in order.
    pub(super) fn ready_conns(&self) -> Vec<ConnId> {
        self.conns
            .iter()
            .filter(|(_, connection)| connection.is_ready())
            .map(|(conn, _)| *conn)
            .collect()
    }
}

/// How heavy the fault weighs that made us close: nothing for what is ours or nobody's.
fn points(code: u16, reason: &str) -> u64 {
    match (code, reason) {
        // It was the peer that refused us.
        (code::POLICY, "peer-refused") => 0,
        (code::PROTOCOL | code::TOO_BIG | code::POLICY, _) => FAULT_OF_A_CLOSE,
        _ => 0,
    }
}
