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
    /// Some component that had a valid pair has none now, and the checks, or the peer, may still bring one; or nothing is
    /// heard where its data goes, which still goes there.
    Disconnected,
    /// No stream has found a way (RFC 8445 8.1.2), or none is left.
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
    ///   from \ to     New  Checking   Connected  Completed  Disconnected  Failed    Closed
    ///   New            -   described      -          -           -          -       close
    ///   Checking       -      -         valid        -           -        hopeless  close
    ///   Connected      -      -           -       selected  lost, silent  hopeless  close
    ///   Completed      -      -       reselect       -      lost, silent  hopeless  close
    ///   Disconnected   -   restarted  valid, heard   -           -        hopeless  close
    ///   Failed         -   resumed        -          -           -          -       close
    ///   Closed         -      -           -          -           -          -         -
    /// ```
    ///
    /// So nobody becomes `Completed` who was not `Connected` before, however fast it goes.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use IceState::{Checking, Closed, Completed, Connected, Disconnected, Failed, New};
        match self {
            New => matches!(next, Checking | Closed),
            Checking => matches!(next, Connected | Failed | Closed),
            Connected => matches!(next, Completed | Disconnected | Failed | Closed),
            Completed => matches!(next, Connected | Disconnected | Failed | Closed),
            Disconnected => matches!(next, Checking | Connected | Failed | Closed),
            Failed => matches!(next, Checking | Closed),
            Closed => false,
        }
    }

    /// The next state on the way to what these facts make; `None` where it is reached. What hopeless, valid and so on
    /// mean is in [`Facts`].
    pub(crate) fn step(self, facts: Facts) -> Option<Self> {
        use IceState::{Checking, Closed, Completed, Connected, Disconnected, Failed, New};
        let Facts { closed, described, hopeless, routed, silent, selected, restarted } = facts;
        match self {
            Closed => None,
            _ if closed => Some(Closed),
            New => described.then_some(Checking),
            Failed => (!hopeless).then_some(Checking),
            Checking | Connected | Completed | Disconnected if hopeless => Some(Failed),
            Checking => routed.then_some(Connected),
            Disconnected if routed => (!silent).then_some(Connected),
            Disconnected => restarted.then_some(Checking),
            Connected | Completed if !routed || silent => Some(Disconnected),
            Connected => selected.then_some(Completed),
            Completed => (!selected).then_some(Connected),
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

/// What the state follows from (RFC 8445 6.1.3, 8.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) closed: bool,
    /// Whether the peer's description of some stream is known.
    pub(crate) described: bool,
    /// Whether all streams have failed.
    pub(crate) hopeless: bool,
    /// Whether every component has somewhere to send to.
    pub(crate) routed: bool,
    /// Whether data of some component goes where nothing is heard.
    pub(crate) silent: bool,
    /// Whether every component has its selected pair.
    pub(crate) selected: bool,
    /// Whether a stream has just begun anew: what was lost before does not count any more.
    pub(crate) restarted: bool,
}

/// A stream, as far as the state of the session depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFacts {
    pub(crate) list: ListState,
    /// Whether a component of it is without a socket for ever.
    pub(crate) cut_off: bool,
    pub(crate) routed: bool,
    pub(crate) silent: bool,
    pub(crate) selected: bool,
}

impl Facts {
    /// The facts of the streams together. One that failed beside others that go on is given up (RFC 8445 8.1.2): the
    /// facts are those of the others.
    pub(crate) fn of(described: bool, closed: bool, streams: &[StreamFacts]) -> Self {
        let live = || streams.iter().filter(|stream| stream.list != ListState::Failed && !stream.cut_off);
        let hopeless = live().next().is_none();
        Self {
            closed,
            described,
            hopeless,
            routed: !hopeless && live().all(|stream| stream.routed),
            silent: live().any(|stream| stream.silent),
            selected: !hopeless && live().all(|stream| stream.selected),
            restarted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 128 of them.
    fn all_facts() -> impl Iterator<Item = Facts> {
        (0_u8..128).map(|bits| {
            let bit = |n: u8| bits & 1 << n != 0;
            let [closed, described, hopeless, routed, silent, selected, restarted] =
                [0, 1, 2, 3, 4, 5, 6].map(bit);
            Facts { closed, described, hopeless, routed, silent, selected, restarted }
        })
    }

    /// The states a session in `from` goes through with these facts, itself first.
    fn way(from: IceState, facts: Facts) -> Vec<IceState> {
        let way = std::iter::successors(Some(from), |state| state.step(facts));
        way.take(IceState::ALL.len()).collect()
    }

    #[test]
    fn the_transition_table_is_the_documented_one() {
        let table = IceState::ALL.map(|from| IceState::ALL.map(|to| u8::from(from.may_become(to))));
        let documented = [
            [0, 1, 0, 0, 0, 0, 1],
            [0, 0, 1, 0, 0, 1, 1],
            [0, 0, 0, 1, 1, 1, 1],
            [0, 0, 1, 0, 1, 1, 1],
            [0, 1, 1, 0, 0, 1, 1],
            [0, 1, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(table, documented);
    }

    #[test]
    fn every_step_is_in_the_table_and_every_entry_of_the_table_is_taken() {
        for from in IceState::ALL {
            for to in IceState::ALL {
                let taken = all_facts().any(|facts| from.step(facts) == Some(to));
                assert_eq!(taken, from.may_become(to), "{from} to {to}");
            }
        }
    }

    #[test]
    fn from_every_state_all_facts_lead_to_one_that_stays() {
        for (from, facts) in IceState::ALL.into_iter().flat_map(|from| all_facts().map(move |f| (from, f))) {
            let way = way(from, facts);
            let last = *way.last().unwrap();
            assert_eq!(last.step(facts), None, "{way:?} goes on with {facts:?}");
            let mut seen = way.clone();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), way.len(), "{way:?} comes back with {facts:?}");
        }
    }

    // proves: 8445-6.1.3-a
    #[test]
    fn the_session_is_completed_or_failed_with_all_its_lists_and_runs_otherwise() {
        use ListState::{Completed, Failed, Running};
        let stream = |list| StreamFacts {
            list,
            cut_off: false,
            routed: list == Completed,
            silent: false,
            selected: list == Completed,
        };
        let state = |lists: &[ListState]| {
            let streams: Vec<_> = lists.iter().copied().map(stream).collect();
            *way(IceState::New, Facts::of(true, false, &streams)).last().unwrap()
        };
        for all in [[Running; 3], [Completed; 3], [Failed; 3]] {
            let one = match all[0] {
                Running => IceState::Checking,
                Completed => IceState::Completed,
                Failed => IceState::Failed,
            };
            assert_eq!([state(&all[..1]), state(&all[..2]), state(&all)], [one; 3]);
        }
        for mixed in [[Running, Completed], [Running, Failed], [Completed, Running], [Failed, Running]] {
            assert_eq!(state(&mixed), IceState::Checking, "{mixed:?}");
        }
        // RFC 8445 8.1.2: this agent goes on without the stream that failed.
        assert_eq!(state(&[Failed, Completed]), IceState::Completed);
        assert_eq!(state(&[Failed, Completed, Running]), IceState::Checking);
    }

    #[test]
    fn a_stream_that_is_cut_off_counts_as_failed() {
        let good = StreamFacts {
            list: ListState::Completed,
            cut_off: false,
            routed: true,
            silent: false,
            selected: true,
        };
        let cut = StreamFacts { cut_off: true, routed: false, ..good };
        let state = |streams: &[StreamFacts]| {
            *way(IceState::Completed, Facts::of(true, false, streams)).last().unwrap()
        };
        assert_eq!(state(&[good, cut]), IceState::Completed);
        assert_eq!(state(&[cut, cut]), IceState::Failed);
        assert_eq!(state(&[good, StreamFacts { routed: false, ..good }]), IceState::Disconnected);
        // What is given up may be as silent as it likes.
        let silent = StreamFacts { silent: true, ..good };
        assert_eq!(state(&[good, silent]), IceState::Disconnected);
        assert_eq!(state(&[good, StreamFacts { cut_off: true, ..silent }]), IceState::Completed);
    }

    #[test]
    fn facts_lead_where_they_should() {
        use IceState::{Checking, Closed, Completed, Connected, Disconnected, Failed, New};
        let stream = StreamFacts {
            list: ListState::Running,
            cut_off: false,
            routed: false,
            silent: false,
            selected: false,
        };
        let nothing = Facts::of(false, false, &[stream]);
        let described = Facts { described: true, ..nothing };
        let routed = Facts { routed: true, ..described };
        let selected = Facts { selected: true, ..routed };
        let silent = Facts { silent: true, ..selected };
        let hopeless = Facts { hopeless: true, ..described };
        assert_eq!(way(New, nothing), [New]);
        assert_eq!(way(New, described), [New, Checking]);
        assert_eq!(way(New, selected), [New, Checking, Connected, Completed]);
        assert_eq!(way(Checking, selected), [Checking, Connected, Completed]);
        assert_eq!(way(Connected, described), [Connected, Disconnected]);
        assert_eq!(way(Completed, described), [Completed, Disconnected]);
        assert_eq!(way(Completed, routed), [Completed, Connected]);
        assert_eq!(way(Disconnected, selected), [Disconnected, Connected, Completed]);
        assert_eq!(way(Connected, silent), [Connected, Disconnected]);
        assert_eq!(way(Completed, silent), [Completed, Disconnected]);
        assert_eq!(way(Disconnected, silent), [Disconnected]);
        // A restart leaves the pair in use what it is until there is a better one.
        assert_eq!(way(Disconnected, Facts { restarted: true, ..silent }), [Disconnected]);
        assert_eq!(way(Checking, silent), [Checking, Connected, Disconnected]);
        assert_eq!(way(Checking, Facts { routed: false, ..silent }), [Checking], "others are still to come");
        for from in [Checking, Connected, Completed, Disconnected] {
            assert_eq!(way(from, hopeless), [from, Failed]);
        }
        assert_eq!(way(Failed, routed), [Failed, Checking, Connected]);
        for from in IceState::ALL.into_iter().filter(|&from| from != Closed) {
            assert_eq!(way(from, Facts { closed: true, ..selected }), [from, Closed]);
        }
        assert_eq!(way(Closed, selected), [Closed]);
    }
}
