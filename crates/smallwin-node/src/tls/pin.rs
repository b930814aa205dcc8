//! A certificate verifier that knows one key or one certificate, and asks nobody else.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};
use smallwin_circle::DeviceKey;

/// What a peer's certificate must be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pin {
    /// One whose key is this node key, or one that a public authority signed for the name: then
    /// the handshake above TLS proves the node key.
    NodeKey(DeviceKey),
    /// Exactly the one with this SHA-256.
    Certificate([u8; 32]),
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeKey(_) => f.write_str("NodeKey"),
            Self::Certificate(_) => f.write_str("Certificate"),
        }
    }
}

/// Checks a certificate against a [`Pin`].
#[derive(Debug)]
pub(super) struct PinVerifier {
    pin: Pin,
    public: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    pub(super) fn new(
        pin: Pin,
        public: Arc<dyn ServerCertVerifier>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            pin,
            public,
            provider,
        }
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.pin {
            Pin::Certificate(hash) if Sha256::digest(end_entity).as_slice() == hash => {
                Ok(ServerCertVerified::assertion())
            }
            Pin::Certificate(_) => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            Pin::NodeKey(key) if has_key(end_entity, key) => Ok(ServerCertVerified::assertion()),
            Pin::NodeKey(_) => self.public.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether the certificate's own key is `key`.
///
/// The key's signature is checked by the TLS handshake with the key that stands in the
/// certificate, so it is enough to compare that key.
fn has_key(certificate: &CertificateDer<'_>, key: &DeviceKey) -> bool {
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(certificate) else {
        return false;
    };
    let spki = parsed.subject_public_key_info();
    // RFC 8410: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (no unused bits) key }.
    let expect = [&ED25519_SPKI_PREFIX[..], key.as_bytes()].concat();
    spki.as_ref() == expect.as_slice()
}

const ED25519_SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
