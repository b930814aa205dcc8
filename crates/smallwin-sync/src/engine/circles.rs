//! Which circles both sides of a connection take part in (`smallwin/circles`).

use smallwin_circle::{
    CircleId, DeviceKey, InviteLink, PersonId, Signature, SigningKey, circle_message, circle_tag,
    verify,
};

use super::Engine;
use super::circle::{Circle, heads};
use super::send::code;
use crate::wire::{CircleItem, Frame, Purpose};
use crate::{ConnId, Notice, Space};

/// Items in one frame; more go in several.
const ITEMS_PER_FRAME: usize = 64;

impl Engine {
    /// Tells a peer about circles it was not told of: all we hold or follow, and our invites.
    pub(super) fn present_circles(&mut self, conn: ConnId) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        if !connection.is_ready() || connection.space != Space::Circles {
            return;
        }
        let mut wanted: Vec<(CircleId, Purpose)> = self
            .circles
            .keys()
            .map(|circle| (*circle, Purpose::Member))
            .collect();
        wanted.extend(
            connection
                .invites
                .keys()
                .map(|circle| (*circle, Purpose::Invite)),
        );
        wanted.retain(|item| !connection.presented.contains(item));
        let items: Vec<CircleItem> = wanted
            .iter()
            .filter_map(|item| self.item(conn, *item))
            .collect();
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.presented.extend(wanted.iter().copied());
        }
        for items in items.chunks(ITEMS_PER_FRAME) {
            self.send(
                conn,
                Frame::Circles {
                    items: items.to_vec(),
                },
            );
        }
        // An item of the peer may have waited for a circle that we present only now.
        let waiting = self
            .conns
            .get_mut(&conn)
            .map(|it| std::mem::take(&mut it.unmatched))
            .unwrap_or_default();
        for item in waiting {
            self.match_item(conn, item);
        }
    }

    /// Tells all peers about circles that they were not told of.
    pub(super) fn present_circles_to_all(&mut self) {
        for conn in self.ready_conns() {
            self.present_circles(conn);
        }
    }

    fn item(&self, conn: ConnId, (circle, purpose): (CircleId, Purpose)) -> Option<CircleItem> {
        let connection = self.conns.get(&conn)?;
        let key = match purpose {
            Purpose::Member => self.config.device_key.clone(),
            Purpose::Invite => invite_key(&circle, connection.invites.get(&circle)?),
        };
        let message = circle_message(&circle, connection.side, &connection.transcript);
        Some(CircleItem {
            tag: circle_tag(&connection.transcript, &circle),
            key: *key.public().as_bytes(),
            proof: *key.sign(&message).as_bytes(),
            purpose,
        })
    }

    pub(super) fn circle_items(&mut self, conn: ConnId, items: Vec<CircleItem>) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        connection.items_taken += items.len();
        if connection.items_taken > self.config.limits.items_max {
            self.close(conn, code::POLICY, "too-many-circles");
            return;
        }
        for item in items {
            self.match_item(conn, item);
        }
    }

    /// Finds the circle behind an item; one that fits none is kept until a circle appears.
    fn match_item(&mut self, conn: ConnId, item: CircleItem) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let transcript = connection.transcript;
        let circle = self
            .circles
            .keys()
            .find(|circle| circle_tag(&transcript, circle) == item.tag)
            .copied();
        let Some(circle) = circle else {
            connection.unmatched.push(item);
            return;
        };
        let Ok(key) = DeviceKey::from_bytes(item.key) else {
            return;
        };
        let message = circle_message(&circle, connection.side.other(), &transcript);
        if !verify(&key, &message, &Signature::from_bytes(item.proof)) {
            self.close(conn, code::POLICY, "bad-circle-proof");
            return;
        }
        let is_new = !connection.circles.contains_key(&circle);
        let matched = connection.circles.entry(circle).or_default();
        match item.purpose {
            Purpose::Member => matched.device = Some(key),
            Purpose::Invite => matched.invite = Some(key),
        }
        if item.purpose == Purpose::Invite {
            self.judge_invite(conn, &circle, &key);
        }
        if is_new {
            self.notice(Notice::CircleMatched { conn, circle });
        }
        self.greet_log(conn, &circle);
        self.circle_access_changed(conn, &circle);
    }

    /// Says at once when an invite is worth nothing; the log is not opened to it then.
    fn judge_invite(&mut self, conn: ConnId, circle: &CircleId, key: &DeviceKey) {
        let Some(log) = self
            .circles
            .get(circle)
            .and_then(|circle| circle.log.as_ref())
        else {
            return;
        };
        if self.person_of(conn, circle).is_some() {
            // It joined already and only has not heard of it.
            return;
        }
        let code = match log.state().invite_by_key(key) {
            None => "invite-unknown",
            Some(invite) if !invite.used_by.is_empty() => "invite-used",
            Some(invite) if invite.expires.unix_s().saturating_mul(1000) < self.now.0 => {
                "invite-expired"
            }
            Some(_) => return,
        };
        self.send_notice(conn, code, Some(circle.to_string()));
    }

    /// The person behind the peer's device key in this circle, when it is a member device.
    pub(super) fn person_of(&self, conn: ConnId, circle: &CircleId) -> Option<PersonId> {
        let device = self.conns.get(&conn)?.circles.get(circle)?.device?;
        let state = self.circles.get(circle)?.log.as_ref()?.state();
        state.role_of_device(&device)?;
        state.person_of(&device)
    }

    /// Whether the peer may exchange the log of this circle with us: member devices, holders of
    /// an invite that can still be used, paired keys, and our own device elsewhere.
    pub(super) fn may_have_log(&self, conn: ConnId, circle: &CircleId) -> bool {
        let Some(connection) = self.conns.get(&conn) else {
            return false;
        };
        let Some(matched) = connection.circles.get(circle) else {
            return false;
        };
        let Some(log) = self
            .circles
            .get(circle)
            .and_then(|circle| circle.log.as_ref())
        else {
            // We hold nothing yet and only ask.
            return true;
        };
        let is_invited = matched.invite.is_some_and(|key| {
            log.state().invite_by_key(&key).is_some_and(|invite| {
                let is_expired = invite.expires.unix_s().saturating_mul(1000) < self.now.0;
                // The holder reads on until its own join has reached it.
                invite.used_by.is_empty() && !is_expired || matched.told.is_some()
            })
        });
        // The node to which we present an invite gave us the log.
        let is_host = connection.invites.contains_key(circle);
        is_invited
            || is_host
            || self.person_of(conn, circle).is_some()
            || self.is_paired(conn)
            || matched
                .device
                .is_some_and(|device| device == self.device || self.paired.contains_key(&device))
    }

    /// Connections that may have the log of this circle.
    pub(super) fn log_conns(&self, circle: &CircleId) -> Vec<ConnId> {
        let conns = self.conns.keys().copied();
        conns
            .filter(|conn| self.may_have_log(*conn, circle))
            .collect()
    }

    /// Connections behind which a member device of this circle stands.
    pub(super) fn member_conns(&self, circle: &CircleId) -> Vec<ConnId> {
        let conns = self.conns.keys().copied();
        conns
            .filter(|conn| self.person_of(*conn, circle).is_some())
            .collect()
    }

    /// Takes part in a circle of which only the id is known.
    pub(super) fn follow(&mut self, circle: CircleId) {
        if !self.circles.contains_key(&circle)
            && self.circles.len() < self.config.limits.circles_max
        {
            self.circles.insert(circle, Circle::unknown());
            self.present_circles_to_all();
        }
    }

    /// What a peer may have of a circle may have changed.
    pub(super) fn circle_access_changed(&mut self, conn: ConnId, circle: &CircleId) {
        self.link_paired(circle);
        self.beside_greet(conn, circle);
        self.answer_wants(conn, circle);
        self.send_own_join(conn, circle);
        self.offer(conn, circle);
    }

    /// The heads of our log of this circle.
    pub(super) fn log_heads(&self, circle: &CircleId) -> Vec<smallwin_circle::RecordId> {
        self.circles.get(circle).map(heads).unwrap_or_default()
    }
}

/// The key pair behind the secret of an invite.
fn invite_key(circle: &CircleId, secret: &[u8; 16]) -> SigningKey {
    let link = InviteLink {
        origin: String::new(),
        circle: *circle,
        secret: *secret,
        hints: Vec::new(),
    };
    link.invite_key()
}
