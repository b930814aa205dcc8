//! A change that is kept aside, and its row in storage.

use smallwin_circle::{DeviceKey, Frontier};
use smallwin_gate::ChangeHeader;

use super::judge::author;

/// A change that is kept aside: never applied, never offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedChange {
    pub(crate) header: ChangeHeader,
    /// The device key in its actor id.
    pub(crate) author: Option<DeviceKey>,
    pub(crate) reason: String,
    /// The frontier that proves it is its author's work, when there was one.
    pub(crate) frontier: Option<Frontier>,
    pub(crate) bytes: Vec<u8>,
    /// Whether it stands among the changes of the document in storage (it was admitted once).
    pub(crate) stored: bool,
}

/// The codes of `smallwin/refused`.
pub(crate) const UNSIGNED: &str = "unsigned";
pub(crate) const MALFORMED: &str = "malformed";
/// Its author made another change with the same number.
pub(crate) const EQUIVOCATION: &str = "equivocation";

impl RefusedChange {
    /// Whether no later record can make it admitted.
    pub(crate) fn is_final(&self) -> bool {
        self.final_code().is_some()
    }

    /// The code, when no later record can lift it.
    pub(crate) fn final_code(&self) -> Option<&'static str> {
        let codes = [MALFORMED, EQUIVOCATION];
        codes.into_iter().find(|code| self.reason == *code)
    }

    /// The row: length of the code (one byte) ‖ code ‖ 1 or 0 for a frontier ‖ frontier ‖ change.
    pub(crate) fn to_row(&self) -> Vec<u8> {
        let mut row =
            Vec::with_capacity(self.bytes.len() + self.reason.len() + 2 + Frontier::LENGTH);
        // Codes are a few letters long.
        let length = u8::try_from(self.reason.len()).unwrap_or(u8::MAX);
        row.push(length);
        row.extend(self.reason.bytes().take(usize::from(length)));
        match &self.frontier {
            Some(frontier) => {
                row.push(1);
                row.extend(frontier.encode());
            }
            None => row.push(0),
        }
        row.extend(&self.bytes);
        row
    }

    /// Reads a row; nothing when it is damaged.
    pub(crate) fn from_row(row: &[u8]) -> Option<RefusedChange> {
        let (length, rest) = row.split_first()?;
        let (reason, rest) = rest.split_at_checked(usize::from(*length))?;
        let (has_frontier, rest) = rest.split_first()?;
        let (frontier, bytes) = match has_frontier {
            0 => (None, rest),
            1 => {
                let (frontier, bytes) = rest.split_at_checked(Frontier::LENGTH)?;
                (Some(Frontier::decode(frontier).ok()?), bytes)
            }
            _ => return None,
        };
        let reason = String::from_utf8(reason.to_vec()).ok()?;
        let header = smallwin_gate::read_change(bytes).ok()?;
        Some(RefusedChange {
            author: author(&header.actor),
            header,
            reason,
            frontier,
            bytes: bytes.to_vec(),
            stored: false,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn rows_come_back_and_damaged_ones_are_nothing() {
        let kind = smallwin_circle::Kind::Step;
        let bytes = smallwin_model::first_change(kind).unwrap().to_vec();
        let header = smallwin_gate::read_change(&bytes).unwrap();
        let frontier = Frontier {
            actor: [1; 40],
            seq: 1,
            hash: header.hash,
            signature: smallwin_circle::Signature::from_bytes([2; 64]),
        };
        for frontier in [None, Some(frontier)] {
            let refused = RefusedChange {
                header: header.clone(),
                author: None,
                reason: "not-writer".to_owned(),
                frontier,
                bytes: bytes.clone(),
                stored: false,
            };
            let row = refused.to_row();
            assert_eq!(RefusedChange::from_row(&row), Some(refused));
            for length in 0..row.len() {
                assert_eq!(RefusedChange::from_row(row.get(..length).unwrap()), None);
            }
        }
    }
}
