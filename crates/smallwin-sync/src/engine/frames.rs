//! Where a frame goes after it was decoded.

use super::Engine;
use super::send::code;
use crate::wire::{self, Frame, Message};
use crate::{ConnId, Space};

impl Engine {
    pub(super) fn frame(&mut self, conn: ConnId, bytes: &[u8]) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        self.totals.frames_in += 1;
        if !self.spend_frame(conn, bytes.len()) {
            return;
        }
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let limits = &self.config.limits;
        let bytes_max = if connection.is_ready() {
            limits.frame_bytes_max
        } else {
            limits.hello_bytes_max
        };
        if bytes.len() > bytes_max {
            self.close(conn, code::TOO_BIG, "frame-too-big");
            return;
        }
        let Ok(message) = wire::decode(bytes) else {
            self.close(conn, code::PROTOCOL, "bad-frame");
            return;
        };
        if !connection.is_ready() {
            self.handshake(conn, message.address.sender, message.frame);
            return;
        }
        // An ephemeral message bears its author as sender: stock clients even echo those of others.
        let is_ephemeral = matches!(message.frame, Frame::Ephemeral { .. });
        if !is_ephemeral
            && message.address.sender != connection.peer_id
            && !message.address.sender.is_empty()
        {
            self.close(conn, code::PROTOCOL, "wrong-sender");
            return;
        }
        match connection.space {
            Space::Open => self.open_frame(conn, message),
            Space::Circles => self.circles_frame(conn, message),
        }
    }

    /// What a stock client may say; everything else is ignored and counted.
    fn open_frame(&mut self, conn: ConnId, message: Message) {
        match message.frame {
            Frame::Sync { document, data } => self.sync_frame(conn, document, &data),
            Frame::Request { document, data } => self.sync_frame(conn, document, &data),
            Frame::Unavailable { document } => self.unavailable(conn, document),
            Frame::Ephemeral { .. } => self.ephemeral(conn, message),
            // Its socket opened while the first join was still being sent.
            Frame::Join { .. } => {}
            Frame::Error { .. } => self.close(conn, code::POLICY, "peer-refused"),
            _ => self.totals.frames_unknown += 1,
        }
    }

    fn circles_frame(&mut self, conn: ConnId, message: Message) {
        match message.frame {
            Frame::Sync { document, data } | Frame::Request { document, data } => {
                self.sync_frame(conn, document, &data);
            }
            Frame::Unavailable { document } => self.unavailable(conn, document),
            Frame::Ephemeral { .. } => self.ephemeral(conn, message),
            Frame::Circles { items } => self.circle_items(conn, items),
            Frame::Host { records } => self.host(conn, records),
            Frame::Log(log) => self.log_frame(conn, log),
            Frame::Beside(beside) => self.beside_frame(conn, beside),
            Frame::JoinCircle { circle, record } => self.join_frame(conn, circle, &record),
            Frame::Frontier { document, items } => self.frontier_frame(conn, document, items),
            Frame::Refused {
                document,
                hashes,
                reason,
            } => self.refused_frame(conn, document, hashes, reason),
            Frame::Reached { document, people } => self.reached_frame(conn, document, people),
            Frame::Pair {
                secret,
                consent,
                sealing,
            } => self.pair_frame(conn, &secret, consent, sealing),
            Frame::Paired {
                device,
                consent,
                sealing,
            } => self.paired_frame(conn, device, consent, sealing),
            Frame::Dial {
                url,
                circle,
                secret,
            } => self.dial_frame(conn, url, circle, secret),
            Frame::Ask { what } => self.ask_frame(conn, what),
            Frame::Told { what, json } => self.told_frame(conn, what, json),
            Frame::Notice { code, about } => self.notice_frame(conn, code, about),
            Frame::Join { .. } | Frame::Peer { .. } | Frame::Auth { .. } => {}
            Frame::Error { .. } => self.close(conn, code::POLICY, "peer-refused"),
            Frame::Unknown { .. } => self.totals.frames_unknown += 1,
        }
    }
}
