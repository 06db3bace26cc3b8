//! Roles and the tie-breaker (RFC 8445 6.1.1, 7.3.1.1).

use std::fmt;

use rand::{CryptoRng, RngExt as _};

/// Which agent nominates (RFC 8445 6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Nominates the pairs.
    Controlling,
    /// Follows the nominations of the other.
    Controlled,
}

impl Role {
    /// The role of the other agent.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }

    /// The role an agent begins with (RFC 8445 6.1.1): of two agents of one kind the initiator controls, of a full and
    /// a lite one the full one does.
    #[must_use]
    pub const fn at_start(initiator: bool, local_lite: bool, remote_lite: bool) -> Self {
        let controls = if local_lite == remote_lite { initiator } else { !local_lite };
        if controls { Self::Controlling } else { Self::Controlled }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        })
    }
}

/// The random number that settles a role conflict (RFC 8445 7.3.1.1): the larger one controls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TieBreaker(pub u64);

impl TieBreaker {
    /// A new one from a cryptographic generator.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(rng.random())
    }
}

impl fmt::Debug for TieBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-6.1.1-a
    #[test]
    fn the_role_at_start_follows_from_initiator_and_lite() {
        use Role::{Controlled, Controlling};
        let table = [
            (true, false, false, Controlling),
            (false, false, false, Controlled),
            (true, true, true, Controlling),
            (false, true, true, Controlled),
            (true, false, true, Controlling),
            (false, false, true, Controlling),
            (true, true, false, Controlled),
            (false, true, false, Controlled),
        ];
        for (initiator, local_lite, remote_lite, role) in table {
            assert_eq!(Role::at_start(initiator, local_lite, remote_lite), role);
            assert_eq!(Role::at_start(!initiator, remote_lite, local_lite), role.opposite());
        }
    }
}
