//! The names by which a listener may be addressed, and the web origins that may connect.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::peer_url::PeerUrl;

/// Own names and allowed origins of one listener.
///
/// A page of another site can point its own name at this machine (DNS rebinding) or open a socket
/// to it (cross-site hijacking): the first shows in `Host`, the second in `Origin`.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    authorities: BTreeSet<String>,
    origins: BTreeSet<String>,
    /// Where `localhost` is sent: keys belong to one origin, and this is it.
    loopback: String,
    localhost: BTreeSet<String>,
    /// Web addresses of the pages.
    pages: Vec<String>,
    /// Addresses for other nodes.
    urls: Vec<PeerUrl>,
}

impl Names {
    /// The names of a listener at `address`, with the configured ones.
    pub(crate) fn new(
        address: SocketAddr,
        tls: bool,
        names: &[String],
        origins: &[String],
    ) -> Self {
        let port = address.port();
        let scheme = if tls { "https" } else { "http" };
        let mut own: BTreeSet<String> = ["127.0.0.1", "[::1]", "localhost"]
            .iter()
            .map(|host| format!("{host}:{port}"))
            .collect();
        if !address.ip().is_unspecified() {
            own.insert(address.to_string());
        }
        let mut allowed: BTreeSet<String> = own
            .iter()
            .map(|name| format!("{scheme}://{name}"))
            .collect();
        allowed.extend(
            origins
                .iter()
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()),
        );
        for name in names {
            let name = name.to_ascii_lowercase();
            let forms = if has_port(&name) {
                vec![name]
            } else {
                vec![
                    name.clone(),
                    format!("{name}:443"),
                    format!("{name}:{port}"),
                ]
            };
            for form in forms {
                // A proxy may speak TLS for us, so that a configured name is known by both schemes.
                allowed.insert(format!("https://{form}"));
                allowed.insert(format!("{scheme}://{form}"));
                own.insert(form);
            }
        }
        let localhost = own
            .iter()
            .filter(|name| name.starts_with("localhost"))
            .cloned()
            .collect();
        let loopback = format!("{scheme}://127.0.0.1:{port}");
        Self {
            pages: std::iter::once(loopback.clone())
                .chain(names.iter().map(|name| page(name, scheme, port)))
                .collect(),
            urls: urls(address, tls, names),
            authorities: own,
            origins: allowed,
            loopback,
            localhost,
        }
    }

    /// The names of a node that does not listen.
    pub(crate) fn none() -> Self {
        Self {
            authorities: BTreeSet::new(),
            origins: BTreeSet::new(),
            loopback: String::new(),
            localhost: BTreeSet::new(),
            pages: Vec::new(),
            urls: Vec::new(),
        }
    }

    /// Web addresses of the pages: the one on this machine, then the configured names.
    pub(crate) fn pages(&self) -> Vec<String> {
        self.pages.clone()
    }

    /// Addresses for other nodes: the configured names, or the address on this machine.
    pub(crate) fn urls(&self) -> Vec<PeerUrl> {
        self.urls.clone()
    }

    /// All own names, as channel names of the handshake.
    pub(crate) fn authorities(&self) -> Vec<String> {
        self.authorities.iter().cloned().collect()
    }

    /// Whether a `Host` header names this listener.
    pub(crate) fn is_own(&self, host: &str) -> bool {
        self.authorities.contains(&host.to_ascii_lowercase())
    }

    /// Where a request for `localhost` should go instead.
    pub(crate) fn redirect(&self, host: &str) -> Option<&str> {
        self.localhost
            .contains(&host.to_ascii_lowercase())
            .then_some(self.loopback.as_str())
    }

    /// Whether a page of this origin may open a socket. Native peers send no origin.
    pub(crate) fn may_connect(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.origins.contains(&origin.to_ascii_lowercase()))
    }
}

/// The web address of a configured name. On a loopback listener without TLS a name is a proxy's,
/// which speaks TLS on its own port.
fn page(name: &str, scheme: &str, port: u16) -> String {
    match (has_port(name), scheme) {
        (true, _) if is_loopback(name) => format!("{scheme}://{name}"),
        (true, _) => format!("https://{name}"),
        (false, "https") => format!("https://{name}:{port}"),
        (false, _) => format!("https://{name}"),
    }
}

/// Addresses by which other nodes reach this one.
fn urls(address: SocketAddr, tls: bool, names: &[String]) -> Vec<PeerUrl> {
    let pages = names
        .iter()
        .map(|name| page(name, if tls { "https" } else { "http" }, address.port()));
    let named: Vec<PeerUrl> = pages
        .filter_map(|page| page.replacen("http", "ws", 1).parse().ok())
        .collect();
    if named.is_empty() {
        vec![PeerUrl::loopback(address.port(), tls, None)]
    } else {
        named
    }
}

fn is_loopback(name: &str) -> bool {
    name.starts_with("127.") || name.starts_with("localhost:") || name.starts_with("[::1]")
}

fn has_port(name: &str) -> bool {
    // An IPv6 address without port ends in a bracket.
    name.rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        && !name.ends_with(']')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn device() -> Names {
        Names::new("127.0.0.1:7171".parse().unwrap(), false, &[], &[])
    }

    #[test]
    fn hosts() {
        let team = Names::new(
            "0.0.0.0:7171".parse().unwrap(),
            true,
            &[
                String::from("Node.example.org"),
                String::from("10.0.0.7:8443"),
            ],
            &[],
        );
        let check = |names: &Names, host: &str, expect: bool| {
            assert_eq!(names.is_own(host), expect, "{host}")
        };
        check(&device(), "127.0.0.1:7171", true);
        check(&device(), "LOCALHOST:7171", true);
        check(&device(), "[::1]:7171", true);
        check(&device(), "127.0.0.1:7172", false);
        check(&device(), "127.0.0.1", false);
        check(&device(), "evil.example.org:7171", false);
        check(&device(), "127.0.0.1:7171.evil.example.org", false);
        check(&device(), "", false);
        check(&team, "node.example.org", true);
        check(&team, "node.example.org:443", true);
        check(&team, "node.example.org:7171", true);
        check(&team, "node.example.org:8443", false);
        check(&team, "10.0.0.7:8443", true);
        check(&team, "10.0.0.7", false);
        check(&team, "0.0.0.0:7171", false);
    }

    #[test]
    fn origins() {
        let check = |names: &Names, origin: Option<&str>, expect: bool| {
            assert_eq!(names.may_connect(origin), expect, "{origin:?}");
        };
        let development = Names::new(
            "127.0.0.1:7171".parse().unwrap(),
            false,
            &[],
            &[String::from("http://127.0.0.1:5173/")],
        );
        check(&device(), None, true);
        check(&device(), Some("http://127.0.0.1:7171"), true);
        check(&device(), Some("https://127.0.0.1:7171"), false);
        check(&device(), Some("http://127.0.0.1:5173"), false);
        check(&device(), Some("http://evil.example.org"), false);
        check(&device(), Some("null"), false);
        check(&development, Some("http://127.0.0.1:5173"), true);
    }

    #[test]
    fn localhost_is_sent_to_the_one_origin() {
        assert_eq!(
            device().redirect("localhost:7171"),
            Some("http://127.0.0.1:7171")
        );
        assert_eq!(device().redirect("127.0.0.1:7171"), None);
        assert_eq!(device().redirect("localhost:1"), None);
    }
}
