//! `remote-candidates` (RFC 8839 5.2).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::{
    candidate::Host,
    line::{Fields, number},
};
use crate::{ComponentId, address};

/// The remote candidate of the selected pair of each component: one for a component.
///
/// `Debug` hides most of the addresses; `Display` is the SDP text and hides nothing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RemoteCandidates(Vec<(ComponentId, SocketAddr)>);

impl RemoteCandidates {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These and one more.
    ///
    /// # Errors
    /// The component has one already.
    pub fn with(
        mut self,
        component: ComponentId,
        address: SocketAddr,
    ) -> Result<Self, RemoteCandidatesError> {
        self.add(component, address)?;
        Ok(self)
    }

    /// The address for this component.
    #[must_use]
    pub fn of(&self, component: ComponentId) -> Option<SocketAddr> {
        self.0.iter().find(|(have, _)| *have == component).map(|(_, address)| *address)
    }

    /// Whether every one of these components has one, as it must (RFC 8839 5.2).
    #[must_use]
    pub fn cover(&self, components: impl IntoIterator<Item = ComponentId>) -> bool {
        components.into_iter().all(|component| self.of(component).is_some())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ComponentId, SocketAddr)> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, component: ComponentId, address: SocketAddr) -> Result<(), RemoteCandidatesError> {
        if self.of(component).is_some() {
            return Err(RemoteCandidatesError::Repeated(component));
        }
        self.0.push((component, address::unscoped(address)));
        Ok(())
    }

    /// Takes those of another line in. Nothing changes where one of them is there already.
    pub(super) fn join(&mut self, other: Self) -> Result<(), RemoteCandidatesError> {
        if let Some((component, _)) = other.iter().find(|(component, _)| self.of(*component).is_some()) {
            return Err(RemoteCandidatesError::Repeated(component));
        }
        self.0.extend(other.0);
        Ok(())
    }
}

impl fmt::Debug for RemoteCandidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(component, address)| (component, address::Redacted(*address)));
        f.debug_map().entries(shown).finish()
    }
}

impl fmt::Display for RemoteCandidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (component, address)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{component} {} {}", address.ip(), address.port())?;
        }
        Ok(())
    }
}

impl FromStr for RemoteCandidates {
    type Err = RemoteCandidatesError;

    /// Reads the value of the attribute.
    fn from_str(text: &str) -> Result<Self, RemoteCandidatesError> {
        let mut all = Self::new();
        let mut fields = Fields::new(text.trim_ascii_end(), 0);
        while let Some((offset, component)) = fields.next() {
            let component = component_id(component).ok_or(RemoteCandidatesError::Component { offset })?;
            let (offset, ip) =
                fields.next().ok_or(RemoteCandidatesError::Address { offset: fields.offset() })?;
            let ip = ip_address(ip).ok_or(RemoteCandidatesError::Address { offset })?;
            let (offset, port) =
                fields.next().ok_or(RemoteCandidatesError::Port { offset: fields.offset() })?;
            let port = port_number(port).ok_or(RemoteCandidatesError::Port { offset })?;
            all.add(component, SocketAddr::new(ip, port))?;
        }
        Ok(all)
    }
}

fn component_id(text: &str) -> Option<ComponentId> {
    let value = number(text, 3)?;
    ComponentId::new(u16::try_from(value).ok()?).ok()
}

fn ip_address(text: &str) -> Option<IpAddr> {
    match Host::read(text) {
        Ok(Host::Ip(ip)) => Some(ip),
        Ok(Host::Mdns | Host::DomainName) | Err(_) => None,
    }
}

fn port_number(text: &str) -> Option<u16> {
    u16::try_from(number(text, 5)?).ok()
}

/// Why a text is no list of remote candidates. `offset` is a byte of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteCandidatesError {
    /// There is no component of 1 to 256.
    #[error("no component at byte {offset}")]
    Component {
        /// Where.
        offset: usize,
    },
    /// There is no IP address. A name will not do: the agent looks for the very address it sent.
    #[error("no IP address at byte {offset}")]
    Address {
        /// Where.
        offset: usize,
    },
    /// There is no port.
    #[error("no port at byte {offset}")]
    Port {
        /// Where.
        offset: usize,
    },
    /// The component stands there twice: give one address for each.
    #[error("component {0} stands there twice")]
    Repeated(ComponentId),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RemoteCandidates, RemoteCandidatesError> {
        text.parse()
    }

    // proves: 8839-5.2-a
    #[test]
    fn each_component_has_one_address() {
        let both = read("1 192.0.2.3 45664 2 2001:db8::1 45665").unwrap();
        assert_eq!(both.to_string(), "1 192.0.2.3 45664 2 2001:db8::1 45665");
        assert_eq!(both.of(ComponentId::RTP), Some("192.0.2.3:45664".parse().unwrap()));
        assert_eq!(both.of(ComponentId::RTCP), Some("[2001:db8::1]:45665".parse().unwrap()));
        assert!(both.cover([ComponentId::RTP, ComponentId::RTCP]));
        assert!(!both.cover([ComponentId::new(3).unwrap()]));
        // One line for each component is as good as one line for all, and their order tells nothing.
        let mut joined = read("2 2001:db8::1 45665").unwrap();
        joined.join(read("1 192.0.2.3 45664").unwrap()).unwrap();
        assert!(both.iter().all(|(component, address)| joined.of(component) == Some(address)));
        let before = joined.clone();
        let twice = joined.join(read("3 192.0.2.3 1 1 192.0.2.3 1").unwrap());
        assert_eq!(twice, Err(RemoteCandidatesError::Repeated(ComponentId::RTP)));
        assert_eq!(joined, before);
    }

    // proves: 8839-5.2-a
    #[test]
    fn a_bad_list_is_refused_with_its_place() {
        use RemoteCandidatesError::{Address, Component, Port, Repeated};
        for (text, error) in [
            ("", Component { offset: 0 }),
            ("0 192.0.2.3 1", Component { offset: 0 }),
            ("257 192.0.2.3 1", Component { offset: 0 }),
            ("1 192.0.2.3 1 x", Component { offset: 14 }),
            ("1", Address { offset: 1 }),
            ("1 a.example 1", Address { offset: 2 }),
            ("1  192.0.2.3 1", Address { offset: 2 }),
            ("1 192.0.2.3", Port { offset: 11 }),
            ("1 192.0.2.3 65536", Port { offset: 12 }),
            ("1 192.0.2.3 1 1 192.0.2.4 1", Repeated(ComponentId::RTP)),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_addresses() {
        let shown = format!("{:?}", read("1 192.0.2.77 45664").unwrap());
        assert!(!shown.contains("77"), "{shown}");
    }
}
