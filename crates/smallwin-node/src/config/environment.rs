//! The environment as a configuration layer.

use super::{ConfigError, Layer, LogFormat};
use crate::peer_url::{PeerUrl, PeerUrlError};

/// Every variable of ours starts with this.
pub const ENVIRONMENT_PREFIX: &str = "SMALLWIN_";

/// Variables that other parts read: the build, the program itself, tests (which also have all
/// that begin with `SMALLWIN_TEST_`).
pub const ENVIRONMENT_IGNORED: &[&str] = &[
    "SMALLWIN_BENCH",
    "SMALLWIN_BLESS",
    "SMALLWIN_CONFIG",
    "SMALLWIN_CRASH_ROUNDS",
    "SMALLWIN_DATA",
    "SMALLWIN_SEED",
    "SMALLWIN_SEEDS",
    "SMALLWIN_SKIP_WEB",
    "SMALLWIN_WEB_QUALITY",
];

type Apply = fn(&mut Layer, &str) -> Result<(), String>;

/// Reads our variables; an unknown one is an error.
pub(super) fn read(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        if ENVIRONMENT_IGNORED.contains(&name.as_str()) || key.starts_with("TEST_") {
            continue;
        }
        let Some((_, apply)) = KNOWN.iter().find(|(known, _)| *known == key) else {
            return Err(ConfigError::UnknownVariable {
                name,
                known: known_names(),
            });
        };
        apply(&mut layer, value.trim()).map_err(|why| ConfigError::Value {
            place: name.clone(),
            why,
        })?;
    }
    Ok(layer)
}

fn known_names() -> String {
    let own = KNOWN
        .iter()
        .map(|(key, _)| format!("{ENVIRONMENT_PREFIX}{key}"));
    own.chain(["SMALLWIN_CONFIG", "SMALLWIN_DATA"].map(String::from))
        .collect::<Vec<_>>()
        .join(", ")
}

fn truth(value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(String::from("expected true or false")),
    }
}

fn list(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(String::from)
        .collect()
}

const KNOWN: &[(&str, Apply)] = &[
    ("LISTEN", |layer, value| {
        layer.listen = Some(
            value
                .parse()
                .map_err(|_| String::from("expected address:port"))?,
        );
        Ok(())
    }),
    ("PEERS", |layer, value| {
        let urls = list(value)
            .iter()
            .map(|url| url.parse())
            .collect::<Result<Vec<PeerUrl>, PeerUrlError>>();
        layer.peers = Some(urls.map_err(|error| error.to_string())?);
        Ok(())
    }),
    ("NAMES", |layer, value| {
        layer.names = Some(list(value));
        Ok(())
    }),
    ("ORIGINS", |layer, value| {
        layer.origins = Some(list(value));
        Ok(())
    }),
    ("TLS_CERT", |layer, value| {
        layer.tls_cert = Some(value.into());
        Ok(())
    }),
    ("TLS_KEY", |layer, value| {
        layer.tls_key = Some(value.into());
        Ok(())
    }),
    ("TLS_SELF", |layer, value| {
        layer.tls_self = Some(truth(value)?);
        Ok(())
    }),
    ("BEHIND_TLS_PROXY", |layer, value| {
        layer.behind_tls_proxy = Some(truth(value)?);
        Ok(())
    }),
    ("INTEROP_OPEN", |layer, value| {
        layer.interop_open = Some(truth(value)?);
        Ok(())
    }),
    ("BROWSER", |layer, value| {
        layer.browser = Some(truth(value)?);
        Ok(())
    }),
    ("LOG", |layer, value| {
        layer.log = Some(value.into());
        Ok(())
    }),
    ("LOG_FORMAT", |layer, value| {
        layer.log_format = Some(match value {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err(String::from("expected text or json")),
        });
        Ok(())
    }),
];
