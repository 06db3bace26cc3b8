//! Whatever is done to a check set, in whatever order: it does not panic, and some things always hold.

use std::collections::{BTreeMap, BTreeSet};

use floe_check::{CheckConfig, Command, Event, Outcome, PairState, PairView, RemoteParameters};
use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, LocalCandidate, PairId, Role, StreamId, TcpType, address,
};
use floe_stun::{
    Class,
    attribute::{AttributeType, Nomination, UseCandidate, Username},
};
use proptest::prelude::*;

use crate::common::*;

const MAX_PAIRS: usize = 6;
const MAX_REMOTES: usize = 5;
const MAX_LEARNT: usize = 3;

/// A set under test, with what was seen of it so far.
struct Trial {
    bench: Bench,
    checks: Vec<Seen>,
    started: BTreeSet<[u8; 12]>,
    states: BTreeMap<PairId, PairState>,
    resend: Option<Draft>,
    /// Whether a second nomination was agreed on.
    agreed: bool,
}

/// One step: what, and numbers that say how.
type Op = (u8, u8, u8, u8);

/// Whether a pair seldom leads anywhere: nobody waits for it.
fn is_long_shot(pair: &PairView) -> bool {
    let ip = |candidate: &Candidate| candidate.socket_addr().unwrap().ip();
    let (local, remote) = (ip(&pair.local), ip(&pair.remote));
    let from_public_relay = pair.local.kind() == CandidateKind::Relayed && !address::is_private(local);
    address::is_link_local(remote) || (from_public_relay && address::is_private(remote))
}

impl Trial {
    fn new(role: Role, aggressive: bool, agreed: bool) -> Self {
        let config = CheckConfig::default()
            .role(role)
            .aggressive(aggressive)
            .max_pairs(MAX_PAIRS)
            .max_remote_candidates(MAX_REMOTES)
            .max_peer_reflexive(MAX_LEARNT)
            .patience(ms(5000))
            // What is kept warm never comes to rest.
            .max_warm(0);
        let mut bench = Bench::with(config, &[(S0, &[RTP, RTCP]), (S1, &[RTP])]);
        for stream in [S0, S1] {
            bench.set.set_renomination(stream, agreed);
        }
        let mut trial = Self {
            bench,
            checks: Vec::new(),
            started: BTreeSet::new(),
            states: BTreeMap::new(),
            resend: None,
            agreed,
        };
        // Something to begin with; more may come or not.
        trial.add_local(0, 0, 0);
        trial.add_local(1, 1, 1);
        trial
    }

    fn stream(n: u8) -> StreamId {
        StreamId(u32::from(n % 2))
    }

    fn component(n: u8) -> ComponentId {
        if n.is_multiple_of(3) { RTCP } else { RTP }
    }

    /// One of few addresses, so that they meet.
    fn address(n: u8) -> String {
        match n % 8 {
            0 => "[2001:db8::2]:2000".to_owned(),
            1 => "127.0.0.1:2000".to_owned(),
            n => format!("10.0.0.{}:{}", 2 + n % 2, 2000 + u16::from(n)),
        }
    }

    fn candidate(kind: u8, address: &str, preference: u8) -> Cand {
        let kind = match kind % 4 {
            0 | 1 => CandidateKind::Host,
            2 => CandidateKind::ServerReflexive,
            _ => CandidateKind::Relayed,
        };
        let foundation = format!("f{}", preference % 3);
        let candidate = Cand::new(kind, address).preference(u16::from(preference)).foundation(&foundation);
        if preference % 16 == 15 { candidate.tcp(TcpType::Active) } else { candidate }
    }

    fn step(&mut self, (what, a, b, c): Op) {
        let now = self.bench.now;
        match what % 16 {
            0 => self.add_local(a, b, c),
            1 | 2 => {
                let remote = Self::candidate(a, &Self::address(b), c).component(Self::component(a));
                let _ = self.bench.try_remote(Self::stream(b), &remote);
            }
            3 => {
                let components = (c % 4 == 0).then_some(u16::from(a % 3));
                let remote = RemoteParameters { credentials: peer(), components };
                let _ = self.bench.set.set_remote(now, Self::stream(a), remote);
            }
            4 => match c % 8 {
                0 => self.bench.set.end_of_local(now, Self::stream(a)),
                1 => self.bench.set.end_of_remote(now, Self::stream(a)),
                2 => self.bench.set.close_base(now, BaseId(u32::from(a % 6))),
                3 => self.bench.set.set_ta(ms(u64::from(a))),
                _ => {}
            },
            5..=7 => self.start(),
            8..=10 => self.answer(a, b, c),
            11..=13 => self.request(a, b, c),
            14 => self.command(a, b),
            _ => self.wait(u64::from(a) * u64::from(b) * u64::from(c % 4)),
        }
    }

    fn add_local(&mut self, a: u8, b: u8, c: u8) {
        let address = format!("10.0.1.{}:{}", a % 4, 1000 + u16::from(b % 4));
        let address = if c % 8 == 7 { "[2001:db8::1]:1000".to_owned() } else { address };
        let local = LocalCandidate {
            candidate: Self::candidate(a, &address, c).component(Self::component(b)).build(),
            base: BaseId(u32::from(a % 6)),
            base_address: addr(&address),
        };
        let _ = self.bench.set.add_local(self.bench.now, Self::stream(b), local);
    }

    fn start(&mut self) {
        let role = self.bench.set.role();
        if let Some(check) = self.bench.try_next() {
            assert_eq!(check.claim.map(|claim| claim.0), Some(role));
            assert!(
                !check.use_candidate || role == Role::Controlling,
                "a controlled agent nominates nothing"
            );
            assert!(self.started.insert(*check.id.as_bytes()), "a new transaction");
            self.checks.push(check);
        }
    }

    fn answer(&mut self, a: u8, b: u8, c: u8) {
        let Some(check) = self.checks.get(usize::from(a) % self.checks.len().max(1)).cloned() else { return };
        let mapped = Self::address(b);
        let good = success(check.id, &mapped);
        let (base, to) = (check.base, check.to);
        let _ = match c % 12 {
            0 => self.bench.take(base, "10.9.9.9:9", &good.write()),
            1 => self.bench.take_from(BaseId(u32::from(b % 6)), to, &good.write()),
            2 => self.bench.refuse(&check, 400),
            3 | 4 => self.bench.refuse(&check, 487),
            5 => self.bench.take_from(base, to, &good.without(AttributeType::XOR_MAPPED_ADDRESS).write()),
            6 => {
                let before = self.bench.set.snapshot();
                let _ = self.bench.take_from(base, to, &good.clone().unsigned().write());
                let outcome = self.bench.take_from(base, to, &good.signed(OWN_PWD).write());
                assert!(self.bench.set.snapshot() == before, "a forged answer changes nothing");
                outcome
            }
            _ => self.bench.answer(&check, &mapped),
        };
    }

    fn request(&mut self, a: u8, b: u8, c: u8) {
        let base = BaseId(u32::from(a % 6));
        let claim = if c & 1 == 0 { Role::Controlling } else { Role::Controlled };
        let tie_breaker = [0, u64::MAX, 1 << 63][usize::from(c) % 3];
        let mut check = request(u64::from(a) * 7919 + u64::from(c), claim, tie_breaker);
        if c & 2 != 0 {
            check = check.with(&UseCandidate);
        }
        if c & 4 != 0 {
            check = check.with(&Nomination::new(u32::from(b)));
        }
        let before = (c % 16 == 15).then(|| self.bench.set.snapshot());
        match c % 16 {
            13 => check = check.instead(&Username::new("ownufrag:another")),
            14 => check = self.resend.clone().unwrap_or(check),
            15 => check = check.signed(PEER_PWD),
            _ => self.resend = Some(check.clone()),
        }
        let outcome = self.bench.take(base, &Self::address(b), &check.write());
        if let Some(before) = before {
            assert!(matches!(outcome, Outcome::Dropped(_)));
            assert!(self.bench.set.snapshot() == before, "a forged check changes nothing");
        }
    }

    fn command(&mut self, a: u8, b: u8) {
        let pairs = self.bench.pairs();
        let Some(pair) = pairs.get(usize::from(a) % pairs.len().max(1)) else { return };
        let (stream, component) = (pair.stream, pair.component);
        if b.is_multiple_of(2) {
            self.bench.apply(Command::Nominate(pair.id));
        } else {
            let nominated = self.bench.set.valid(stream, component).into_iter().find(|pair| pair.nominated);
            let keep = nominated.map_or(pair.id, |nominated| nominated.id);
            self.bench.apply(Command::Retire { stream, component, keep });
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        let until = self.bench.millis() + milliseconds;
        let resent = self.bench.at(until);
        assert!(resent.iter().all(|(_, seen)| self.started.contains(seen.id.as_bytes())));
        assert!(self.bench.set.poll_timeout().is_none_or(|due| due > self.bench.now), "it is not due again");
    }

    /// What has to hold after every step.
    fn check(&mut self) {
        for seen in self.bench.sent() {
            let known = self.started.contains(seen.id.as_bytes());
            assert!(seen.class != Class::Request || known, "new transactions come from start_next only");
        }
        self.check_events();
        let pairs = self.bench.pairs();
        self.check_states(&pairs);
        check_caps(&pairs);
        for (stream, component) in [(S0, RTP), (S0, RTCP), (S1, RTP)] {
            self.check_component(stream, component, &pairs);
        }
        let components = |stream| self.bench.set.components(stream).collect::<BTreeSet<_>>();
        assert!(pairs.iter().all(|pair| components(pair.stream).contains(&pair.component)));
    }

    fn check_events(&mut self) {
        for event in self.bench.events() {
            if let Event::Validated { pair, checked, .. } = event {
                // It may have failed within the same step, but both are there.
                assert!(
                    self.bench.set.describe(pair).is_some() && self.bench.set.describe(checked).is_some()
                );
            }
        }
    }

    fn check_states(&mut self, pairs: &[PairView]) {
        let newest = self.states.keys().next_back().copied();
        for pair in pairs {
            match self.states.insert(pair.id, pair.state) {
                None => assert!(newest.is_none_or(|newest| pair.id > newest), "ids only grow"),
                Some(PairState::Succeeded) => {
                    assert!(matches!(pair.state, PairState::Succeeded | PairState::Failed), "{pair:?}");
                }
                Some(before) => assert!(
                    before == pair.state || pair.state != PairState::Frozen,
                    "nothing freezes again: {pair:?}"
                ),
            }
        }
    }

    fn check_component(&self, stream: StreamId, component: ComponentId, pairs: &[PairView]) {
        let here = || pairs.iter().filter(|pair| (pair.stream, pair.component) == (stream, component));
        let valid = self.bench.set.valid(stream, component);
        assert!(valid.is_sorted_by(|a, b| a.priority >= b.priority));
        let expected: BTreeSet<_> = here().filter(|p| p.valid && !p.retired).map(|p| p.id).collect();
        assert_eq!(valid.iter().map(|pair| pair.id).collect::<BTreeSet<_>>(), expected);
        assert!(here().filter(|pair| pair.valid).all(|pair| pair.state == PairState::Succeeded));
        assert!(here().all(|pair| pair.valid || !pair.nominated));
        assert!(!self.agreed || here().filter(|pair| pair.nominated).count() <= 1, "the last one counts");

        let outlook = self.bench.set.outlook(self.bench.now, stream, component);
        assert!(outlook.contenders.is_sorted_by(|a, b| a.priority >= b.priority));
        let open = |pair: &&PairView| {
            !pair.retired && !matches!(pair.state, PairState::Succeeded | PairState::Failed)
        };
        let waited_for = here().filter(open).filter(|pair| !is_long_shot(pair));
        let expected: BTreeSet<_> = waited_for.map(|pair| pair.id).collect();
        let contenders: BTreeSet<_> = outlook.contenders.iter().map(|c| c.pair).collect();
        assert_eq!(contenders.len(), outlook.contenders.len());
        // Before the peer's description there are no pairs; of a failed list none is open.
        assert_eq!(contenders, expected);
    }

    /// Left alone it comes to rest: everything was checked, and nothing is waited for.
    fn rest(&mut self) {
        for _ in 0..10_000 {
            self.start();
            self.check();
            if !self.bench.set.has_next() {
                break;
            }
        }
        self.wait(20 * 60 * 1000);
        self.check();
        for _ in 0..100 {
            self.start();
            self.wait(20 * 60 * 1000);
        }
        assert!(!self.bench.set.has_next(), "{:?}", self.bench.pairs());
        assert_eq!(self.bench.set.poll_timeout(), None);
        let done =
            |pair: &PairView| pair.retired || matches!(pair.state, PairState::Succeeded | PairState::Failed);
        assert!(self.bench.pairs().iter().all(done), "{:?}", self.bench.pairs());
    }
}

fn check_caps(pairs: &[PairView]) {
    let base = |pair: &&PairView| {
        matches!(pair.local.kind(), CandidateKind::Host | CandidateKind::Relayed) && !pair.retired
    };
    assert!(pairs.iter().filter(base).count() <= MAX_PAIRS, "{pairs:?}");
    for stream in [S0, S1] {
        let of = |pair: &&PairView| pair.stream == stream;
        let addresses = |learnt: bool| {
            let remotes = pairs.iter().filter(of).map(|pair| &pair.remote);
            let kind = |kind| (kind == CandidateKind::PeerReflexive) == learnt;
            let remotes = remotes.filter(|remote| kind(remote.kind()));
            remotes.map(|r| (r.component(), r.transport(), r.socket_addr())).collect::<BTreeSet<_>>().len()
        };
        assert!(addresses(true) <= MAX_LEARNT && addresses(false) <= MAX_REMOTES);
        let locals = pairs.iter().filter(of).map(|pair| &pair.local);
        let learnt = locals.filter(|local| local.kind() == CandidateKind::PeerReflexive);
        let learnt: BTreeSet<_> = learnt.map(|l| (l.component(), l.socket_addr())).collect();
        assert!(learnt.len() <= MAX_LEARNT);
    }
}

fn run(role: Role, (aggressive, agreed): (bool, bool), ops: &[Op]) {
    let mut trial = Trial::new(role, aggressive, agreed);
    for op in ops {
        trial.step(*op);
        trial.check();
    }
    trial.rest();
}

#[test]
fn a_retired_pair_does_not_nominate_the_failed_one_whose_check_made_it_valid() {
    let ops: [Op; 14] = [
        (171, 138, 0, 37),
        (67, 56, 0, 0),
        (213, 0, 0, 0),
        (72, 0, 75, 7),
        (78, 0, 2, 0),
        (5, 0, 0, 0),
        (59, 1, 0, 0),
        (184, 35, 4, 163),
        (190, 0, 49, 0),
        (238, 0, 162, 0),
        (5, 0, 0, 0),
        (175, 121, 109, 3),
        (254, 31, 14, 0),
        (0, 0, 0, 0),
    ];
    run(Role::Controlling, (false, false), &ops);
}

#[test]
fn an_early_check_is_forgotten_with_the_base_that_it_came_on() {
    let ops = [(0, 0, 0, 0), (91, 7, 0, 2), (84, 91, 0, 242), (0, 61, 152, 0), (51, 101, 0, 0)];
    run(Role::Controlled, (false, false), &ops);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_that_is_done_to_a_set_breaks_it(
        controlling in any::<bool>(),
        ways in any::<(bool, bool)>(),
        ops in prop::collection::vec(any::<Op>(), 1..120),
    ) {
        run(if controlling { Role::Controlling } else { Role::Controlled }, ways, &ops);
    }

    /// The same with both descriptions there from the start, so that more of the steps find something to do.
    #[test]
    fn nothing_that_is_done_to_a_running_set_breaks_it(
        controlling in any::<bool>(),
        ways in any::<(bool, bool)>(),
        ops in prop::collection::vec(any::<Op>(), 1..120),
    ) {
        let begin: [Op; 4] = [(3, 0, 0, 1), (3, 1, 0, 1), (1, 1, 2, 9), (1, 1, 3, 10)];
        let ops: Vec<_> = begin.into_iter().chain(ops).collect();
        run(if controlling { Role::Controlling } else { Role::Controlled }, ways, &ops);
    }
}
