//! The pace of new transactions (RFC 8445 14.2): one for the whole session, whoever starts them.

use std::time::{Duration, Instant};

use floe_core::Pacing;

/// Says when the next new transaction may start: at once if none did within the last Ta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What this side proposes.
    proposed: Pacing,
    ta: Duration,
    last: Option<Instant>,
    /// When a connection to a server was last begun.
    linked: Option<Instant>,
    /// Since when a slot is kept free for such a connection.
    kept: Option<Instant>,
    /// Whose turn it is.
    turns: Turns,
}

/// Whom slots are first offered to, round after round of eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Turns {
    /// The place in the rounds: how many slots there were, but those that were put off.
    place: usize,
    /// How many checks that could not wait have taken the slot of this place.
    put_off: u8,
}

/// How many do: mostly a second try, one that answers the peer's, and the one that nominates then.
const MAX_PUT_OFF: u8 = 3;

/// What slots are for: the first is for servers where there is nobody to check yet.
const ROUND: [SlotFor; 8] = {
    use SlotFor::{Checks, Later, Servers};
    [Checks, Servers, Checks, Checks, Servers, Checks, Checks, Later]
};
/// Where a round begins for a peer that comes late, so that servers have had their turn.
const LATE: usize = 2;

/// Whom a slot is first offered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotFor {
    Checks,
    /// Servers that are reached over plain UDP, and whatever relays need that are there.
    Servers,
    /// The other servers.
    Later,
}

impl Pace {
    pub(crate) fn new(ta: Duration) -> Self {
        let millis = u64::try_from(ta.as_millis()).unwrap_or(u64::MAX);
        let proposed = Pacing::from_millis(millis).unwrap_or(Pacing::MAX);
        Self {
            proposed,
            ta: Pacing::agreed(Some(proposed), Some(proposed)),
            last: None,
            linked: None,
            kept: None,
            turns: Turns::default(),
        }
    }

    /// What is signalled to the peer.
    pub(crate) const fn proposed(&self) -> Pacing {
        self.proposed
    }

    /// The interval now.
    pub(crate) const fn ta(&self) -> Duration {
        self.ta
    }

    /// The peer has made a proposal, or none, for a stream: the larger interval holds, of the peer's up to 2 s, and the largest of all streams,
    /// which share one pace. A slot that is under way takes the new length.
    pub(crate) fn agree(&mut self, theirs: Option<Pacing>) -> Duration {
        self.ta = self.ta.max(Pacing::agreed(Some(self.proposed), theirs));
        self.ta
    }

    /// When the next transaction may start; `None`: at any time.
    pub(crate) fn next_slot(&self) -> Option<Instant> {
        // No such time is so far away that nobody will see it.
        self.last.and_then(|last| last.checked_add(self.ta))
    }

    /// When the next connection to a server may be begun; `None`: at any time.
    pub(crate) fn next_link(&self) -> Option<Instant> {
        self.linked.and_then(|linked| linked.checked_add(self.ta))
    }

    /// A connection was begun.
    pub(crate) fn linked(&mut self, now: Instant) {
        self.linked = Some(now);
    }

    /// Until when a slot is kept free for the connection that was begun last: for one interval at most, however many more
    /// are begun meanwhile.
    pub(crate) fn kept_until(&self) -> Option<Instant> {
        let end = self.kept.and_then(|kept| kept.checked_add(self.ta));
        self.next_link().map(|link| end.map_or(link, |end| end.min(link)))
    }

    /// A slot is kept free.
    pub(crate) fn keep(&mut self, now: Instant) {
        self.kept.get_or_insert(now);
    }

    pub(crate) fn may_start(&self, now: Instant) -> bool {
        self.next_slot().is_none_or(|slot| slot <= now)
    }

    /// Whom the next slot is first offered to. A check that cannot wait goes before servers, but not again and again.
    pub(crate) fn turn(&self, is_urgent: bool) -> SlotFor {
        if is_urgent && self.turns.put_off < MAX_PUT_OFF { SlotFor::Checks } else { self.turns.whose() }
    }

    /// A transaction started.
    pub(crate) fn started(&mut self, now: Instant, is_urgent: bool) {
        (self.last, self.kept) = (Some(now), None);
        self.turns.next(is_urgent);
    }

    /// A peer has become known. Where gathering had its slots before, those of now are for checks.
    pub(crate) fn meet(&mut self) {
        if self.turns.place > LATE {
            self.turns = Turns { place: LATE, put_off: 0 };
        }
    }
}

impl Turns {
    fn whose(self) -> SlotFor {
        ROUND.get(self.place % ROUND.len()).copied().unwrap_or(SlotFor::Checks)
    }

    fn next(&mut self, is_urgent: bool) {
        if is_urgent && self.put_off < MAX_PUT_OFF && self.whose() != SlotFor::Checks {
            self.put_off += 1;
        } else {
            *self = Self { place: self.place.wrapping_add(1), put_off: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_starts_at_once_and_each_further_one_ta_later() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let start = Instant::now();
        let at = |after| start + ms(after);
        let mut pace = Pace::new(ms(50));
        assert!(pace.may_start(at(7)) && pace.next_slot().is_none());
        pace.started(at(7), false);
        assert!(!pace.may_start(at(56)) && pace.may_start(at(57)));
        // A late one moves those behind it: two never come within Ta.
        pace.started(at(90), false);
        assert_eq!(pace.next_slot(), Some(at(140)));
        assert_eq!(pace.agree(Pacing::from_millis(70)), ms(70));
        assert_eq!(pace.next_slot(), Some(at(160)));
        let proposed = Pacing::from_millis(50).unwrap();
        let turns = Turns { place: 2, put_off: 0 };
        let expected = Pace { proposed, ta: ms(70), last: Some(at(90)), linked: None, kept: None, turns };
        assert_eq!(pace, expected);
    }

    #[test]
    fn no_pace_is_faster_than_5_ms() {
        assert_eq!(Pace::new(Duration::ZERO).ta(), ms(5));
        let mut pace = Pace::new(ms(1));
        assert_eq!(pace.agree(Pacing::from_millis(2)), ms(5));
        assert_eq!(pace.proposed().as_millis(), 1);
    }

    #[test]
    fn the_largest_proposal_of_all_streams_holds() {
        let mut pace = Pace::new(ms(20));
        // Before the peer has spoken nothing is sent; none of it counts as 50 ms once it has.
        assert_eq!(pace.ta(), ms(20));
        assert_eq!(pace.agree(Pacing::from_millis(10)), ms(20));
        assert_eq!(pace.agree(None), ms(50));
        assert_eq!(pace.agree(Pacing::from_millis(90)), ms(90));
        assert_eq!(pace.agree(Pacing::from_millis(20)), ms(90));
    }

    #[test]
    fn a_check_that_cannot_wait_puts_servers_off_by_three_slots() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let now = Instant::now();
        let mut pace = Pace::new(ms(50));
        let mut offered = |urgent: &[bool]| {
            let each = urgent.iter().map(|&urgent| {
                let turn = pace.turn(urgent);
                pace.started(now, urgent);
                turn
            });
            each.collect::<Vec<_>>()
        };
        use SlotFor::{Checks, Later, Servers};
        assert_eq!(offered(&[false; 8]), ROUND);
        // However many there are, servers get every fourth of the slots that were theirs.
        let mut all = [Checks; 17];
        (all[4], all[10], all[16]) = (Servers, Servers, Later);
        assert_eq!(offered(&[true; 17]), all);
        assert_eq!(offered(&[false; 5]), ROUND[..5]);
        pace.meet();
        assert_eq!((pace.turn(false), pace.turns.place), (Checks, LATE));
        // Also where gathering came round to the servers' place again.
        pace.turns = Turns { place: 9, put_off: 0 };
        assert_eq!(pace.turn(false), Servers);
        pace.meet();
        assert_eq!(pace.turn(false), Checks);
    }

    #[test]
    fn a_pace_that_nobody_lives_to_see_does_no_harm() {
        let mut pace = Pace::new(Duration::MAX);
        assert_eq!(pace.proposed(), Pacing::MAX);
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let now = Instant::now();
        pace.started(now, false);
        assert!(!pace.may_start(now + Duration::from_secs(86_400)));
    }
}
