//! Whose certificates are believed (RFC 8489 6.2.3): those that the system trusts, and those that the user does.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;

use super::ConnectError;
use crate::Link;

/// Certificates that are believed beside those of the system.
#[derive(Clone, Default)]
pub(in crate::system) struct Trust {
    certificates: Vec<CertificateDer<'static>>,
}

impl Trust {
    pub(in crate::system) const fn new() -> Self {
        Self { certificates: Vec::new() }
    }

    /// All certificates of a PEM file.
    ///
    /// # Errors
    /// It holds none, or one that is broken.
    pub(in crate::system) fn add(&mut self, pem: &[u8]) -> io::Result<()> {
        let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|error| bad(error.to_string()))?;
        if read.is_empty() {
            return Err(bad("no certificate in it".to_owned()));
        }
        for certificate in &read {
            RootCertStore::empty().add(certificate.clone()).map_err(|error| bad(error.to_string()))?;
        }
        self.certificates.extend(read);
        Ok(())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} certificates and the system's)", self.certificates.len())
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

/// What the server's certificate has to be for: the name of the link, or else the address connected to.
pub(super) fn server_name(link: &Link) -> Result<ServerName<'static>, ConnectError> {
    let Some(name) = &link.name else { return Ok(ServerName::IpAddress(link.to.ip().into())) };
    // No certificate has the dot of the root.
    let written = name.strip_suffix('.').unwrap_or(name).to_owned();
    ServerName::try_from(written).map_err(|_| ConnectError::Name(name.clone()))
}

/// Judges by these certificates, and where they do not do, by the system's.
pub(super) async fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let platform = match tokio::task::spawn_blocking(platform).await {
        Ok(platform) => platform,
        Err(error) => Err(error.to_string()),
    };
    if trust.certificates.is_empty() {
        return platform.map_or_else(|why| Err(ConnectError::Trust(why)), |verifier| Ok(verifier as _));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trust.certificates.iter().cloned());
    let own = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let own = own.map_err(|error| ConnectError::Trust(error.to_string()))?;
    let algorithms = provider().signature_verification_algorithms;
    Ok(Arc::new(Either { pinned: trust.certificates.clone(), own, platform: platform.ok(), algorithms }))
}

/// The verifier of the system. Its certificates are read once in the life of a process, for that can take long.
fn platform() -> Result<Arc<Verifier>, String> {
    static PLATFORM: OnceLock<Arc<Verifier>> = OnceLock::new();
    if let Some(verifier) = PLATFORM.get() {
        return Ok(verifier.clone());
    }
    let verifier = Verifier::new(provider()).map_err(|error| error.to_string())?;
    Ok(PLATFORM.get_or_init(|| Arc::new(verifier)).clone())
}

#[derive(Debug)]
struct Either {
    pinned: Vec<CertificateDer<'static>>,
    own: Arc<WebPkiServerVerifier>,
    platform: Option<Arc<Verifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Either {
    /// A server that shows a certificate that the user trusts as such, as small servers with one that they have made for
    /// themselves do. It has to be for the name all the same.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<bool, Error> {
        if !self.pinned.iter().any(|pinned| pinned == certificate) {
            return Ok(false);
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name).map(|()| true)
    }
}

impl ServerCertVerifier for Either {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_pinned(end_entity, name)? {
            return Ok(ServerCertVerified::assertion());
        }
        match self.own.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // Who signed it is the one thing that the system may know better.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => match &self.platform {
                Some(platform) => platform.verify_server_cert(end_entity, intermediates, name, ocsp, now),
                None => Err(CertificateError::UnknownIssuer.into()),
            },
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}
