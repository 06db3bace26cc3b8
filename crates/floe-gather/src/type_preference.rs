//! Type preferences (RFC 8445 5.1.2.1).

use floe_core::{CandidateKind, TypePreference};

/// How much each kind of candidate is preferred. Peer-reflexive candidates have 110, always: they are learnt by the
/// checks, and their priority goes into each of them.
///
/// `Default` has the values of RFC 8445 5.1.2.2: host 126, server-reflexive 100, relayed 0.
///
/// ```
/// use floe_gather::{TypePreferenceError, TypePreferences};
///
/// assert!(TypePreferences::new(126, 90, 10).is_ok());
/// assert_eq!(TypePreferences::new(126, 90, 90), Err(TypePreferenceError::Equal(90)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypePreferences {
    host: TypePreference,
    server_reflexive: TypePreference,
    relayed: TypePreference,
}

impl TypePreferences {
    /// These preferences, each from 0 to 126.
    ///
    /// # Errors
    /// One is over 126, two are equal, or server-reflexive candidates would come before peer-reflexive ones.
    pub fn new(host: u8, server_reflexive: u8, relayed: u8) -> Result<Self, TypePreferenceError> {
        let checked = |value| TypePreference::new(value).ok_or(TypePreferenceError::TooHigh(value));
        let [host, server_reflexive, relayed] =
            [checked(host)?, checked(server_reflexive)?, checked(relayed)?];
        if server_reflexive > TypePreference::PEER_REFLEXIVE {
            return Err(TypePreferenceError::AbovePeerReflexive(server_reflexive.get()));
        }
        let mut all = [host, TypePreference::PEER_REFLEXIVE, server_reflexive, relayed];
        all.sort_unstable();
        match all.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
            Some(equal) => Err(TypePreferenceError::Equal(equal.get())),
            None => Ok(Self { host, server_reflexive, relayed }),
        }
    }

    /// That of a kind.
    #[must_use]
    pub const fn of(&self, kind: CandidateKind) -> TypePreference {
        match kind {
            CandidateKind::Host => self.host,
            CandidateKind::ServerReflexive => self.server_reflexive,
            CandidateKind::PeerReflexive => TypePreference::PEER_REFLEXIVE,
            CandidateKind::Relayed => self.relayed,
        }
    }
}

impl Default for TypePreferences {
    fn default() -> Self {
        Self {
            host: TypePreference::HOST,
            server_reflexive: TypePreference::SERVER_REFLEXIVE,
            relayed: TypePreference::RELAYED,
        }
    }
}

/// Why type preferences cannot be used (RFC 8445 5.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypePreferenceError {
    /// Take 126 at most.
    #[error("{0} is over 126")]
    TooHigh(u8),
    /// Take a different one for each kind, and none that is 110.
    #[error("two kinds of candidates have {0}")]
    Equal(u8),
    /// Take less than 110.
    #[error("server-reflexive candidates have {0}, more than peer-reflexive ones")]
    AbovePeerReflexive(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-5.1.2.1-b
    #[test]
    fn a_table_that_breaks_the_rules_is_rejected() {
        use TypePreferenceError::{AbovePeerReflexive, Equal, TooHigh};
        let table = [
            ((126, 100, 0), None),
            ((0, 109, 126), None),
            ((127, 100, 0), Some(TooHigh(127))),
            ((126, 255, 0), Some(TooHigh(255))),
            ((126, 100, 127), Some(TooHigh(127))),
            ((126, 111, 0), Some(AbovePeerReflexive(111))),
            ((126, 110, 0), Some(Equal(110))),
            ((110, 100, 0), Some(Equal(110))),
            ((126, 100, 110), Some(Equal(110))),
            ((100, 100, 0), Some(Equal(100))),
            ((126, 50, 50), Some(Equal(50))),
            ((1, 0, 1), Some(Equal(1))),
        ];
        for ((host, reflexive, relayed), error) in table {
            let made = TypePreferences::new(host, reflexive, relayed);
            assert_eq!(made.err(), error, "{host} {reflexive} {relayed}");
        }
        assert_eq!(TypePreferences::new(126, 100, 0), Ok(TypePreferences::default()));
        let kinds = [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::Relayed];
        for kind in kinds.into_iter().chain([CandidateKind::PeerReflexive]) {
            assert_eq!(TypePreferences::default().of(kind), TypePreference::from(kind));
        }
    }
}
