//! Priorities of candidates (RFC 8445 5.1.2) and of pairs (6.1.2.3).

use std::fmt;

use crate::{CandidateKind, ComponentId, Role};

/// A candidate's priority: 1 to 2^31 - 1 (RFC 8445 5.1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u32);

impl Priority {
    /// The largest, 2^31 - 1.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// The formula of RFC 8445 5.1.2.1.
    #[must_use]
    pub const fn new(type_preference: TypePreference, local_preference: u16, component: ComponentId) -> Self {
        // The component is at most 256, so the last term is at least 0; 126 << 24 leaves the top bit clear.
        let value = ((type_preference.0 as u32) << 24) + ((local_preference as u32) << 8) + 256
            - component.get() as u32;
        // Type preference 0, local preference 0 and component 256 together would make 0, which is no priority.
        Self(if value == 0 { 1 } else { value })
    }

    /// A priority received from elsewhere.
    ///
    /// # Errors
    /// It is 0 or 2^31 and more.
    pub const fn from_raw(value: u32) -> Result<Self, PriorityError> {
        if value == 0 || value > Self::MAX.0 { Err(PriorityError(value)) } else { Ok(Self(value)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The same local preference and component with another type preference: what a check's PRIORITY holds
    /// (RFC 8445 7.1.1).
    #[must_use]
    pub const fn with_type_preference(self, type_preference: TypePreference) -> Self {
        let value = ((type_preference.0 as u32) << 24) | (self.0 & 0x00ff_ffff);
        Self(if value == 0 { 1 } else { value })
    }
}

impl fmt::Debug for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number is no candidate priority: it is 0 or over 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is not within 1 to 2147483647")]
pub struct PriorityError(pub u32);

/// How much a kind of candidate is liked: 0 to 126 (RFC 8445 5.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypePreference(u8);

impl TypePreference {
    /// 126: host candidates (RFC 8445 5.1.2.2).
    pub const HOST: Self = Self(126);
    /// 110: peer-reflexive candidates.
    pub const PEER_REFLEXIVE: Self = Self(110);
    /// 100: server-reflexive candidates.
    pub const SERVER_REFLEXIVE: Self = Self(100);
    /// 0: relayed candidates.
    pub const RELAYED: Self = Self(0);

    /// The preference with this number; `None` over 126.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value <= 126 { Some(Self(value)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl From<CandidateKind> for TypePreference {
    /// The recommended values of RFC 8445 5.1.2.2.
    fn from(kind: CandidateKind) -> Self {
        match kind {
            CandidateKind::Host => Self::HOST,
            CandidateKind::PeerReflexive => Self::PEER_REFLEXIVE,
            CandidateKind::ServerReflexive => Self::SERVER_REFLEXIVE,
            CandidateKind::Relayed => Self::RELAYED,
        }
    }
}

/// A pair's priority (RFC 8445 6.1.2.3); larger is better. Both agents compute the same order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairPriority(u64);

impl PairPriority {
    /// From the priorities of the controlling and of the controlled agent's candidate.
    #[must_use]
    pub const fn new(controlling: Priority, controlled: Priority) -> Self {
        let (g, d) = (controlling.0 as u64, controlled.0 as u64);
        let (low, high) = if g < d { (g, d) } else { (d, g) };
        Self((low << 32) + 2 * high + (g > d) as u64)
    }

    /// From the agent's own side.
    #[must_use]
    pub const fn of(role: Role, local: Priority, remote: Priority) -> Self {
        match role {
            Role::Controlling => Self::new(local, remote),
            Role::Controlled => Self::new(remote, local),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for PairPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for PairPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-5.1.2.1-a, 8445-5.1.2.2-a
    #[test]
    fn the_recommended_preferences_make_the_known_priorities() {
        let table = [
            (CandidateKind::Host, 126, 2_130_706_431),
            (CandidateKind::PeerReflexive, 110, 1_862_270_975),
            (CandidateKind::ServerReflexive, 100, 1_694_498_815),
            (CandidateKind::Relayed, 0, 16_777_215),
        ];
        for (kind, preference, priority) in table {
            assert_eq!(TypePreference::from(kind).get(), preference);
            assert_eq!(Priority::new(kind.into(), 65_535, ComponentId::RTP).get(), priority);
        }
    }

    #[test]
    fn every_priority_lies_within_1_and_2_to_the_31() {
        let last = ComponentId::new(256).unwrap();
        assert_eq!(Priority::new(TypePreference::RELAYED, 0, last).get(), 1);
        assert!(Priority::new(TypePreference::HOST, u16::MAX, ComponentId::RTP) < Priority::MAX);
        assert!(TypePreference::new(127).is_none());
        assert_eq!(Priority::from_raw(0), Err(PriorityError(0)));
        assert_eq!(Priority::from_raw(1 << 31), Err(PriorityError(1 << 31)));
        assert!(Priority::from_raw(Priority::MAX.get()).is_ok());
    }

    // proves: 8445-6.1.2.3-a
    #[test]
    fn the_pair_priority_is_exact_and_favours_the_controlling_side() {
        let (g, d) = (Priority::from_raw(2_130_706_431).unwrap(), Priority::from_raw(1_694_498_815).unwrap());
        assert_eq!(PairPriority::new(g, d).get(), 7_277_816_997_797_167_103);
        assert_eq!(PairPriority::new(d, g).get(), 7_277_816_997_797_167_102);
        let top = PairPriority::new(Priority::MAX, Priority::MAX).get();
        assert_eq!(top, (0x7fff_ffff << 32) + 2 * 0x7fff_ffff);
    }

    #[test]
    fn both_agents_compute_the_same_pair_priority() {
        let (a, b) = (Priority::from_raw(77).unwrap(), Priority::from_raw(99).unwrap());
        assert_eq!(PairPriority::of(Role::Controlling, a, b), PairPriority::of(Role::Controlled, b, a));
    }

    #[test]
    fn the_priority_of_a_check_changes_only_the_type_preference() {
        let host = Priority::new(TypePreference::HOST, 4_711, ComponentId::RTCP);
        let expected = Priority::new(TypePreference::PEER_REFLEXIVE, 4_711, ComponentId::RTCP);
        assert_eq!(host.with_type_preference(TypePreference::PEER_REFLEXIVE), expected);
    }
}
