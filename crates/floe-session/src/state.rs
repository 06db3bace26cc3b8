//! The state of the whole session.

use std::fmt;

use floe_check::ListState;

/// The ICE state, under the names of WebRTC (`RTCIceTransportState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IceState {
    /// The peer's description is still to come.
    New,
    /// Checks are under way, and some component has no valid pair yet.
    Checking,
    /// Every component has a valid pair: data can flow. Checks go on.
    Connected,
    /// Every component has its selected pair (RFC 8445 8.1.2).
    Completed,
    /// What was selected is there no more.
    Disconnected,
    /// No stream has found a way (RFC 8445 8.1.2).
    Failed,
    /// It was closed.
    Closed,
}

impl IceState {
    /// All states, in the order of the transition table.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Checking,
        Self::Connected,
        Self::Completed,
        Self::Disconnected,
        Self::Failed,
        Self::Closed,
    ];

    /// The transition table: whether a session in this state may come into `next`.
    ///
    /// ```text
    ///   from \ to     New  Checking  Connected  Completed  Disconnected  Failed  Closed
    ///   New            -   described  early data   -            -           -      close
    ///   Checking       -      -       valid      selected       -        hopeless  close
    ///   Connected      -   pair lost    -        selected       -        hopeless  close
    ///   Completed      -      -         -           -       socket lost     -      close
    ///   Disconnected   -      -         -        found anew     -           -      close
    ///   Failed         -   resumed    resumed    resumed        -           -      close
    ///   Closed         -      -         -           -            -           -       -
    /// ```
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use IceState::{Checking, Closed, Completed, Connected, Disconnected, Failed, New};
        match self {
            New => matches!(next, Checking | Connected | Closed),
            Checking => matches!(next, Connected | Completed | Failed | Closed),
            Connected => matches!(next, Checking | Completed | Failed | Closed),
            Completed => matches!(next, Disconnected | Closed),
            Disconnected => matches!(next, Completed | Closed),
            Failed => matches!(next, Checking | Connected | Completed | Closed),
            Closed => false,
        }
    }

    /// Its name: `new`, `checking`, ...
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for IceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the state follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts<'a> {
    pub(crate) closed: bool,
    /// Whether the peer's description of some stream is known.
    pub(crate) described: bool,
    /// The check lists of all streams.
    pub(crate) lists: &'a [ListState],
    /// Whether every component of the streams that have not failed has somewhere to send to.
    pub(crate) routed: bool,
}

/// The state that these facts make (RFC 8445 6.1.3, 8.1.2): a stream that failed beside others that go on is given up.
pub(crate) fn derive(facts: &Facts<'_>) -> IceState {
    let none_is = |state: ListState| facts.lists.iter().all(|&list| list != state);
    if facts.closed {
        IceState::Closed
    } else if !facts.described {
        IceState::New
    } else if none_is(ListState::Running) && none_is(ListState::Completed) {
        IceState::Failed
    } else if none_is(ListState::Running) {
        if facts.routed { IceState::Completed } else { IceState::Disconnected }
    } else if facts.routed {
        IceState::Connected
    } else {
        IceState::Checking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_table_is_the_documented_one() {
        let table = IceState::ALL.map(|from| IceState::ALL.map(|to| u8::from(from.may_become(to))));
        let documented = [
            [0, 1, 1, 0, 0, 0, 1],
            [0, 0, 1, 1, 0, 1, 1],
            [0, 1, 0, 1, 0, 1, 1],
            [0, 0, 0, 0, 1, 0, 1],
            [0, 0, 0, 1, 0, 0, 1],
            [0, 1, 1, 1, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(table, documented);
    }

    // proves: 8445-6.1.3-a
    #[test]
    fn the_state_follows_from_the_check_lists() {
        use ListState::{Completed, Failed, Running};
        let state =
            |lists: &[ListState], routed| derive(&Facts { closed: false, described: true, lists, routed });
        assert_eq!(state(&[Running], false), IceState::Checking);
        assert_eq!(state(&[Running, Completed], false), IceState::Checking);
        assert_eq!(state(&[Running, Completed], true), IceState::Connected);
        assert_eq!(state(&[Running, Failed], false), IceState::Checking);
        assert_eq!(state(&[Completed, Completed], true), IceState::Completed);
        assert_eq!(state(&[Completed, Completed], false), IceState::Disconnected);
        assert_eq!(state(&[Failed, Failed], false), IceState::Failed);
        // What failed beside a stream that works is given up (RFC 8445 8.1.2).
        assert_eq!(state(&[Failed, Completed], true), IceState::Completed);
        let new = Facts { closed: false, described: false, lists: &[Running], routed: false };
        assert_eq!(derive(&new), IceState::New);
        assert_eq!(derive(&Facts { closed: true, ..new }), IceState::Closed);
    }
}
