//! Questions, answers and errands of paired keys (`smallwin/ask`, `told`, `dial`).

use smallwin_circle::CircleId;

use super::Engine;
use super::send::code;
use crate::wire::Frame;
use crate::{ConnId, Effect, Notice};

/// What a paired key may ask; `circles` is answered here, the rest by the node.
const QUESTIONS: [&str; 4] = ["status", "pairing-link", "addresses", "circles"];

impl Engine {
    pub(super) fn ask_frame(&mut self, conn: ConnId, what: String) {
        if !self.is_paired(conn) {
            self.send_notice(conn, "not-paired", None);
        } else if what == "circles" {
            let ids: Vec<String> = self
                .circles
                .iter()
                .filter(|(_, held)| held.log.is_some())
                .map(|(id, _)| format!("\"{id}\""))
                .collect();
            self.send(
                conn,
                Frame::Told {
                    what,
                    json: format!("[{}]", ids.join(",")),
                },
            );
        } else if QUESTIONS.contains(&what.as_str()) {
            self.out.push(Effect::Answer { conn, what });
        } else {
            self.send_notice(conn, "unknown-question", None);
        }
    }

    pub(super) fn told_frame(&mut self, conn: ConnId, what: String, json: String) {
        let is_asked = self
            .conns
            .get_mut(&conn)
            .is_some_and(|connection| connection.asked.remove(&what));
        if is_asked {
            self.notice(Notice::Told { conn, what, json });
        }
    }

    pub(super) fn dial_frame(
        &mut self,
        conn: ConnId,
        url: String,
        circle: [u8; 32],
        secret: Option<[u8; 16]>,
    ) {
        if !self.is_paired(conn) {
            self.send_notice(conn, "not-paired", None);
        } else if url.len() > self.config.limits.text_bytes_max {
            self.close(conn, code::POLICY, "address-too-long");
        } else {
            let circle = CircleId::from_bytes(circle);
            self.follow(circle);
            self.out.push(Effect::Dial {
                url,
                circle,
                secret,
                asked_by: conn,
            });
        }
    }
}
