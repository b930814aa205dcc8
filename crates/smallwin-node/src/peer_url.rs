//! The address of a node to dial.

use std::fmt;
use std::str::FromStr;

use smallwin_circle::DeviceKey;
use url::{Host, Url};

/// `ws(s)://host:port`, optionally followed by `~` and the node's key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerUrl {
    /// Whether the connection is encrypted.
    tls: bool,
    /// Host as written in a URL, lower case, IPv6 in brackets.
    host: String,
    /// Port.
    port: u16,
    /// The key the node must prove, when known.
    node_key: Option<DeviceKey>,
}

/// Why a text is no address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerUrlError {
    /// Not `ws://` or `wss://` with a host.
    #[error(
        "expected ws://host:port or wss://host:port, optionally followed by ~ and the node's key"
    )]
    Shape,
    /// The part after `~` is no key.
    #[error("the part after ~ is not a node key (43 characters)")]
    Key,
    /// Unencrypted to another machine.
    #[error("ws:// is for this machine only; use wss:// for another one")]
    PlainToOthers,
}

impl PeerUrl {
    /// The address of the node on this machine at `port`.
    #[must_use]
    pub fn loopback(port: u16, tls: bool, node_key: Option<DeviceKey>) -> Self {
        Self {
            tls,
            host: String::from("127.0.0.1"),
            port,
            node_key,
        }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// Host without brackets, as the resolver takes it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The key the node must prove, when known.
    #[must_use]
    pub const fn node_key(&self) -> Option<&DeviceKey> {
        self.node_key.as_ref()
    }

    /// `host:port`, the channel name of the handshake.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// `ws(s)://host:port` without the key.
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// The address the WebSocket request is for.
    #[must_use]
    pub fn request_url(&self) -> String {
        format!("{}/sync", self.address())
    }

    /// The same address with a key to prove.
    #[must_use]
    pub fn with_key(mut self, node_key: Option<DeviceKey>) -> Self {
        self.node_key = node_key.or(self.node_key);
        self
    }
}

impl FromStr for PeerUrl {
    type Err = PeerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, key) = match text.trim().split_once('~') {
            Some((address, key)) => (address, Some(key)),
            None => (text.trim(), None),
        };
        let url = Url::parse(address).map_err(|_| PeerUrlError::Shape)?;
        let tls = match url.scheme() {
            "ws" => false,
            "wss" => true,
            _ => return Err(PeerUrlError::Shape),
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && matches!(url.path(), "" | "/" | "/sync");
        let host = url.host().filter(|_| bare).ok_or(PeerUrlError::Shape)?;
        if !tls && !is_loopback(&host) {
            return Err(PeerUrlError::PlainToOthers);
        }
        let host = host.to_string();
        let port = url.port_or_known_default().ok_or(PeerUrlError::Shape)?;
        let node_key = match key {
            Some(key) => Some(DeviceKey::from_str(key).map_err(|_| PeerUrlError::Key)?),
            None => None,
        };
        Ok(Self {
            tls,
            host,
            port,
            node_key,
        })
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())?;
        match &self.node_key {
            Some(key) => write!(f, "~{key}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> serde::Deserialize<'de> for PeerUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(text: &str, expect: Result<&str, PeerUrlError>) {
        let parsed = text.parse::<PeerUrl>().map(|url| url.to_string());
        assert_eq!(parsed, expect.map(String::from), "{text}");
    }

    #[test]
    fn addresses_of_nodes() {
        check("ws://127.0.0.1:7171", Ok("ws://127.0.0.1:7171"));
        check("ws://localhost:7171/sync", Ok("ws://localhost:7171"));
        check("ws://[::1]:7171/", Ok("ws://[::1]:7171"));
        check("wss://Node.Example.org", Ok("wss://node.example.org:443"));
        check(
            "ws://node.example.org:7171",
            Err(PeerUrlError::PlainToOthers),
        );
        check("http://127.0.0.1:7171", Err(PeerUrlError::Shape));
        check("wss://user@node.example.org", Err(PeerUrlError::Shape));
        check("wss://node.example.org/x", Err(PeerUrlError::Shape));
        check("wss://node.example.org?x", Err(PeerUrlError::Shape));
        check("wss://node.example.org~short", Err(PeerUrlError::Key));
        check("", Err(PeerUrlError::Shape));
    }

    #[test]
    fn the_authority_carries_the_port() {
        assert_eq!(
            "wss://node.example.org"
                .parse::<PeerUrl>()
                .unwrap()
                .authority(),
            "node.example.org:443"
        );
    }
}
