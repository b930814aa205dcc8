//! One source of configuration, everything optional.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Config, ConfigError, LogFormat, Tls};
use crate::peer_url::PeerUrl;

/// What one source (file, environment, flags) says; an absent key leaves the choice to the others.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// See [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// See [`Config::peers`].
    pub peers: Option<Vec<PeerUrl>>,
    /// See [`Config::names`].
    pub names: Option<Vec<String>>,
    /// See [`Config::origins`].
    pub origins: Option<Vec<String>>,
    /// Certificate chain in PEM.
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    pub tls_key: Option<PathBuf>,
    /// A certificate from the node's own key.
    pub tls_self: Option<bool>,
    /// A proxy in front speaks TLS.
    pub behind_tls_proxy: Option<bool>,
    /// See [`Config::interop_open`].
    pub interop_open: Option<bool>,
    /// See [`Config::browser`].
    pub browser: Option<bool>,
    /// See [`Config::log`].
    pub log: Option<String>,
    /// See [`Config::log_format`].
    pub log_format: Option<LogFormat>,
}

impl Layer {
    /// This layer below `upper`: what `upper` says wins.
    #[must_use]
    pub fn under(self, upper: Self) -> Self {
        Self {
            listen: upper.listen.or(self.listen),
            peers: upper.peers.or(self.peers),
            names: upper.names.or(self.names),
            origins: upper.origins.or(self.origins),
            tls_cert: upper.tls_cert.or(self.tls_cert),
            tls_key: upper.tls_key.or(self.tls_key),
            tls_self: upper.tls_self.or(self.tls_self),
            behind_tls_proxy: upper.behind_tls_proxy.or(self.behind_tls_proxy),
            interop_open: upper.interop_open.or(self.interop_open),
            browser: upper.browser.or(self.browser),
            log: upper.log.or(self.log),
            log_format: upper.log_format.or(self.log_format),
        }
    }

    /// Puts this layer over the defaults and checks that it makes sense.
    pub(super) fn resolve(self, defaults: Config) -> Result<Config, ConfigError> {
        let tls = self.tls()?;
        let config = Config {
            listen: self.listen.or(defaults.listen),
            peers: self.peers.unwrap_or(defaults.peers),
            names: self.names.unwrap_or(defaults.names),
            origins: self.origins.unwrap_or(defaults.origins),
            tls,
            interop_open: self.interop_open.unwrap_or(defaults.interop_open),
            browser: self.browser.unwrap_or(defaults.browser),
            log: self.log.unwrap_or(defaults.log),
            log_format: self.log_format.unwrap_or(defaults.log_format),
            ..defaults
        };
        config.check_listener()?;
        Ok(config)
    }

    fn tls(&self) -> Result<Tls, ConfigError> {
        let own_key = self.tls_self.unwrap_or(false);
        let proxy = self.behind_tls_proxy.unwrap_or(false);
        let refuse = |why: &str| {
            Err(ConfigError::Value {
                place: String::from("the TLS configuration"),
                why: why.into(),
            })
        };
        match (&self.tls_cert, &self.tls_key, own_key, proxy) {
            (None, None, false, false) => Ok(Tls::Off),
            (None, None, false, true) => Ok(Tls::Proxy),
            (None, None, true, false) => Ok(Tls::OwnKey),
            (Some(cert), Some(key), false, false) => Ok(Tls::Files {
                cert: cert.clone(),
                key: key.clone(),
            }),
            (Some(_), None, ..) => refuse("there is a certificate but no key; give --tls-key too"),
            (None, Some(_), ..) => refuse("there is a key but no certificate; give --tls-cert too"),
            _ => refuse(
                "certificate files, tls_self and behind_tls_proxy exclude each other; choose one",
            ),
        }
    }
}
