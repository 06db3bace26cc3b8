//! Certificates of servers.

use floe_net::SystemNet;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A server's certificate, and what has to be trusted for it.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub root: String,
    /// The chain and the key, as files hold them.
    pub pem: (String, String),
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Signed by an authority that is signed by the root, as those of public servers are.
pub fn signed(names: &[&str]) -> Identity {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let root = CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap();
    let between =
        CertifiedIssuer::signed_by(authority("between"), KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(names).unwrap().signed_by(&key, &between).unwrap();
    Identity {
        chain: vec![own.der().clone(), between.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        root: root.pem(),
        pem: (own.pem() + &between.pem(), key.serialize_pem()),
    }
}

/// As `openssl req -x509` makes it: its own authority.
pub fn self_signed(name: &str) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    Identity {
        chain: vec![own.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        root: own.pem(),
        pem: (own.pem(), key.serialize_pem()),
    }
}

/// A network that trusts this one.
pub fn net(identity: &Identity) -> SystemNet {
    SystemNet::new().trust(identity.root.as_bytes()).unwrap()
}
