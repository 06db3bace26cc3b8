//! The candidate attribute (RFC 8839 5.1, RFC 6544 4.5).
//!
//! What is written obeys the grammar to the letter. What is read may differ where nothing is lost by it:
//! - a reflexive or relayed candidate without `raddr` or `rport` gets the form that hides them, `0.0.0.0` or `::` and 9;
//!   one on a host candidate, and a name in place of an address, are dropped: they are for diagnostics only;
//! - the zone of an IPv6 address (`%eth0`, `%3`) is dropped: it names an interface of the sender's host;
//! - the port of an active TCP candidate becomes 9, since nobody connects to it;
//! - `raddr`, `rport` and `tcptype` may stand anywhere behind the type; a last extension name may lack its value;
//! - white space at the end is dropped.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

use super::{
    CandidateDefect as Defect, CandidateField as Field, ParseCandidateError,
    line::{Fields, equal, is_token, is_visible, number, strip},
};
use crate::{
    Candidate, CandidateAddress, CandidateKind, ComponentId, Extension, Foundation, Priority, TcpType,
    Transport,
};

/// The most bytes of a candidate's text that are looked at. Browsers write about 200.
pub const MAX_CANDIDATE_LENGTH: usize = 4096;

/// The discard port: stands where a port means nothing (RFC 8839 5.1, RFC 6544 4.5).
const DISCARD: u16 = 9;

type Result<T> = std::result::Result<T, ParseCandidateError>;

impl fmt::Display for Candidate {
    /// The value of the attribute, as in `RTCIceCandidateInit.candidate`: `candidate:1 1 udp ... typ host`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "candidate:{} {} ", self.foundation(), self.component())?;
        write!(f, "{} {} ", self.transport().as_str(), self.priority())?;
        let port = match self.transport() {
            // RFC 6544 4.5: nobody connects to an active candidate, and its port says so.
            Transport::Tcp(TcpType::Active) => DISCARD,
            Transport::Tcp(_) | Transport::Udp => self.address().port(),
        };
        match self.address() {
            CandidateAddress::Ip(address) => write!(f, "{}", address.ip())?,
            CandidateAddress::Mdns { name, .. } => f.write_str(name)?,
        }
        write!(f, " {port} typ {}", self.kind())?;
        if let Some(related) = self.related() {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        if let Transport::Tcp(tcp_type) = self.transport() {
            write!(f, " tcptype {}", tcp_type.as_str())?;
        }
        self.extensions()
            .iter()
            .try_for_each(|extension| write!(f, " {} {}", extension.name, extension.value))
    }
}

impl FromStr for Candidate {
    type Err = ParseCandidateError;

    /// Reads the value of the attribute, with `candidate:` or `a=candidate:` before it or without.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > MAX_CANDIDATE_LENGTH {
            return Err(ParseCandidateError::new(Field::Line, 0, Defect::TooLong(text.len())));
        }
        let value = strip(strip(text, "a="), "candidate:");
        let mut fields = Fields::new(value.trim_ascii_end(), text.len() - value.len());

        let foundation = foundation(&mut fields)?;
        let component = component(&mut fields)?;
        let is_tcp = transport(&mut fields)?;
        let priority = priority(&mut fields)?;
        let address = address(&mut fields)?;
        let kind = kind(&mut fields)?;
        let tail = Tail::read(&mut fields)?;
        assemble(Head { foundation, component, is_tcp, priority, address, kind }, tail, fields.offset())
    }
}

/// The fields in front.
struct Head {
    foundation: Foundation,
    component: ComponentId,
    is_tcp: bool,
    priority: Priority,
    address: CandidateAddress,
    kind: CandidateKind,
}

/// The name and value pairs behind.
#[derive(Default)]
struct Tail {
    related_address: Option<RelatedAddress>,
    related_port: Option<u16>,
    tcp_type: Option<TcpType>,
    extensions: Vec<Extension>,
}

/// The value of `raddr`: a name in it is allowed and says nothing.
#[derive(Clone, Copy)]
enum RelatedAddress {
    Ip(IpAddr),
    Name,
}

/// The next field; which one it is goes into the error.
fn required<'a>(fields: &mut Fields<'a>, field: Field) -> Result<(usize, &'a str)> {
    match fields.next() {
        None => Err(ParseCandidateError::new(field, fields.offset(), Defect::Missing)),
        Some((offset, "")) => Err(ParseCandidateError::new(field, offset, Defect::Empty)),
        Some(found) => Ok(found),
    }
}

/// The next field as a number of at most so many digits that `make` takes; `range` is what it takes.
fn required_number<T>(
    fields: &mut Fields<'_>,
    field: Field,
    digits: usize,
    range: RangeInclusive<u64>,
    make: impl FnOnce(u64) -> Option<T>,
) -> Result<T> {
    let (offset, text) = required(fields, field)?;
    ranged(text, digits, range, make).map_err(|defect| ParseCandidateError::new(field, offset, defect))
}

fn ranged<T>(
    text: &str,
    digits: usize,
    range: RangeInclusive<u64>,
    make: impl FnOnce(u64) -> Option<T>,
) -> std::result::Result<T, Defect> {
    let value = number(text, digits).ok_or(Defect::Number { digits })?;
    make(value).ok_or(Defect::Range { value, least: *range.start(), most: *range.end() })
}

/// A port. 0 is good grammar; that nothing is sent to it is decided where candidates are paired.
fn port(text: &str) -> std::result::Result<u16, Defect> {
    ranged(text, 5, 0..=u16::MAX.into(), |value| u16::try_from(value).ok())
}

fn foundation(fields: &mut Fields<'_>) -> Result<Foundation> {
    let (offset, text) = required(fields, Field::Foundation)?;
    Foundation::new(text).map_err(|error| ParseCandidateError::new(Field::Foundation, offset, error))
}

fn component(fields: &mut Fields<'_>) -> Result<ComponentId> {
    required_number(fields, Field::Component, 3, 1..=256, |value| {
        u16::try_from(value).ok().and_then(|value| ComponentId::new(value).ok())
    })
}

/// Whether it is TCP; else it is UDP.
fn transport(fields: &mut Fields<'_>) -> Result<bool> {
    let (offset, text) = required(fields, Field::Transport)?;
    let defect = match text {
        udp if equal(udp, "udp") => return Ok(false),
        tcp if equal(tcp, "tcp") => return Ok(true),
        other if is_token(other) => Defect::UnknownTransport,
        _ => Defect::Character,
    };
    Err(ParseCandidateError::new(Field::Transport, offset, defect))
}

fn priority(fields: &mut Fields<'_>) -> Result<Priority> {
    required_number(fields, Field::Priority, 10, 1..=Priority::MAX.get().into(), |value| {
        u32::try_from(value).ok().and_then(|value| Priority::from_raw(value).ok())
    })
}

/// Connection address and port.
fn address(fields: &mut Fields<'_>) -> Result<CandidateAddress> {
    let (offset, text) = required(fields, Field::Address)?;
    let host = Host::read(text).map_err(|defect| ParseCandidateError::new(Field::Address, offset, defect))?;
    let name = match host {
        Host::Ip(_) | Host::Mdns => text,
        Host::DomainName => return Err(ParseCandidateError::new(Field::Address, offset, Defect::DomainName)),
    };
    let (offset, text) = required(fields, Field::Port)?;
    let port = port(text).map_err(|defect| ParseCandidateError::new(Field::Port, offset, defect))?;
    Ok(match host {
        Host::Ip(ip) => CandidateAddress::Ip(SocketAddr::new(ip, port)),
        Host::Mdns | Host::DomainName => CandidateAddress::Mdns { name: name.into(), port },
    })
}

fn kind(fields: &mut Fields<'_>) -> Result<CandidateKind> {
    let (offset, text) = required(fields, Field::Type)?;
    if !equal(text, "typ") {
        return Err(ParseCandidateError::new(Field::Type, offset, Defect::NoTyp));
    }
    let (offset, text) = required(fields, Field::Type)?;
    let all = [
        CandidateKind::Host,
        CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive,
        CandidateKind::Relayed,
    ];
    all.into_iter().find(|kind| equal(text, kind.as_str())).ok_or_else(|| {
        let defect = if is_token(text) { Defect::UnknownType } else { Defect::Character };
        ParseCandidateError::new(Field::Type, offset, defect)
    })
}

impl Tail {
    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let mut tail = Self::default();
        while let Some((name_offset, name)) = fields.next() {
            let (offset, value) = fields.next().unwrap_or((fields.offset(), ""));
            if name.is_empty() {
                return Err(ParseCandidateError::new(Field::Extension, name_offset, Defect::Empty));
            }
            for (offset, text) in [(name_offset, name), (offset, value)] {
                if !is_visible(text) {
                    return Err(ParseCandidateError::new(Field::Extension, offset, Defect::Character));
                }
            }
            tail.take(name, value)
                .map_err(|(field, defect)| ParseCandidateError::new(field, offset, defect))?;
        }
        Ok(tail)
    }

    /// One name and its value.
    fn take(&mut self, name: &str, value: &str) -> std::result::Result<(), (Field, Defect)> {
        if equal(name, "raddr") {
            let related = related_address(value).map_err(|defect| (Field::RelatedAddress, defect))?;
            set(&mut self.related_address, related).map_err(|defect| (Field::RelatedAddress, defect))
        } else if equal(name, "rport") {
            let port = port(value).map_err(|defect| (Field::RelatedPort, defect))?;
            set(&mut self.related_port, port).map_err(|defect| (Field::RelatedPort, defect))
        } else if equal(name, "tcptype") {
            let tcp_type = tcp_type(value).ok_or((Field::TcpType, Defect::UnknownTcpType))?;
            set(&mut self.tcp_type, tcp_type).map_err(|defect| (Field::TcpType, defect))
        } else {
            self.extensions.push(Extension { name: name.into(), value: value.into() });
            Ok(())
        }
    }

    /// The related address of a candidate of this kind and address.
    fn related(&self, kind: CandidateKind, address: &CandidateAddress) -> Option<SocketAddr> {
        if kind == CandidateKind::Host {
            return None;
        }
        let ip = match (self.related_address, address) {
            (Some(RelatedAddress::Ip(ip)), _) => ip,
            (_, CandidateAddress::Ip(SocketAddr::V6(_))) => Ipv6Addr::UNSPECIFIED.into(),
            (_, CandidateAddress::Ip(SocketAddr::V4(_)) | CandidateAddress::Mdns { .. }) => {
                Ipv4Addr::UNSPECIFIED.into()
            }
        };
        Some(SocketAddr::new(ip, self.related_port.unwrap_or(DISCARD)))
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> std::result::Result<(), Defect> {
    if slot.replace(value).is_some() { Err(Defect::Repeated) } else { Ok(()) }
}

fn tcp_type(text: &str) -> Option<TcpType> {
    [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen]
        .into_iter()
        .find(|tcp_type| equal(text, tcp_type.as_str()))
}

fn related_address(text: &str) -> std::result::Result<RelatedAddress, Defect> {
    match Host::read(text) {
        Ok(Host::Ip(ip)) => Ok(RelatedAddress::Ip(ip)),
        Ok(Host::Mdns | Host::DomainName) | Err(Defect::UnknownFamily) => Ok(RelatedAddress::Name),
        Err(defect) => Err(defect),
    }
}

/// Puts the candidate together; `end` is where the line ends.
fn assemble(head: Head, tail: Tail, end: usize) -> Result<Candidate> {
    let Head { foundation, component, is_tcp, priority, mut address, kind } = head;
    let transport = match (is_tcp, tail.tcp_type) {
        (false, _) => Transport::Udp,
        (true, Some(tcp_type)) => Transport::Tcp(tcp_type),
        (true, None) => return Err(ParseCandidateError::new(Field::TcpType, end, Defect::NoTcpType)),
    };
    if transport == Transport::Tcp(TcpType::Active) {
        address.set_port(DISCARD);
    }
    let mut builder = Candidate::builder(kind, transport, address.clone())
        .component(component)
        .priority(priority)
        .foundation(foundation);
    if let Some(related) = tail.related(kind, &address) {
        builder = builder.related(related);
    }
    builder.extensions(tail.extensions).build().map_err(ParseCandidateError::from)
}

/// What a connection address is.
#[derive(Clone, Copy)]
pub(super) enum Host {
    Ip(IpAddr),
    /// One label and `.local`: the name of a hidden address.
    Mdns,
    DomainName,
}

impl Host {
    /// Tells them apart as RFC 8839 5.1 does: a colon makes it IPv6.
    pub(super) fn read(text: &str) -> std::result::Result<Self, Defect> {
        if text.is_empty() {
            return Err(Defect::Empty);
        }
        if !is_visible(text) {
            return Err(Defect::Character);
        }
        if text.contains(':') {
            return ipv6(text).map(|ip| Self::Ip(ip.into()));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return text.parse::<Ipv4Addr>().map(|ip| Self::Ip(ip.into())).map_err(|_| Defect::Address);
        }
        if is_mdns_name(text) {
            Ok(Self::Mdns)
        } else if text.split('.').all(is_label) {
            Ok(Self::DomainName)
        } else {
            Err(Defect::UnknownFamily)
        }
    }
}

/// An IPv6 address; its zone is dropped, since it names an interface of the sender.
fn ipv6(text: &str) -> std::result::Result<Ipv6Addr, Defect> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse().map_err(|_| {
        let familiar = address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.');
        if familiar { Defect::Address } else { Defect::UnknownFamily }
    })
}

/// Whether this is one label and `.local`: the only names that are resolved by mDNS for ICE.
pub(crate) fn is_mdns_name(text: &str) -> bool {
    text.split_once('.').is_some_and(|(label, rest)| is_label(label) && equal(rest, "local"))
}

/// Whether this is a label of a host name.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests;
