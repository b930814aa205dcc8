//! What time alone brings about.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::document::Slot;
use super::refused::UNSIGNED;
use super::send::code;
use crate::wire::Frame;
use crate::{ConnId, DocKey};

impl Engine {
    pub(super) fn tick(&mut self) {
        self.end_slow_handshakes();
        self.tell_unsigned();
        if self
            .secret
            .as_ref()
            .is_some_and(|secret| secret.expires < self.now)
        {
            self.secret = None;
        }
    }

    fn end_slow_handshakes(&mut self) {
        let limit_ms = self.config.limits.handshake_ms;
        let slow: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, connection)| {
                !connection.is_ready() && self.now.since(connection.opened_at) > limit_ms
            })
            .map(|(conn, _)| *conn)
            .collect();
        for conn in slow {
            self.close(conn, code::POLICY, "handshake-too-slow");
        }
    }

    /// Tells senders which of their changes still lack a frontier. The changes wait on, since the
    /// frontier may come; they go when the connection goes.
    fn tell_unsigned(&mut self) {
        let (now, limit_ms) = (self.now, self.config.limits.unsigned_ms);
        let mut unsigned: BTreeMap<(ConnId, DocKey), Vec<[u8; 32]>> = BTreeMap::new();
        for (key, slot) in &mut self.documents {
            let Slot::Open(document) = slot else { continue };
            for (hash, pending) in &mut document.pending {
                if !pending.told_unsigned && now.since(pending.since) > limit_ms {
                    pending.told_unsigned = true;
                    let from: BTreeSet<ConnId> = pending.from.clone();
                    for conn in from {
                        unsigned.entry((conn, *key)).or_default().push(*hash);
                    }
                }
            }
        }
        for ((conn, key), hashes) in unsigned {
            self.send(
                conn,
                Frame::Refused {
                    document: key.id,
                    hashes,
                    reason: UNSIGNED.to_owned(),
                },
            );
        }
    }
}
