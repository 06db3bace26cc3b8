//! Forming, pruning and thawing pairs (RFC 8445 6.1.2, RFC 8838 10 to 12).

use std::collections::BTreeSet;

use floe_check::{
    AddLocalError, AddRemoteError, AddedRemote, CheckConfig, ListState, PairState, RemoteParameters,
};
use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, LocalCandidate, PairId, PairPriority, Role, StreamId,
    TcpType, address::Unusable,
};
use proptest::prelude::*;

use crate::common::*;

/// How many pairs these two candidates make, in whichever order they come.
fn pairs_of(local: &Cand, remote: &Cand) -> usize {
    let counts = [true, false].map(|local_first| {
        let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
        bench.describe(S0);
        if local_first {
            bench.local(S0, local);
            bench.remote(S0, remote);
        } else {
            bench.remote(S0, remote);
            bench.local(S0, local);
        }
        bench.pairs().len()
    });
    assert_eq!(counts[0], counts[1], "whichever comes first");
    counts[0]
}

// proves: 8445-6.1.2.2-a, 8445-6.1.2.2-b
#[test]
fn pairs_join_one_component_family_and_transport_and_link_local_only_with_its_like() {
    use TcpType::{Active, Passive, SimultaneousOpen};
    let v4 = || Cand::host("10.0.0.1:1");
    let v6 = || Cand::host("[2001:db8::1]:1");
    let link = || Cand::host("[fe80::1]:1");
    let table = [
        ("both IPv4", v4(), Cand::host("10.0.0.2:2"), 1),
        ("both IPv6", v6(), Cand::host("[2001:db8::2]:2"), 1),
        ("IPv4 with IPv6", v4(), Cand::host("[2001:db8::2]:2"), 0),
        ("IPv6 with IPv4", v6(), Cand::host("10.0.0.2:2"), 0),
        ("IPv6 with link-local", v6(), Cand::host("[fe80::2]:2"), 0),
        ("link-local with IPv6", link(), Cand::host("[2001:db8::2]:2"), 0),
        ("both link-local", link(), Cand::host("[fe80::2]:2"), 1),
        ("IPv4 link-local is as any IPv4", v4(), Cand::host("169.254.0.2:2"), 1),
        ("loopback with loopback", Cand::host("127.0.0.1:1"), Cand::host("127.0.0.1:2"), 1),
        ("loopback with another", Cand::host("127.0.0.1:1"), Cand::host("10.0.0.2:2"), 0),
        ("another with loopback", v4(), Cand::host("127.0.0.1:2"), 0),
        ("components 1 and 2", v4(), Cand::host("10.0.0.2:2").rtcp(), 0),
        ("component 2 twice", v4().rtcp(), Cand::host("10.0.0.2:2").rtcp(), 1),
        ("a relayed local", Cand::relay("10.0.0.1:1"), Cand::host("10.0.0.2:2"), 1),
        ("a remote of any kind", v4(), Cand::srflx("10.0.0.2:2"), 1),
        ("UDP with TCP", v4(), Cand::host("10.0.0.2:2").tcp(Passive), 0),
        ("TCP with UDP", v4().tcp(Active), Cand::host("10.0.0.2:2"), 0),
        ("active with passive", v4().tcp(Active), Cand::host("10.0.0.2:2").tcp(Passive), 1),
        ("active with active", v4().tcp(Active), Cand::host("10.0.0.2:2").tcp(Active), 0),
        ("the passive side waits", v4().tcp(Passive), Cand::host("10.0.0.2:2").tcp(Active), 0),
        (
            "simultaneous open with its like",
            v4().tcp(SimultaneousOpen),
            Cand::host("10.0.0.2:2").tcp(SimultaneousOpen),
            1,
        ),
    ];
    for (case, local, remote, pairs) in table {
        assert_eq!(pairs_of(&local, &remote), pairs, "{case}");
    }
    // And of one stream.
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP]), (S1, &[RTP])]);
    bench.local(S0, &v4());
    bench.describe(S0);
    bench.describe(S1);
    bench.remote(S1, &Cand::host("10.0.0.2:2"));
    assert_eq!(bench.pairs().len(), 0);
}

// proves: 8445-6.1.2.2-c
#[test]
fn components_the_peer_lacks_are_given_up_and_the_rest_completes() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    let second = bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    let remote = RemoteParameters { credentials: peer(), components: Some(1) };
    bench.set.set_remote(bench.now, S0, remote).unwrap();
    assert_eq!(bench.set.components(S0).collect::<Vec<_>>(), [RTP]);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    assert_eq!(
        bench.try_remote(S0, &Cand::host("10.0.0.2:2001").rtcp()),
        Err(AddRemoteError::UnknownComponent(S0, 2))
    );
    let pair = bench.only_pair();
    // The peer checks the component all the same: answered, and nothing follows.
    bench.checked_from(second, "10.0.0.2:2001");
    assert_eq!(bench.only_pair(), pair);

    bench.succeed_next();
    bench.nominate(pair);
    bench.succeed_next();
    bench.retire(pair);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Completed));
}

#[test]
fn early_checks_on_a_component_the_peer_turns_out_to_lack_are_forgotten() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    let second = bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    bench.checked_from(second, "10.0.0.2:2001");
    let remote = RemoteParameters { credentials: peer(), components: Some(1) };
    bench.set.set_remote(bench.now, S0, remote).unwrap();
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (0, false));
}

#[test]
fn a_description_without_a_common_component_is_refused() {
    let mut bench = Bench::new(Role::Controlling);
    let remote = RemoteParameters { credentials: peer(), components: Some(0) };
    assert!(bench.set.set_remote(bench.now, S0, remote).is_err());
    assert_eq!(bench.set.components(S0).collect::<Vec<_>>(), [RTP]);
    bench.describe(S0);
}

proptest! {
    // proves: 8445-6.1.2.3-b
    #[test]
    fn checks_go_out_by_falling_pair_priority(
        locals in prop::collection::btree_set(0..u16::MAX, 1..6),
        remotes in prop::collection::btree_set(0..u16::MAX, 1..6),
        controlling in any::<bool>(),
    ) {
        let role = if controlling { Role::Controlling } else { Role::Controlled };
        let mut bench = Bench::new(role);
        for (n, preference) in locals.iter().enumerate() {
            bench.local(S0, &Cand::host(&format!("10.0.0.{n}:1000")).preference(*preference));
        }
        // Half of the peer's candidates come before its description, half trickle in after.
        let (before, after): (Vec<_>, Vec<_>) =
            remotes.iter().enumerate().partition(|(n, _)| n % 2 == 0);
        for (n, preference) in before {
            bench.remote(S0, &Cand::host(&format!("10.1.0.{n}:1000")).preference(*preference));
        }
        bench.describe(S0);
        for (n, preference) in after {
            bench.remote(S0, &Cand::host(&format!("10.1.0.{n}:1000")).preference(*preference));
        }
        let expected = priorities(&bench);
        let sent: Vec<_> = bench.all_next().iter().map(|seen| priority_of(&bench, seen)).collect();
        prop_assert_eq!(sent, expected);
    }
}

/// The priorities of all pairs, falling.
pub(crate) fn priorities(bench: &Bench) -> Vec<PairPriority> {
    let mut all: Vec<_> = bench.pairs().iter().map(|pair| pair.priority).collect();
    all.sort_by(|a, b| b.cmp(a));
    all
}

fn priority_of(bench: &Bench, check: &Seen) -> PairPriority {
    let of_check = |pair: PairId| {
        bench.set.route(pair).is_some_and(|route| (route.base, route.to) == (check.base, check.to))
    };
    bench.pairs().iter().find(|pair| of_check(pair.id)).expect("the pair of a check").priority
}

// proves: 8445-6.1.2.4-a, 8445-6.1.2.4-b
#[test]
fn a_reflexive_local_candidate_is_its_base_and_makes_no_pair_of_its_own() {
    for reflexive_first in [false, true] {
        let mut bench = Bench::new(Role::Controlling);
        let base = bench.local(S0, &Cand::host("10.0.0.1:1000"));
        if reflexive_first {
            bench.reflexive(S0, &Cand::srflx("203.0.113.1:4000"), base, "10.0.0.1:1000");
        }
        bench.describe(S0);
        bench.remote(S0, &Cand::host("10.0.0.2:2000"));
        if !reflexive_first {
            bench.reflexive(S0, &Cand::srflx("203.0.113.1:4000"), base, "10.0.0.1:1000");
        }
        let view = bench.view(bench.only_pair());
        assert_eq!(view.local.kind(), CandidateKind::Host);
        let host = Cand::host("10.0.0.1:1000").priority();
        assert_eq!(view.priority, PairPriority::new(host, Cand::host("10.0.0.2:2000").priority()));
    }
}

#[test]
fn a_remote_candidate_named_twice_makes_one_pair_of_the_higher_priority() {
    let low = || Cand::srflx("10.0.0.2:2000");
    let high = || Cand::host("10.0.0.2:2000");
    for (first, second) in [(low(), high()), (high(), low())] {
        let mut bench = Bench::ready(Role::Controlling);
        assert_eq!(bench.remote(S0, &first), AddedRemote::New);
        let pair = bench.only_pair();
        assert_eq!(bench.remote(S0, &second), AddedRemote::Duplicate);
        assert_eq!(bench.only_pair(), pair, "the pair keeps its id");
        let host = Cand::host("10.0.0.1:1000").priority();
        assert_eq!(bench.view(pair).priority, PairPriority::new(host, high().priority()));
    }
    // Once it is checked, a second naming changes nothing.
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &low());
    bench.next();
    let before = bench.pairs()[0].priority;
    assert_eq!(bench.remote(S0, &high()), AddedRemote::Duplicate);
    assert_eq!(bench.pairs()[0].priority, before);
}

#[test]
fn a_local_candidate_given_twice_is_one() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    bench.drain();
    let again = LocalCandidate {
        candidate: Cand::host("10.0.0.1:1000").build(),
        base: BaseId(0),
        base_address: addr("10.0.0.1:1000"),
    };
    bench.set.add_local(bench.now, S0, again).unwrap();
    assert_eq!((bench.pairs().len(), bench.events()), (1, vec![]));
}

/// A set whose cells (stream, component, foundation) are pairs: one local candidate for each component.
struct Grid {
    bench: Bench,
    rows: Vec<(StreamId, ComponentId)>,
}

impl Grid {
    fn new(rows: &[(StreamId, ComponentId)]) -> Self {
        let streams: BTreeSet<_> = rows.iter().map(|(stream, _)| *stream).collect();
        let mut bench = Bench::with(CheckConfig::default(), &[]);
        for stream in streams {
            let components: Vec<_> = rows.iter().filter(|row| row.0 == stream).map(|row| row.1).collect();
            bench.set.add_stream(stream, &components, own());
        }
        for (n, (stream, component)) in rows.iter().enumerate() {
            let local = Cand::host(&format!("10.0.0.1:{}", 1000 + n)).component(*component).foundation("L");
            bench.local(*stream, &local);
        }
        Self { bench, rows: rows.to_vec() }
    }

    /// The address of the remote candidate in a row and column, both counted from 1.
    fn remote(row: usize, column: usize) -> String {
        format!("10.{row}.{column}.1:2000")
    }

    fn add(&mut self, row: usize, column: usize) {
        let (stream, component) = self.rows[row - 1];
        let preference = u16::try_from(60_000 - 100 * column).unwrap();
        let remote = Cand::host(&Self::remote(row, column))
            .component(component)
            .preference(preference)
            .foundation(&format!("f{column}"));
        self.bench.remote(stream, &remote);
    }

    fn describe(&mut self) {
        let streams: BTreeSet<_> = self.rows.iter().map(|(stream, _)| *stream).collect();
        streams.into_iter().for_each(|stream| self.bench.describe(stream));
    }

    /// The peer checks a pair, and our triggered check of it, once its list has its turn, succeeds.
    fn succeed(&mut self, row: usize, column: usize) {
        let base = BaseId(u32::try_from(row - 1).unwrap());
        self.bench.checked_from(base, &Self::remote(row, column));
        let to = addr(&Self::remote(row, column));
        let check = (0..2).map(|_| self.bench.next()).find(|check| check.to == to).unwrap();
        let mapped = format!("10.0.0.1:{}", 999 + row);
        let _ = self.bench.answer(&check, &mapped);
    }

    /// The table as the RFCs draw it, row by row.
    fn show(&self, columns: usize) -> Vec<String> {
        // A waiting pair whose turn has come counts as waiting still: the RFC's tables know no time.
        let cell = |row, column| {
            let remote = Some(addr(&Self::remote(row, column)));
            let pair = self.bench.pairs().into_iter().find(|pair| pair.remote.socket_addr() == remote);
            match pair.map(|pair| pair.state) {
                None => '.',
                Some(PairState::Frozen) => 'F',
                Some(PairState::Waiting | PairState::InProgress) => 'W',
                Some(PairState::Succeeded) => 'S',
                Some(PairState::Failed) => 'X',
            }
        };
        (1..=self.rows.len()).map(|row| (1..=columns).map(|column| cell(row, column)).collect()).collect()
    }
}

// proves: 8445-6.1.2.6-a, 8445-6.1.2.6-b
#[test]
fn the_example_of_three_lists_and_five_foundations_begins_as_the_rfc_says() {
    let mut grid = Grid::new(&[(S0, RTP), (S1, RTP), (S2, RTP)]);
    for (row, column) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 5)] {
        grid.add(row, column);
    }
    grid.describe();
    assert_eq!(grid.show(5), ["WWW..", "FFFW.", "F...W"]);
    for stream in [S0, S1, S2] {
        assert_eq!(grid.bench.set.list_state(stream), Some(ListState::Running));
    }
}

#[test]
fn within_a_foundation_the_lowest_component_begins_and_then_the_highest_priority() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000").foundation("L"));
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp().foundation("L"));
    let remote = |port: u16, preference| {
        Cand::host(&format!("10.0.0.2:{port}")).preference(preference).foundation("f")
    };
    // The other component has the better pair, and comes first.
    bench.remote(S0, &remote(2003, 60_000).rtcp());
    bench.remote(S0, &remote(2001, 10));
    bench.remote(S0, &remote(2002, 20));
    bench.describe(S0);
    let state = |port| bench.pairs().iter().find(|p| p.remote.address().port() == port).unwrap().state;
    assert_eq!([2001, 2002, 2003].map(state), [PairState::Frozen, PairState::Waiting, PairState::Frozen]);
}

// proves: 8838-12-a
#[test]
fn trickled_pairs_begin_as_the_tables_of_rfc_8838_say() {
    let mut grid = Grid::new(&[(S0, RTP), (S0, RTCP), (S1, RTP), (S1, RTCP)]);
    for (row, column) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (4, 1)] {
        grid.add(row, column);
    }
    grid.describe();
    assert_eq!(grid.show(5), ["WWW..", "FFFW.", "F....", "F...."], "table 2");
    grid.succeed(1, 1);
    assert_eq!(grid.show(5), ["SWW..", "WFFW.", "W....", "W...."], "table 3");
    grid.add(1, 5);
    assert_eq!(grid.show(5), ["SWW.W", "WFFW.", "W....", "W...."], "table 4");
    grid.succeed(1, 5);
    grid.add(2, 5);
    assert_eq!(grid.show(5), ["SWW.S", "WFFWW", "W....", "W...."], "table 5");
    grid.add(3, 3);
    assert_eq!(grid.show(5), ["SWW.S", "WFFWW", "W.F..", "W...."], "table 6");
}

// proves: 8838-10-b
#[test]
fn a_late_reflexive_candidate_disturbs_no_pair_whatever_its_state() {
    let mut bench = Bench::ready(Role::Controlling);
    for n in 1..=4_u16 {
        bench.remote(S0, &Cand::host(&format!("10.0.0.2:{n}")).preference(100 - n).foundation("f"));
    }
    let failed = bench.next();
    let _ = bench.refuse(&failed, 400);
    let succeeded = bench.next();
    let _ = bench.answer(&succeeded, "10.0.0.1:1000");
    bench.next();
    let states =
        |bench: &Bench| bench.pairs().iter().map(|p| (p.id, p.state, p.priority)).collect::<Vec<_>>();
    let before = states(&bench);
    assert_eq!(
        before.iter().map(|(_, state, _)| *state).collect::<Vec<_>>(),
        [PairState::Failed, PairState::Succeeded, PairState::InProgress, PairState::Waiting]
    );
    bench.reflexive(S0, &Cand::srflx("203.0.113.1:4000"), BaseId(0), "10.0.0.1:1000");
    assert_eq!(states(&bench), before);
}

#[test]
fn candidates_wait_for_the_description_and_are_paired_then() {
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (0, false));
    bench.describe(S0);
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (1, true));
    // The same description again changes nothing, another is refused.
    bench.drain();
    bench.describe(S0);
    assert_eq!(bench.events(), []);
    let other = RemoteParameters { credentials: own(), components: None };
    assert!(bench.set.set_remote(bench.now, S0, other).is_err());
}

#[test]
fn a_concluded_component_takes_no_more_pairs() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.nominate(pair);
    bench.succeed_next();
    bench.retire(pair);
    assert_eq!(bench.remote(S0, &Cand::host("10.0.0.3:3000")), AddedRemote::New);
    bench.local(S0, &Cand::host("10.0.0.4:1000"));
    assert_eq!((bench.only_pair(), bench.set.has_next()), (pair, false));
}

#[test]
fn a_candidate_that_cannot_be_used_is_refused_with_its_reason_and_changes_nothing() {
    let mut bench = Bench::ready(Role::Controlling);
    let unusable = [
        ("10.0.0.2:0", Unusable::PortZero),
        ("0.0.0.0:2000", Unusable::Unspecified),
        ("[::]:2000", Unusable::Unspecified),
        ("224.0.0.1:2000", Unusable::Multicast),
        ("[ff02::1]:2000", Unusable::Multicast),
        ("255.255.255.255:2000", Unusable::Broadcast),
    ];
    for (address, why) in unusable {
        assert_eq!(
            bench.try_remote(S0, &Cand::host(address)),
            Err(AddRemoteError::Unusable(why)),
            "{address}"
        );
    }
    let host = Cand::host("10.0.0.2:2000");
    assert_eq!(bench.try_remote(S1, &host), Err(AddRemoteError::UnknownStream(S1)));
    assert_eq!(bench.try_remote(S0, &host.clone().rtcp()), Err(AddRemoteError::UnknownComponent(S0, 2)));
    let mdns: Candidate =
        "candidate:1 1 udp 2130706431 8b1b6e6a-3a4c-4b52-9a6e-5d3a0f6f3d11.local 2000 typ host"
            .parse()
            .unwrap();
    assert_eq!(bench.set.add_remote(bench.now, S0, mdns.clone()), Err(AddRemoteError::NoAddress));

    let now = bench.now;
    let mut local = |stream, candidate: Candidate, base: u32| {
        let local = LocalCandidate { candidate, base: BaseId(base), base_address: addr("10.0.0.9:9") };
        bench.set.add_local(now, stream, local)
    };
    assert_eq!(local(S1, host.build(), 9), Err(AddLocalError::UnknownStream(S1)));
    assert_eq!(local(S0, host.clone().rtcp().build(), 9), Err(AddLocalError::UnknownComponent(S0, 2)));
    assert_eq!(local(S0, mdns, 9), Err(AddLocalError::NoAddress));
    assert_eq!(local(S0, Cand::srflx("192.0.2.1:1").build(), 9), Err(AddLocalError::UnknownBase));
    assert_eq!(local(S0, host.build(), 0), Err(AddLocalError::BaseTaken), "another candidate's base");
    assert_eq!((bench.pairs().len(), bench.events()), (0, vec![]));
}

#[test]
fn a_reflexive_candidate_belongs_to_the_component_of_its_base() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    let local = LocalCandidate {
        candidate: Cand::srflx("192.0.2.1:1").rtcp().build(),
        base: BaseId(0),
        base_address: addr("10.0.0.1:1000"),
    };
    assert_eq!(bench.set.add_local(bench.now, S0, local), Err(AddLocalError::UnknownBase));
}

// proves: 8838-14-a
#[test]
fn after_the_peers_end_of_candidates_its_candidates_are_ignored_and_failure_may_follow() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.end(S0);
    bench.drain();
    assert_eq!(bench.try_remote(S0, &Cand::host("10.0.0.2:2000")), Err(AddRemoteError::Ended));
    assert_eq!((bench.pairs().len(), bench.events()), (0, vec![]));
    let local = LocalCandidate {
        candidate: Cand::host("10.0.0.9:9").build(),
        base: BaseId(9),
        base_address: addr("10.0.0.9:9"),
    };
    assert_eq!(bench.set.add_local(bench.now, S0, local), Err(AddLocalError::Ended));
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.at(39_500);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
}
