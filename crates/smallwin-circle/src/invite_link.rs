//! Invite links: what a person scans or clicks to enter a circle.

use std::fmt;
use std::str::FromStr;

use crate::b64u;
use crate::ids::CircleId;
use crate::keys::{DeviceKey, SigningKey};
use crate::limits::{HINT_URL_BYTES_MAX, HINTS_MAX, INVITE_LINK_BYTES_MAX};

const SEED_CONTEXT: &str = "smallwin/invite/1";
const MARK: &str = "/#j=";

/// A link `<origin>/#j=<circle>.<secret>.<hints>`. What follows `#` never reaches a server.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// Where the page is served, such as `https://node.example:8443`; without a path.
    pub origin: String,
    /// The circle.
    pub circle: CircleId,
    /// Who knows it may join; the invite key comes from it.
    pub secret: [u8; 16],
    /// Nodes that hold the circle.
    pub hints: Vec<Hint>,
}

/// Where a node listens and which key it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `ws://` or `wss://`, host and port.
    pub url: String,
    /// The node's key, where the inviter knew it.
    pub node_key: Option<DeviceKey>,
}

/// Why a text is not an invite link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InviteLinkError {
    /// Too long to be one.
    #[error("the invite link is longer than {INVITE_LINK_BYTES_MAX} bytes")]
    TooLong,
    /// No `/#j=` in it.
    #[error("this is not an invite link: it has no `/#j=` part")]
    NoMark,
    /// What stands before `/#j=` is no origin.
    #[error("the invite link does not begin with an http or https address")]
    Origin,
    /// The circle or the secret is damaged; most often the link was cut off.
    #[error("the invite link is incomplete: copy it again, to its last letter")]
    Incomplete,
    /// A node address in it is damaged.
    #[error("a node address in the invite link is damaged")]
    Hint,
}

impl InviteLink {
    /// The invite's key pair.
    pub fn invite_key(&self) -> SigningKey {
        invite_key(&self.secret)
    }
}

/// The key pair that belongs to an invite's secret.
fn invite_key(secret: &[u8; 16]) -> SigningKey {
    SigningKey::from_seed(blake3::derive_key(SEED_CONTEXT, secret))
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{MARK}{}.{}.",
            self.origin,
            self.circle,
            b64u::encode(&self.secret)
        )?;
        for (index, hint) in self.hints.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}", percent_encode(&hint.to_string()))?;
        }
        Ok(())
    }
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteLink")
            .field("origin", &self.origin)
            .field("circle", &self.circle)
            .field("hints", &self.hints)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node_key {
            Some(key) => write!(f, "{}~{key}", self.url),
            None => f.write_str(&self.url),
        }
    }
}

impl FromStr for InviteLink {
    type Err = InviteLinkError;

    fn from_str(text: &str) -> Result<Self, InviteLinkError> {
        let text = text.trim();
        if text.len() > INVITE_LINK_BYTES_MAX {
            return Err(InviteLinkError::TooLong);
        }
        let (origin, fragment) = text.split_once(MARK).ok_or(InviteLinkError::NoMark)?;
        if !is_address(origin, &["http://", "https://"]) {
            return Err(InviteLinkError::Origin);
        }
        let mut parts = fragment.splitn(3, '.');
        let mut part = || parts.next().ok_or(InviteLinkError::Incomplete);
        let circle = part()?.parse().map_err(|_| InviteLinkError::Incomplete)?;
        let secret = b64u::decode_array(part()?).ok_or(InviteLinkError::Incomplete)?;
        let hints = part()?;
        let hints: Vec<Hint> = match hints {
            "" => Vec::new(),
            _ => hints.split(',').map(parse_hint).collect::<Result<_, _>>()?,
        };
        if hints.len() > HINTS_MAX {
            return Err(InviteLinkError::Hint);
        }
        Ok(Self {
            origin: origin.to_owned(),
            circle,
            secret,
            hints,
        })
    }
}

fn parse_hint(text: &str) -> Result<Hint, InviteLinkError> {
    percent_decode(text).ok_or(InviteLinkError::Hint)?.parse()
}

impl FromStr for Hint {
    type Err = InviteLinkError;

    fn from_str(text: &str) -> Result<Self, InviteLinkError> {
        let (url, node_key) = match text.split_once('~') {
            Some((url, key)) => (url, Some(key.parse().map_err(|_| InviteLinkError::Hint)?)),
            None => (text, None),
        };
        if url.len() > HINT_URL_BYTES_MAX || !is_address(url, &["ws://", "wss://"]) {
            return Err(InviteLinkError::Hint);
        }
        Ok(Self {
            url: url.to_owned(),
            node_key,
        })
    }
}

/// Whether `text` is one of the schemes and then a host and port, without path, user or query.
fn is_address(text: &str, schemes: &[&str]) -> bool {
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(fits))
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |encoded, byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded + &char::from(byte).to_string()
            }
            _ => encoded + &format!("%{byte:02X}"),
        })
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>()?;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
