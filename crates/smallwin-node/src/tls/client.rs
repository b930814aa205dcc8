//! The dialer's side of TLS.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::pin::PinVerifier;
use super::{Pin, TlsError, provider};

/// A connector that trusts public authorities, or the pinned certificate or key.
pub(crate) fn connector(pin: Option<Pin>) -> Result<TlsConnector, TlsError> {
    let provider = provider();
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let config = match pin {
        None => builder.with_root_certificates(roots).with_no_client_auth(),
        Some(pin) => {
            let public =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| rustls::Error::General(error.to_string()))?;
            let verifier = PinVerifier::new(pin, public, provider);
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
