//! Candidates (RFC 8445 5.3, RFC 8839 5.1).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{
    BaseId, ComponentId, Foundation, Priority, address,
    sdp::{is_mdns_name, is_visible},
};

/// How a candidate was come by (RFC 8445 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of an interface of the host.
    Host,
    /// The address a server saw: that of a NAT.
    ServerReflexive,
    /// The address the peer saw.
    PeerReflexive,
    /// An address of a TURN server.
    Relayed,
}

impl CandidateKind {
    /// Its SDP token (RFC 8839 5.1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who opens the TCP connection (RFC 6544 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpType {
    /// This side connects.
    Active,
    /// This side accepts.
    Passive,
    /// Both connect at once.
    SimultaneousOpen,
}

impl TcpType {
    /// Its SDP token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    /// What the other side must be for the two to connect (RFC 6544 6.2).
    #[must_use]
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
            Self::SimultaneousOpen => Self::SimultaneousOpen,
        }
    }
}

/// The transport protocol of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP, with who connects.
    Tcp(TcpType),
}

impl Transport {
    /// Whether candidates of these transports make a pair (RFC 8445 6.1.2.2, RFC 6544 6.2).
    #[must_use]
    pub fn pairs_with(self, remote: Self) -> bool {
        match (self, remote) {
            (Self::Udp, Self::Udp) => true,
            (Self::Tcp(local), Self::Tcp(remote)) => local.counterpart() == remote,
            _ => false,
        }
    }

    /// Its SDP token, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp(_) => "tcp",
        }
    }
}

/// Where a candidate is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateAddress {
    /// An IP address and port. IPv6 flow label and scope are always zero: they mean something on one host only.
    Ip(SocketAddr),
    /// A `.local` name that hides the address, to be resolved by mDNS, and a port.
    Mdns {
        /// The name: one label and `.local`.
        name: Box<str>,
        /// The port.
        port: u16,
    },
}

impl CandidateAddress {
    /// The IP address and port, where it is known.
    #[must_use]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Mdns { .. } => None,
        }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Mdns { port, .. } => *port,
        }
    }

    pub(crate) const fn set_port(&mut self, new: u16) {
        match self {
            Self::Ip(address) => address.set_port(new),
            Self::Mdns { port, .. } => *port = new,
        }
    }
}

impl From<SocketAddr> for CandidateAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address::unscoped(address))
    }
}

impl fmt::Debug for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => fmt::Display::fmt(&address::Redacted(*address), f),
            Self::Mdns { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

/// A name and value behind the known fields of a candidate line (RFC 8839 5.1), kept as it came.
///
/// `Debug` shows the name only: nobody knows what an unknown value gives away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extension {
    /// The name.
    pub name: Box<str>,
    /// The value.
    pub value: Box<str>,
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} bytes)", self.name, self.value.len())
    }
}

/// A candidate: an address that the peer may try (RFC 8445 4).
///
/// `Debug` hides most of the address; `Display` is the SDP text and hides nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    kind: CandidateKind,
    transport: Transport,
    address: CandidateAddress,
    component: ComponentId,
    priority: Priority,
    foundation: Foundation,
    related: Option<SocketAddr>,
    extensions: Vec<Extension>,
}

impl Candidate {
    /// Begins a candidate; component, priority and foundation are still missing, and the type of the builder says so.
    pub fn builder(
        kind: CandidateKind,
        transport: Transport,
        address: impl Into<CandidateAddress>,
    ) -> CandidateBuilder<(), (), ()> {
        CandidateBuilder {
            kind,
            transport,
            address: address.into(),
            component: (),
            priority: (),
            foundation: (),
            related: None,
            extensions: Vec::new(),
        }
    }

    /// How it was come by.
    #[must_use]
    pub const fn kind(&self) -> CandidateKind {
        self.kind
    }

    /// Its transport protocol.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> &CandidateAddress {
        &self.address
    }

    /// Its IP address and port; `None` for an mDNS name.
    #[must_use]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        self.address.socket_addr()
    }

    /// Its component.
    #[must_use]
    pub const fn component(&self) -> ComponentId {
        self.component
    }

    /// Its priority.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Its foundation.
    #[must_use]
    pub const fn foundation(&self) -> &Foundation {
        &self.foundation
    }

    /// The related address (RFC 8839 5.1): for a reflexive candidate its base, for a relayed one the mapped address.
    #[must_use]
    pub const fn related(&self) -> Option<SocketAddr> {
        self.related
    }

    /// What stands behind the known fields, in order.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The value of the first extension of this name.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find(|extension| &*extension.name == name).map(|extension| &*extension.value)
    }

    /// The `ufrag` extension: which generation the candidate belongs to (RFC 8838 9).
    #[must_use]
    pub fn ufrag(&self) -> Option<&str> {
        self.extension("ufrag")
    }

    /// The same candidate with this extension at the end, or in place of one of the same name.
    ///
    /// # Errors
    /// The extension would break the line it is written in.
    pub fn with_extension(mut self, name: &str, value: &str) -> Result<Self, CandidateError> {
        let new = Extension { name: name.into(), value: value.into() };
        match self.extensions.iter_mut().find(|extension| extension.name == new.name) {
            Some(old) => *old = new,
            None => self.extensions.push(new),
        }
        check_extensions(&self.extensions)?;
        Ok(self)
    }

    /// The same candidate at another address: an mDNS name resolved.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = address.into();
        self
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?} c{} prio {} fnd {}",
            self.kind,
            self.transport.as_str(),
            self.address,
            self.component,
            self.priority,
            self.foundation
        )
    }
}

/// Builds a [`Candidate`]; the type parameters turn from `()` as component, priority and foundation are given.
#[derive(Clone)]
#[must_use]
pub struct CandidateBuilder<C, P, F> {
    kind: CandidateKind,
    transport: Transport,
    address: CandidateAddress,
    component: C,
    priority: P,
    foundation: F,
    related: Option<SocketAddr>,
    extensions: Vec<Extension>,
}

impl<C, P, F> fmt::Debug for CandidateBuilder<C, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CandidateBuilder({} {} {:?})", self.kind, self.transport.as_str(), self.address)
    }
}

impl<C, P, F> CandidateBuilder<C, P, F> {
    /// The component.
    pub fn component(self, component: ComponentId) -> CandidateBuilder<ComponentId, P, F> {
        let Self { kind, transport, address, priority, foundation, related, extensions, .. } = self;
        CandidateBuilder { kind, transport, address, component, priority, foundation, related, extensions }
    }

    /// The priority.
    pub fn priority(self, priority: Priority) -> CandidateBuilder<C, Priority, F> {
        let Self { kind, transport, address, component, foundation, related, extensions, .. } = self;
        CandidateBuilder { kind, transport, address, component, priority, foundation, related, extensions }
    }

    /// The foundation.
    pub fn foundation(self, foundation: Foundation) -> CandidateBuilder<C, P, Foundation> {
        let Self { kind, transport, address, component, priority, related, extensions, .. } = self;
        CandidateBuilder { kind, transport, address, component, priority, foundation, related, extensions }
    }

    /// The related address; reflexive and relayed candidates need one, host candidates have none.
    pub fn related(mut self, related: SocketAddr) -> Self {
        self.related = Some(address::unscoped(related));
        self
    }

    /// One more extension, behind those before.
    pub fn extension(mut self, name: &str, value: &str) -> Self {
        self.extensions.push(Extension { name: name.into(), value: value.into() });
        self
    }

    /// These extensions instead of those so far.
    pub(crate) fn extensions(mut self, extensions: Vec<Extension>) -> Self {
        self.extensions = extensions;
        self
    }
}

impl CandidateBuilder<ComponentId, Priority, Foundation> {
    /// The candidate.
    ///
    /// # Errors
    /// The related address does not fit the kind, or the mDNS name or an extension would break the line it is written
    /// in.
    pub fn build(self) -> Result<Candidate, CandidateError> {
        let Self { kind, transport, address, component, priority, foundation, related, extensions } = self;
        match (kind, related) {
            (CandidateKind::Host, Some(_)) => return Err(CandidateError::RelatedOnHost),
            (CandidateKind::Host, None) | (_, Some(_)) => {}
            (kind, None) => return Err(CandidateError::RelatedMissing(kind)),
        }
        // The variant is public, so a scope may have come in past `From`.
        let address = match address {
            CandidateAddress::Ip(address) => address.into(),
            CandidateAddress::Mdns { name, .. } if !is_mdns_name(&name) => {
                return Err(CandidateError::MdnsName);
            }
            address @ CandidateAddress::Mdns { .. } => address,
        };
        check_extensions(&extensions)?;
        Ok(Candidate { kind, transport, address, component, priority, foundation, related, extensions })
    }
}

/// The most bytes that the extensions of a candidate take in its line. Browsers need about 70, and a `ufrag` of the
/// greatest length 263.
const MAX_EXTENSIONS_LENGTH: usize = 2048;

/// Whether the extensions survive a line of SDP and are no more than it may hold.
fn check_extensions(extensions: &[Extension]) -> Result<(), CandidateError> {
    if let Some(bad) = extensions.iter().find(|extension| !is_extension(extension)) {
        return Err(CandidateError::Extension(bad.name.clone()));
    }
    let length = extensions.iter().map(|extension| extension.name.len() + extension.value.len() + 2).sum();
    if length > MAX_EXTENSIONS_LENGTH { Err(CandidateError::ExtensionsLength(length)) } else { Ok(()) }
}

/// Whether name and value are visible characters only, and the name not one that the candidate itself writes.
fn is_extension(extension: &Extension) -> bool {
    let own = ["raddr", "rport", "tcptype"].iter().any(|own| extension.name.eq_ignore_ascii_case(own));
    !own && !extension.name.is_empty() && is_visible(&extension.name) && is_visible(&extension.value)
}

/// Why the parts make no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// A host candidate has no related address (RFC 8839 5.1): leave it out.
    #[error("a host candidate has no related address")]
    RelatedOnHost,
    /// A reflexive or relayed candidate needs a related address: give one, or `0.0.0.0:9` to hide it.
    #[error("a {0} candidate needs a related address")]
    RelatedMissing(CandidateKind),
    /// An mDNS name is something else than one label and `.local`: take a UUID as the label.
    #[error("the name is not one label and .local")]
    MdnsName,
    /// The name or the value of an extension holds something else than visible ASCII, or the name is that of a field
    /// with a method of its own: `raddr`, `rport`, `tcptype`.
    #[error("extension {0:?} does not fit in a candidate line")]
    Extension(Box<str>),
    /// The extensions take more than 2048 bytes together: leave some out.
    #[error("extensions of {0} bytes are too many for a candidate line")]
    ExtensionsLength(usize),
}

/// A candidate of this agent, with the base that its checks leave from (RFC 8445 5.1.1).
///
/// Host and relayed candidates are their own base; the base of a reflexive one is the host candidate it was learnt
/// through. `base_address` is that host or relayed address.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalCandidate {
    /// The candidate as it is signalled.
    pub candidate: Candidate,
    /// What its datagrams are sent from.
    pub base: BaseId,
    /// The address of that base, with the scope of its interface where it is link-local.
    pub base_address: SocketAddr,
}

impl LocalCandidate {
    /// The IP address of the base.
    #[must_use]
    pub const fn base_ip(&self) -> IpAddr {
        self.base_address.ip()
    }
}

impl fmt::Debug for LocalCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {} {}", self.candidate, self.base, address::Redacted(self.base_address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypePreference;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn begin(kind: CandidateKind) -> CandidateBuilder<ComponentId, Priority, Foundation> {
        Candidate::builder(kind, Transport::Udp, address("[2001:db8::1%4]:5000"))
            .component(ComponentId::RTP)
            .priority(Priority::new(TypePreference::from(kind), 1, ComponentId::RTP))
            .foundation(Foundation::from(7))
    }

    #[test]
    fn a_related_address_goes_with_all_kinds_but_host() {
        assert!(begin(CandidateKind::Host).build().is_ok());
        let related = address("10.0.0.1:9");
        let host = begin(CandidateKind::Host).related(related).build();
        assert_eq!(host, Err(CandidateError::RelatedOnHost));
        for kind in [CandidateKind::ServerReflexive, CandidateKind::PeerReflexive, CandidateKind::Relayed] {
            assert_eq!(begin(kind).build(), Err(CandidateError::RelatedMissing(kind)));
            assert_eq!(begin(kind).related(related).build().unwrap().related(), Some(related));
        }
    }

    #[test]
    fn the_scope_stays_on_this_host() {
        let candidate = begin(CandidateKind::Host).build().unwrap();
        assert_eq!(candidate.socket_addr(), Some(address("[2001:db8::1]:5000")));
    }

    #[test]
    fn debug_hides_the_address() {
        let candidate = begin(CandidateKind::Host).build().unwrap();
        assert!(!format!("{candidate:?}").contains("db8"), "{candidate:?}");
        let local = LocalCandidate { base: BaseId(1), base_address: address("192.0.2.77:1"), candidate };
        assert!(!format!("{local:?}").contains("77"), "{local:?}");
    }

    #[test]
    fn extensions_stay_in_order_and_clean() {
        let candidate =
            begin(CandidateKind::Host).extension("generation", "0").extension("xyz", "1").build().unwrap();
        let candidate = candidate.with_extension("ufrag", "abcd").unwrap();
        let candidate = candidate.with_extension("generation", "2").unwrap();
        let names: Vec<_> = candidate.extensions().iter().map(|e| (&*e.name, &*e.value)).collect();
        assert_eq!(names, [("generation", "2"), ("xyz", "1"), ("ufrag", "abcd")]);
        assert_eq!(candidate.ufrag(), Some("abcd"));
        for (name, value) in
            [("a\r\nb", "1"), ("a", "b c"), ("", "1"), ("é", "1"), ("raddr", "::"), ("TcpType", "so")]
        {
            let broken = begin(CandidateKind::Host).extension(name, value).build();
            assert_eq!(broken, Err(CandidateError::Extension(name.into())));
            assert_eq!(
                candidate.clone().with_extension(name, value),
                Err(CandidateError::Extension(name.into()))
            );
        }
        let long = candidate.with_extension("x", &"y".repeat(2048));
        assert!(matches!(long, Err(CandidateError::ExtensionsLength(2081))), "{long:?}");
    }

    #[test]
    fn a_hidden_address_is_one_label_and_local() {
        let build = |name: &str| {
            let mut builder = begin(CandidateKind::Host);
            builder.address = CandidateAddress::Mdns { name: name.into(), port: 9 };
            builder.build().map(|_| ())
        };
        assert_eq!(build("a1b2-c3.local"), Ok(()));
        for bad in ["", "local", ".local", "a.b.local", "a b.local", "a.locale", "a.local."] {
            assert_eq!(build(bad), Err(CandidateError::MdnsName), "{bad}");
        }
    }

    #[test]
    fn transports_pair_by_who_connects() {
        use TcpType::{Active, Passive, SimultaneousOpen};
        let all = [
            Transport::Udp,
            Transport::Tcp(Active),
            Transport::Tcp(Passive),
            Transport::Tcp(SimultaneousOpen),
        ];
        let pairs: Vec<_> = all.iter().flat_map(|&a| all.iter().map(move |&b| a.pairs_with(b))).collect();
        let (t, f) = (true, false);
        assert_eq!(pairs, [t, f, f, f, f, f, t, f, f, t, f, f, f, f, f, t]);
    }
}
