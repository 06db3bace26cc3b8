//! Ids: newtypes, so that a pair is never mistaken for a base.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A data stream of the session: the index of its `m=` section, counted from zero (`sdpMLineIndex`).
    StreamId, "s"
);
id!(
    /// A base (RFC 8445 3): something a datagram is sent from and received on. A host socket is one, so is a relayed
    /// address, so is a TCP connection. The session gives them out and never uses one twice.
    BaseId, "b"
);
id!(
    /// A candidate pair of a session. Never used twice in it, so that an event about a pair that is gone stays true.
    PairId, "p"
);
id!(
    /// A generation of the session: 0 at first, one more with each ICE restart (RFC 8445 9).
    Generation, "g"
);

impl Generation {
    /// The one that a restart begins after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A component of a data stream: 1 to 256 (RFC 8445 5.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(u16);

impl ComponentId {
    /// Component 1: RTP, or the only component there is.
    pub const RTP: Self = Self(1);
    /// Component 2: RTCP where it is not multiplexed with RTP.
    pub const RTCP: Self = Self(2);

    /// The component with this number.
    ///
    /// # Errors
    /// The number is not within 1 to 256.
    pub const fn new(id: u16) -> Result<Self, ComponentIdError> {
        if id >= 1 && id <= 256 { Ok(Self(id)) } else { Err(ComponentIdError(id)) }
    }

    /// The number, 1 to 256.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<u16> for ComponentId {
    type Error = ComponentIdError;

    fn try_from(id: u16) -> Result<Self, ComponentIdError> {
        Self::new(id)
    }
}

/// The component number is outside 1 to 256. Take one inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("component {0} is not within 1 to 256")]
pub struct ComponentIdError(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-5.1.2.1-d
    #[test]
    fn a_component_lies_within_1_and_256() {
        for (id, good) in [(0, false), (1, true), (2, true), (256, true), (257, false), (u16::MAX, false)] {
            assert_eq!(ComponentId::new(id).is_ok(), good, "{id}");
        }
    }
}
