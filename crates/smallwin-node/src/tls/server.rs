//! The listener's side of TLS.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use smallwin_circle::SigningKey;
use tokio_rustls::TlsAcceptor;

use super::{TlsError, provider};
use crate::config::Tls;

/// TLS for a listener.
#[derive(Clone)]
pub(crate) struct Acceptor {
    /// Answers handshakes.
    pub(crate) tls: TlsAcceptor,
    /// SHA-256 of the certificate that stands in the handshake.
    certificate: [u8; 32],
}

impl Acceptor {
    /// The certificate's SHA-256 as it stands in `node.json`.
    pub(crate) fn certificate_hex(&self) -> String {
        self.certificate
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// The acceptor that the configuration asks for; `None` for plain connections.
pub(crate) fn acceptor(tls: &Tls, node_key: &SigningKey) -> Result<Option<Acceptor>, TlsError> {
    let (chain, key) = match tls {
        Tls::Off | Tls::Proxy => return Ok(None),
        Tls::OwnKey => own_certificate(node_key)?,
        Tls::Files { cert, key } => (read_chain(cert)?, read_key(key)?),
    };
    let certificate = chain
        .first()
        .map(|first| Sha256::digest(first).into())
        .unwrap_or_default();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Acceptor {
        tls: TlsAcceptor::from(Arc::new(config)),
        certificate,
    }))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A self-signed certificate whose key is the node key, so that a peer can pin it.
fn own_certificate(node_key: &SigningKey) -> Result<Identity, TlsError> {
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8(&node_key.to_seed()));
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ED25519)?;
    let mut params =
        CertificateParams::new(vec![String::from("localhost"), String::from("127.0.0.1")])?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Small Wins node");
    params.distinguished_name = name;
    let certificate = params.self_signed(&pair)?;
    Ok((vec![certificate.der().clone()], PrivateKeyDer::from(pkcs8)))
}

/// An Ed25519 seed as PKCS #8 (RFC 8410, section 7).
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    [&PREFIX[..], seed].concat()
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(file)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .filter_map(Result::ok)
        .collect();
    if chain.is_empty() {
        return Err(TlsError::Empty {
            file: file.into(),
            expected: "certificate",
        });
    }
    Ok(chain)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| TlsError::Empty {
        file: file.into(),
        expected: "private key",
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|source| TlsError::Read {
        file: file.into(),
        source,
    })
}
