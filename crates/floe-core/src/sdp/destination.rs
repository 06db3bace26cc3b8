//! Default destinations: what the `m=`, `c=` and `a=rtcp` lines name (RFC 8839 4.2.5).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use super::{
    candidate::Host,
    line::{Fields, equal, number},
};
use crate::{Candidate, CandidateAddress, address::Redacted};

/// The host of a `c=` or `a=rtcp` line.
///
/// `Debug` hides most of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connection {
    /// An IP address.
    Ip(IpAddr),
    /// A name, or an address of a family that is not known. Where it leads does not matter to ICE (RFC 8839 4.2.5).
    Other,
}

impl Connection {
    /// Reads `IN IP4 192.0.2.1`; the time to live and number of a multicast address are dropped.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (_, net) = fields.next()?;
        let (_, family) = fields.next()?;
        let (_, text) = fields.next()?;
        let text = text.split_once('/').map_or(text, |(address, _)| address);
        if !equal(net, "IN") || !(equal(family, "IP4") || equal(family, "IP6")) {
            return Some(Self::Other);
        }
        match Host::read(text) {
            Ok(Host::Ip(ip)) => Some(Self::Ip(ip)),
            Ok(Host::Mdns | Host::DomainName) => Some(Self::Other),
            Err(_) => None,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => fmt::Display::fmt(&Redacted(*ip), f),
            Self::Other => f.write_str("other"),
        }
    }
}

/// Where a component of a stream goes without ICE: host and port.
///
/// `Display` is what follows `c=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// The host.
    pub connection: Connection,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// `0.0.0.0` and 9: there is none yet, or it is not told (RFC 8839 4.3.1, RFC 8840 4.1.1).
    pub const NONE: Self = Self { connection: Connection::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), port: 9 };

    /// The destination to name where this candidate is the default one. A name that hides an address stands in candidate
    /// lines only, so such a candidate gives [`NONE`](Self::NONE).
    #[must_use]
    pub const fn of(candidate: &Candidate) -> Self {
        match candidate.address() {
            CandidateAddress::Ip(address) => {
                Self { connection: Connection::Ip(address.ip()), port: address.port() }
            }
            CandidateAddress::Mdns { .. } => Self::NONE,
        }
    }

    /// Address and port, where the host is an IP address.
    #[must_use]
    pub const fn socket_addr(self) -> Option<SocketAddr> {
        match self.connection {
            Connection::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            Connection::Other => None,
        }
    }

    /// Whether no candidate need have this address: an unspecified one with port 9 says that there is none yet, and a
    /// name that it is found some other way (RFC 8839 4.2.5).
    #[must_use]
    pub const fn needs_no_candidate(self) -> bool {
        match self.connection {
            Connection::Ip(ip) => ip.is_unspecified() && self.port == 9,
            Connection::Other => true,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connection {
            Connection::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Connection::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Connection::Other => f.write_str("IN IP4 0.0.0.0"),
        }
    }
}

/// The value of `a=rtcp` (RFC 3605 2.1): a port, and a host where it is another than that of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rtcp {
    pub(super) port: u16,
    pub(super) connection: Option<Connection>,
}

impl Rtcp {
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut fields = Fields::new(value, 0);
        let (_, port) = fields.next()?;
        let port = u16::try_from(number(port, 5)?).ok()?;
        Some(Self { port, connection: Connection::read(&mut fields) })
    }
}

/// An `m=` line (RFC 8866 5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaLine<'a> {
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
}

impl<'a> MediaLine<'a> {
    pub(super) fn read(value: &'a str) -> Option<Self> {
        let mut fields = Fields::new(value, 0);
        let (_, kind) = fields.next()?;
        let (_, port) = fields.next()?;
        let (_, protocol) = fields.next()?;
        // `49170/2` counts ports for layered codecs; ICE knows the first only.
        let port = port.split_once('/').map_or(port, |(port, _)| port);
        Some(Self { kind, port: u16::try_from(number(port, 5)?).ok()?, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(value: &str) -> Option<Connection> {
        Connection::read(&mut Fields::new(value, 0))
    }

    #[test]
    fn connection_lines_are_read() {
        let ip = |text: &str| Some(Connection::Ip(text.parse().unwrap()));
        assert_eq!(connection("IN IP4 192.0.2.1"), ip("192.0.2.1"));
        assert_eq!(connection("IN IP4 224.2.1.1/127/3"), ip("224.2.1.1"));
        assert_eq!(connection("IN IP6 2001:db8::1"), ip("2001:db8::1"));
        assert_eq!(connection("IN IP4 host.example.com"), Some(Connection::Other));
        assert_eq!(connection("ATM NSAP 47.0005"), Some(Connection::Other));
        for bad in ["", "IN", "IN IP4", "IN IP4 ", "IN IP4 192.0.2.999"] {
            assert_eq!(connection(bad), None, "{bad}");
        }
    }

    #[test]
    fn media_and_rtcp_lines_are_read() {
        let line = MediaLine::read("audio 49170/2 RTP/AVP 0 8").unwrap();
        assert_eq!((line.kind, line.port, line.protocol), ("audio", 49170, "RTP/AVP"));
        for bad in ["", "audio", "audio 9", "audio x RTP/AVP", "audio 65536 RTP/AVP 0"] {
            assert_eq!(MediaLine::read(bad), None, "{bad}");
        }
        assert_eq!(Rtcp::read("53020"), Some(Rtcp { port: 53020, connection: None }));
        let other = Rtcp::read("9 IN IP4 0.0.0.0").unwrap();
        assert_eq!(other.connection, Some(Connection::Ip(Ipv4Addr::UNSPECIFIED.into())));
        assert_eq!(Rtcp::read("x"), None);
    }

    // proves: mdns-encode-a
    #[test]
    fn a_hidden_address_stands_in_no_other_line() {
        let host: Candidate = "1 1 udp 1 192.0.2.1 5000 typ host".parse().unwrap();
        assert_eq!(Destination::of(&host).to_string(), "IN IP4 192.0.2.1");
        let v6: Candidate = "1 1 udp 1 2001:db8::1 5000 typ host".parse().unwrap();
        assert_eq!(Destination::of(&v6).to_string(), "IN IP6 2001:db8::1");
        let hidden: Candidate = "1 1 udp 1 abc.local 5000 typ host".parse().unwrap();
        assert!(hidden.to_string().contains(" abc.local 5000 "));
        assert_eq!(Destination::of(&hidden), Destination::NONE);
        assert_eq!((Destination::NONE.to_string().as_str(), Destination::NONE.port), ("IN IP4 0.0.0.0", 9));
        assert!(Destination::NONE.needs_no_candidate());
    }
}
