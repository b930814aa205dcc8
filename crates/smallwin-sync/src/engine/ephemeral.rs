//! Presence and the like: passed on once, never kept.

use std::collections::BTreeMap;

use super::Engine;
use super::send::code;
use crate::planted::Planted;
use crate::wire::{Address, Frame, Message};
use crate::{ConnId, DocKey};

/// The longest peer and session ids that are remembered.
const NAME_BYTES_MAX: usize = 256;

/// The highest count seen per sender and session, with the call in which it was.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    counts: BTreeMap<(String, String), (u64, u64)>,
}

impl Seen {
    /// Whether the message is new; remembers it. The longest unused sender makes room.
    fn is_new(
        &mut self,
        sender: (String, String),
        count: u64,
        call: u64,
        senders_max: usize,
    ) -> bool {
        if let Some((seen, used)) = self.counts.get_mut(&sender) {
            *used = call;
            return *seen < count && {
                *seen = count;
                true
            };
        }
        if self.counts.len() >= senders_max {
            let oldest = self
                .counts
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(sender, _)| sender.clone());
            if let Some(oldest) = oldest {
                self.counts.remove(&oldest);
            }
        }
        self.counts.insert(sender, (count, call));
        true
    }
}

impl Engine {
    /// Passes an ephemeral message on to all other peers of its document. Stock clients echo what
    /// they get with the author as sender, so the sender is no proof of anything.
    pub(super) fn ephemeral(&mut self, conn: ConnId, message: Message) {
        let Frame::Ephemeral {
            document,
            data,
            count,
            session,
        } = &message.frame
        else {
            return;
        };
        let sender = message.address.sender.clone();
        let limits = &self.config.limits;
        if data.len() > limits.ephemeral_bytes_max
            || sender.len() > NAME_BYTES_MAX
            || session.len() > NAME_BYTES_MAX
        {
            self.close(conn, code::POLICY, "ephemeral-too-big");
            return;
        }
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let key = DocKey {
            space: connection.space,
            id: *document,
        };
        let is_ours = self
            .conns
            .values()
            .any(|connection| connection.our_peer_id == sender);
        if is_ours || !connection.documents.contains_key(&key) || !self.may_exchange(conn, &key) {
            return;
        }
        let senders_max = self.config.limits.ephemeral_senders_max;
        let is_new = self.seen.is_new(
            (sender.clone(), session.clone()),
            *count,
            self.calls,
            senders_max,
        );
        if !is_new && !self.plants.has(Planted::ForgottenDeduplication) {
            return;
        }
        for other in self.conns_of(&key) {
            let target = self
                .conns
                .get(&other)
                .map(|it| it.peer_id.clone())
                .unwrap_or_default();
            if other != conn && target != sender && self.may_exchange(other, &key) {
                let address = Address {
                    sender: sender.clone(),
                    target,
                };
                self.send_message(
                    other,
                    &Message {
                        address,
                        frame: message.frame.clone(),
                    },
                );
            }
        }
    }
}
