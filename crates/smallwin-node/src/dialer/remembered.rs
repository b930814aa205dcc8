//! A peer as it is kept for the next start.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use smallwin_circle::CircleId;

use crate::limits::PEER_ROW_BYTES_MAX;
use crate::peer_url::PeerUrl;

/// A peer as it is kept for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Its address.
    pub(crate) url: PeerUrl,
    /// Invites that were not used yet: a join may have been asked for without a network.
    pub(crate) invites: BTreeMap<CircleId, [u8; 16]>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    url: String,
    #[serde(default)]
    invites: BTreeMap<String, String>,
}

impl Remembered {
    /// Key and value of the row.
    pub(crate) fn row(&self) -> (Vec<u8>, Vec<u8>) {
        let invites = self.invites.iter();
        let row = Row {
            url: self.url.to_string(),
            invites: invites
                .map(|(circle, secret)| {
                    (
                        URL_SAFE_NO_PAD.encode(circle.as_bytes()),
                        URL_SAFE_NO_PAD.encode(secret),
                    )
                })
                .collect(),
        };
        let value = serde_json::to_vec(&row).unwrap_or_default();
        (self.url.address().into_bytes(), value)
    }

    /// Reads a row's value; `None` when it makes no sense, so that one bad row stops nothing.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > PEER_ROW_BYTES_MAX {
            return None;
        }
        let row: Row = serde_json::from_slice(value).ok()?;
        let invites = row.invites.iter().filter_map(|(circle, secret)| {
            let circle: [u8; 32] = URL_SAFE_NO_PAD.decode(circle).ok()?.try_into().ok()?;
            let secret: [u8; 16] = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
            Some((CircleId::from_bytes(circle), secret))
        });
        Some(Self {
            url: row.url.parse().ok()?,
            invites: invites.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn rows_read_back() {
        let url: PeerUrl = "wss://node.example.org:7171".parse().unwrap();
        let invites = BTreeMap::from([(CircleId::from_bytes([7; 32]), [9; 16])]);
        let remembered = Remembered { url, invites };
        let (key, value) = remembered.row();
        assert_eq!(key, b"wss://node.example.org:7171");
        assert_eq!(Remembered::parse(&value), Some(remembered));
        assert_eq!(Remembered::parse(b"{}"), None);
    }
}
