//! A check set in virtual time, and the scripted peer that it talks to.

mod message;
mod wire;

use std::{
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use floe_check::{
    AddRemoteError, AddedRemote, CheckConfig, CheckSet, Command, Event, FailReason, Outcome, PairState,
    PairView, RemoteParameters,
};
use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Credentials, Foundation, LocalCandidate, PairId, Priority,
    Received, Role, StreamId, TcpType, Transport, TypePreference, ValidPair,
};
use floe_stun::{
    Class, TransactionId,
    attribute::{self, ErrorCode, IceControlled, IceControlling, UseCandidate, Username, XorMappedAddress},
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

pub use message::{Draft, Seen, id, resealed};
pub use wire::Duo;

pub const S0: StreamId = StreamId(0);
pub const S1: StreamId = StreamId(1);
pub const S2: StreamId = StreamId(2);
pub const RTP: ComponentId = ComponentId::RTP;
pub const RTCP: ComponentId = ComponentId::RTCP;

/// The base of the first local candidate.
pub const BASE: BaseId = BaseId(0);
/// The peer's candidate where it has only one.
pub const PEER: &str = "10.0.0.2:2000";

pub const OWN_UFRAG: &str = "ownufrag";
pub const OWN_PWD: &str = "the+password+of+this+agent";
pub const PEER_UFRAG: &str = "peerufrag";
pub const PEER_PWD: &str = "the+password+of+the+peer++";

#[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When virtual time begins.
pub fn epoch() -> Instant {
    *EPOCH
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn own() -> Credentials {
    Credentials::new(OWN_UFRAG, OWN_PWD).unwrap()
}

pub fn peer() -> Credentials {
    Credentials::new(PEER_UFRAG, PEER_PWD).unwrap()
}

pub fn peer_parameters() -> RemoteParameters {
    RemoteParameters { credentials: peer(), components: None }
}

/// A candidate in the making.
#[derive(Debug, Clone)]
pub struct Cand {
    kind: CandidateKind,
    transport: Transport,
    address: SocketAddr,
    component: ComponentId,
    preference: u16,
    foundation: String,
    priority: Option<u32>,
}

impl Cand {
    pub fn new(kind: CandidateKind, address: &str) -> Self {
        let address = addr(address);
        Self {
            kind,
            transport: Transport::Udp,
            address,
            component: RTP,
            preference: 65_535,
            // As RFC 8445 5.1.1.3 has it: by kind and address.
            foundation: format!("{}{}", kind.as_str(), foundation_text(address)),
            priority: None,
        }
    }

    pub fn host(address: &str) -> Self {
        Self::new(CandidateKind::Host, address)
    }

    pub fn srflx(address: &str) -> Self {
        Self::new(CandidateKind::ServerReflexive, address)
    }

    pub fn relay(address: &str) -> Self {
        Self::new(CandidateKind::Relayed, address)
    }

    pub fn tcp(mut self, kind: TcpType) -> Self {
        self.transport = Transport::Tcp(kind);
        self
    }

    pub fn rtcp(self) -> Self {
        self.component(RTCP)
    }

    pub fn component(mut self, component: ComponentId) -> Self {
        self.component = component;
        self
    }

    pub fn preference(mut self, preference: u16) -> Self {
        self.preference = preference;
        self
    }

    pub fn foundation(mut self, foundation: &str) -> Self {
        self.foundation = foundation.to_owned();
        self
    }

    /// This priority, whatever the formula says.
    pub fn with_priority(mut self, priority: u32) -> Self {
        self.priority = Some(priority);
        self
    }

    pub fn priority(&self) -> Priority {
        if let Some(priority) = self.priority {
            return Priority::from_raw(priority).unwrap();
        }
        Priority::new(TypePreference::from(self.kind), self.preference, self.component)
    }

    pub fn build(&self) -> Candidate {
        let builder = Candidate::builder(self.kind, self.transport, self.address)
            .component(self.component)
            .priority(self.priority())
            .foundation(Foundation::new(&self.foundation).unwrap());
        let builder = match self.kind {
            CandidateKind::Host => builder,
            _ => builder.related(addr("192.0.2.254:9")),
        };
        builder.build().unwrap()
    }
}

/// The peer's candidate 10.0.0.2 at this port: the lower the port the better, each with a foundation of its own.
pub fn numbered(port: u16) -> Cand {
    Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation(&format!("f{port}"))
}

/// One stream with remote candidates at these ports; `agreed` tells whether both can renominate.
pub fn unchecked(config: CheckConfig, agreed: bool, ports: &[u16]) -> Bench {
    let mut bench = Bench::with(config, &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.set.set_renomination(S0, agreed);
    bench.describe(S0);
    for &port in ports {
        bench.remote(S0, &numbered(port));
    }
    bench.drain();
    bench
}

/// One stream with remote candidates at these ports, all of them valid; `agreed` tells whether both can renominate.
pub fn valid_to_ports(role: Role, agreed: bool, ports: &[u16]) -> Bench {
    let mut bench = unchecked(CheckConfig::default().role(role), agreed, ports);
    for _ in ports {
        bench.succeed_next();
    }
    bench.drain();
    bench
}

/// The same of a peer that cannot renominate.
pub fn with_config(config: CheckConfig, ports: &[u16]) -> Bench {
    unchecked(config, false, ports)
}

/// The same with the defaults, in this role.
pub fn with_remotes(role: Role, ports: &[u16]) -> Bench {
    with_config(CheckConfig::default().role(role), ports)
}

pub fn to_port(bench: &Bench, port: u16) -> PairId {
    bench.pair("10.0.0.1:1000", &format!("10.0.0.2:{port}"))
}

fn foundation_text(address: SocketAddr) -> String {
    address.ip().to_string().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A check set with one stream, and a scripted peer: time moves only by [`at`](Self::at).
pub struct Bench {
    pub set: CheckSet,
    pub now: Instant,
    next_base: u32,
    next_id: u64,
}

impl Bench {
    /// Stream 0 with component 1.
    pub fn new(role: Role) -> Self {
        Self::with(CheckConfig::default().role(role), &[(S0, &[RTP])])
    }

    pub fn with(config: CheckConfig, streams: &[(StreamId, &[ComponentId])]) -> Self {
        let mut set = CheckSet::new(config, ChaCha20Rng::seed_from_u64(7));
        for (stream, components) in streams {
            set.add_stream(*stream, components, own());
        }
        Self { set, now: epoch(), next_base: 0, next_id: 1000 }
    }

    /// A set with one host candidate, 10.0.0.1:1000 on base 0, and the peer's description: what most tests begin with.
    pub fn ready(role: Role) -> Self {
        let mut bench = Self::new(role);
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        bench.describe(S0);
        bench.drain();
        bench
    }

    /// [`ready`](Self::ready), and the peer's candidate 10.0.0.2:2000, so that there is one pair.
    pub fn one_pair(role: Role) -> (Self, PairId) {
        let mut bench = Self::ready(role);
        bench.remote(S0, &Cand::host("10.0.0.2:2000"));
        let pair = bench.only_pair();
        bench.drain();
        (bench, pair)
    }

    // ---- what goes in

    /// A candidate with a base of its own.
    pub fn local(&mut self, stream: StreamId, candidate: &Cand) -> BaseId {
        let base = BaseId(self.next_base);
        self.next_base += 1;
        let local = LocalCandidate { candidate: candidate.build(), base, base_address: candidate.address };
        self.set.add_local(self.now, stream, local).unwrap();
        base
    }

    /// A reflexive candidate of a base.
    pub fn reflexive(&mut self, stream: StreamId, candidate: &Cand, base: BaseId, base_address: &str) {
        let local = LocalCandidate { candidate: candidate.build(), base, base_address: addr(base_address) };
        self.set.add_local(self.now, stream, local).unwrap();
    }

    pub fn describe(&mut self, stream: StreamId) {
        self.set.set_remote(self.now, stream, peer_parameters()).unwrap();
    }

    pub fn remote(&mut self, stream: StreamId, candidate: &Cand) -> AddedRemote {
        self.try_remote(stream, candidate).unwrap()
    }

    pub fn try_remote(&mut self, stream: StreamId, candidate: &Cand) -> Result<AddedRemote, AddRemoteError> {
        self.set.add_remote(self.now, stream, candidate.build())
    }

    pub fn apply(&mut self, command: Command) {
        self.set.apply(self.now, command);
    }

    /// Nominates a valid pair, by the one whose check made it valid.
    pub fn nominate(&mut self, pair: PairId) {
        let view = self.set.describe(pair);
        let valid = view.map(|view| self.set.valid(view.stream, view.component)).unwrap_or_default();
        let checked = valid.iter().find(|valid| valid.id == pair).map_or(pair, |valid| valid.checked);
        self.apply(Command::Nominate(checked));
    }

    pub fn retire(&mut self, keep: PairId) {
        let view = self.view(keep);
        self.apply(Command::Retire { stream: view.stream, component: view.component, keep });
    }

    /// Both sides have no more candidates.
    pub fn end(&mut self, stream: StreamId) {
        self.set.end_of_local(self.now, stream);
        self.set.end_of_remote(self.now, stream);
    }

    /// A datagram arrives.
    pub fn take(&mut self, base: BaseId, from: &str, bytes: &[u8]) -> Outcome {
        self.take_from(base, addr(from), bytes)
    }

    pub fn take_from(&mut self, base: BaseId, from: SocketAddr, bytes: &[u8]) -> Outcome {
        self.set.handle(self.now, Received { base, from, payload: bytes })
    }

    /// A request of the peer arrives; what is answered.
    pub fn ask(&mut self, base: BaseId, from: &str, draft: &Draft) -> (Outcome, Option<Seen>) {
        let outcome = self.take(base, from, &draft.write());
        let mut answers = self.sent();
        assert!(answers.len() <= 1, "a request draws at most one answer");
        if let Some(answer) = answers.first() {
            assert_eq!((answer.base, answer.to, answer.id), (base, addr(from), draft.id));
        }
        (outcome, answers.pop())
    }

    /// The peer's check, as it should be: with the role that does not conflict.
    pub fn check(&mut self) -> Draft {
        let claim = match self.set.role() {
            Role::Controlling => Role::Controlled,
            Role::Controlled => Role::Controlling,
        };
        self.next_id += 1;
        request(self.next_id, claim, 77)
    }

    /// The peer's check arrives and is answered with success.
    pub fn checked_from(&mut self, base: BaseId, from: &str) -> Seen {
        let check = self.check();
        self.accepted(base, from, &check)
    }

    /// The peer's nominating check arrives and is answered with success.
    pub fn nominated_from(&mut self, base: BaseId, from: &str) -> Seen {
        let check = self.check().with(&UseCandidate);
        self.accepted(base, from, &check)
    }

    fn accepted(&mut self, base: BaseId, from: &str, check: &Draft) -> Seen {
        let (outcome, answer) = self.ask(base, from, check);
        assert_eq!(outcome, Outcome::Handled);
        let answer = answer.expect("an answer");
        assert_eq!((answer.class, answer.mapped), (Class::Success, Some(addr(from))));
        answer
    }

    /// The true answer to a check arrives: from where it went to, on the base it left from.
    pub fn answer(&mut self, check: &Seen, mapped: &str) -> Outcome {
        self.take_from(check.base, check.to, &success(check.id, mapped).write())
    }

    /// An error of the peer arrives by the right way.
    pub fn refuse(&mut self, check: &Seen, code: u16) -> Outcome {
        self.take_from(check.base, check.to, &error(check.id, code).write())
    }

    /// The next check, answered at once: the path from 10.0.0.1:1000 works without a NAT.
    pub fn succeed_next(&mut self) -> Seen {
        let check = self.next();
        assert_eq!(self.answer(&check, "10.0.0.1:1000"), Outcome::Handled);
        check
    }

    /// Time passes up to so many milliseconds after the beginning; every deadline on the way is kept.
    pub fn at(&mut self, milliseconds: u64) -> Vec<(u64, Seen)> {
        let until = epoch() + ms(milliseconds);
        assert!(until >= self.now, "time does not go back");
        let mut sent = Vec::new();
        while let Some(due) = self.set.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.set.handle_timeout(self.now);
            let at = self.millis();
            sent.extend(self.sent().into_iter().map(|seen| (at, seen)));
        }
        self.now = until;
        sent
    }

    pub fn millis(&self) -> u64 {
        u64::try_from((self.now - epoch()).as_millis()).unwrap()
    }

    // ---- what comes out

    /// The next check that has its turn.
    pub fn next(&mut self) -> Seen {
        self.try_next().expect("a check is next")
    }

    pub fn try_next(&mut self) -> Option<Seen> {
        let had = self.set.has_next();
        let next = self.set.start_next(self.now).map(|transmit| Seen::of(&transmit));
        assert_eq!(had, next.is_some(), "has_next tells whether start_next gives something");
        next
    }

    /// All checks that have their turn now, in their order.
    pub fn all_next(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.try_next()).collect()
    }

    /// What leaves unpaced.
    pub fn sent(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.set.poll_transmit()).map(|transmit| Seen::of(&transmit)).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.set.poll_event()).collect()
    }

    /// The events that say more than that something changed or a check was sent.
    pub fn news(&mut self) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| !matches!(event, Event::Changed { .. } | Event::Checking { .. }));
        events
    }

    /// Forgets what waits to be polled.
    pub fn drain(&mut self) {
        self.events();
        self.sent();
    }

    // ---- what is there

    pub fn pairs(&self) -> Vec<PairView> {
        self.set.pairs().collect()
    }

    pub fn only_pair(&self) -> PairId {
        let pairs = self.pairs();
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        pairs[0].id
    }

    pub fn view(&self, pair: PairId) -> PairView {
        self.set.describe(pair).expect("the pair is there")
    }

    pub fn state(&self, pair: PairId) -> PairState {
        self.view(pair).state
    }

    /// The pair of a local and a remote address.
    pub fn pair(&self, local: &str, remote: &str) -> PairId {
        self.find(local, remote).unwrap_or_else(|| panic!("no pair from {local} to {remote}"))
    }

    pub fn find(&self, local: &str, remote: &str) -> Option<PairId> {
        let ends = (Some(addr(local)), Some(addr(remote)));
        let there = |pair: &PairView| (pair.local.socket_addr(), pair.remote.socket_addr()) == ends;
        self.set.pairs().find(there).map(|pair| pair.id)
    }

    pub fn valid(&self) -> Vec<ValidPair> {
        self.set.valid(S0, RTP)
    }

    pub fn valid_ids(&self) -> Vec<PairId> {
        self.valid().iter().map(|pair| pair.id).collect()
    }
}

/// A pair of stream 0, component 1 has failed.
pub fn failed(pair: PairId, why: FailReason) -> Event {
    Event::Failed { stream: S0, component: RTP, pair, why }
}

/// A check of the peer that claims this role.
pub fn request(number: u64, claim: Role, tie_breaker: u64) -> Draft {
    let draft = Draft::new(Class::Request, id(number))
        .with(&Username::new(&format!("{OWN_UFRAG}:{PEER_UFRAG}")))
        .with(&attribute::Priority::new(1_862_270_975));
    let draft = match claim {
        Role::Controlling => draft.with(&IceControlling::new(tie_breaker)),
        Role::Controlled => draft.with(&IceControlled::new(tie_breaker)),
    };
    draft.signed(OWN_PWD)
}

/// The peer's answer to a check.
pub fn success(id: TransactionId, mapped: &str) -> Draft {
    Draft::new(Class::Success, id).with(&XorMappedAddress(addr(mapped))).signed(PEER_PWD)
}

/// The peer's refusal of a check.
pub fn error(id: TransactionId, code: u16) -> Draft {
    Draft::new(Class::Error, id).with(&ErrorCode::standard(code)).signed(PEER_PWD)
}
