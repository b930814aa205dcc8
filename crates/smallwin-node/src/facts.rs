//! What does not change while a node runs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use smallwin_circle::DeviceKey;
use smallwin_sync::{Local, Millis};

use crate::dialer::Dialer;
use crate::limits::PAIRING_VALID;
use crate::peer_url::PeerUrl;

/// What does not change while a node runs.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The key that names this node on the wire.
    pub(crate) node_key: DeviceKey,
    /// The key that authors.
    pub(crate) device_key: DeviceKey,
    /// Web addresses of the pages, the one on this machine first.
    pub(crate) origins: Vec<String>,
    /// Addresses for other nodes.
    pub(crate) urls: Vec<PeerUrl>,
}

/// Where a node can be reached, as told to paired keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Web addresses of the pages; links begin with the first one others can reach.
    pub origins: Vec<String>,
    /// Hints for invites: addresses of this node, then of the nodes it is connected with.
    pub hints: Vec<String>,
}

/// Hints in one invite: enough to find somebody, short enough to send in a message.
const HINTS_MAX: usize = 4;

impl Facts {
    pub(crate) fn is_own(&self, url: &PeerUrl) -> bool {
        self.urls.iter().any(|own| own.address() == url.address())
    }

    pub(crate) fn addresses(&self, dialer: &Dialer) -> Addresses {
        let own = self
            .urls
            .iter()
            .cloned()
            .map(|url| url.with_key(Some(self.node_key)));
        let hints = own
            .chain(dialer.urls())
            .take(HINTS_MAX)
            .map(|url| url.to_string())
            .collect();
        Addresses {
            origins: self.origins.clone(),
            hints,
        }
    }

    /// The web address that links begin with: a name that others can reach wins.
    pub(crate) fn origin(&self) -> String {
        let first = self.origins.get(1).or_else(|| self.origins.first());
        first
            .cloned()
            .unwrap_or_else(|| format!("http://127.0.0.1:{}", crate::limits::LISTEN_PORT))
    }

    /// The wish that makes the engine wait for a secret.
    pub(crate) fn pairing(&self, secret: &[u8; 16], now: Millis) -> Local {
        let valid = u64::try_from(PAIRING_VALID.as_millis()).unwrap_or(u64::MAX);
        Local::Pair {
            secret_hash: *blake3::hash(secret).as_bytes(),
            expires: Millis(now.0.saturating_add(valid)),
        }
    }

    /// The link that carries a secret where no server sees it: behind the `#`. The device key goes
    /// with it, since the browser's consent names that key.
    pub(crate) fn pairing_link(&self, secret: &[u8; 16]) -> String {
        let origin = self.origins.first().map_or("", String::as_str);
        format!(
            "{origin}/#pair={}.{}",
            URL_SAFE_NO_PAD.encode(secret),
            self.device_key
        )
    }
}
