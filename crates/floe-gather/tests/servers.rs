//! What servers give: reflexive and relayed candidates, and all that can go wrong with them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, CandidateKind, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate, Received,
    StreamId, Transmit,
};
use floe_gather::{
    Action, AllocateError, Allocated, BadAddress, Event, GatherConfig, GatherError, Gatherer, JobId, Policy,
    Server, ServerError, ServerId, Start,
};
use floe_stun::{
    Class, Message, MessageWriter, Method, TransactionId,
    attribute::{ErrorCode, MappedAddress, Software, XorMappedAddress},
    rules,
};
use rand::{SeedableRng, rngs::ChaCha20Rng};

const S0: StreamId = StreamId(0);
const S1: StreamId = StreamId(1);
const RTP: ComponentId = ComponentId::RTP;
const RTCP: ComponentId = ComponentId::RTCP;
const G0: Generation = Generation(0);
const G1: Generation = Generation(1);
const STUN: &str = "198.51.100.1:3478";
const TURN: &str = "198.51.100.2:3478";
const MAPPED: &str = "203.0.113.1:61000";
const RELAYED: &str = "198.51.100.2:49152";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn stun(text: &str) -> Server {
    Server::stun(address(text))
}

fn turn(text: &str) -> Server {
    Server::turn(address(text))
}

fn with(servers: &[Server]) -> GatherConfig {
    GatherConfig::default().servers(servers.iter().copied())
}

fn eth0(addresses: &[&str]) -> Vec<Interface> {
    let address = |text: &&str| InterfaceAddress::new(text.parse().unwrap(), 64);
    let addresses = addresses.iter().map(address).collect();
    vec![Interface { name: "eth0".to_owned(), index: 2, up: true, addresses }]
}

fn end(stream: StreamId, generation: Generation) -> Event {
    Event::EndOfCandidates { stream, generation }
}

/// A gatherer, a clock, and a host that gives every socket the next port.
struct Bench {
    gatherer: Gatherer,
    now: Instant,
    next: u16,
    bound: BTreeMap<BaseId, SocketAddr>,
}

impl Bench {
    fn new(config: GatherConfig) -> Self {
        let gatherer = Gatherer::new(config, ChaCha20Rng::seed_from_u64(1));
        Self { gatherer, now: Instant::now(), next: 0, bound: BTreeMap::new() }
    }

    /// All sockets are bound.
    fn start(config: GatherConfig, components: &[(StreamId, ComponentId)], addresses: &[&str]) -> Self {
        let mut bench = Self::new(config);
        bench.gatherer.start(bench.now, G0, components);
        bench.update(addresses);
        bench.bind_all();
        bench
    }

    /// One stream, one component, one address: base 0.
    fn lone(servers: &[Server]) -> Self {
        Self::start(with(servers), &[(S0, RTP)], &["192.0.2.1"])
    }

    fn update(&mut self, addresses: &[&str]) {
        self.gatherer.update_interfaces(self.now, &eth0(addresses));
    }

    fn bind_all(&mut self) {
        for action in self.actions() {
            if let Action::Bind { job, address, .. } = action {
                self.bind(job, address);
            }
        }
    }

    fn bind(&mut self, job: JobId, mut address: SocketAddr) -> BaseId {
        let base = self.base();
        address.set_port(50_000 + u16::try_from(base.0).unwrap());
        self.bound.insert(base, address);
        self.gatherer.bound(self.now, job, Ok((base, address)));
        base
    }

    fn base(&mut self) -> BaseId {
        self.next += 1;
        BaseId((self.next - 1).into())
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.gatherer.poll_action()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.gatherer.poll_event()).collect()
    }

    fn candidates(&mut self) -> Vec<LocalCandidate> {
        let candidate = |event| match event {
            Event::Candidate { candidate, .. } => Some(candidate),
            _ => None,
        };
        self.events().into_iter().filter_map(candidate).collect()
    }

    /// The candidates there are now, as kind, address, base and related address.
    fn told(&mut self) -> Vec<String> {
        self.candidates().iter().map(show).collect()
    }

    fn next(&mut self) -> Option<Start> {
        assert_eq!(self.gatherer.has_next(), self.gatherer.has_next());
        let expected = self.gatherer.has_next();
        let next = self.gatherer.start_next(self.now);
        assert_eq!(next.is_some(), expected);
        next
    }

    fn starts(&mut self) -> Vec<Start> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn request(&mut self) -> Transmit {
        match self.next() {
            Some(Start::Send(transmit)) => transmit,
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn allocation(&mut self) -> JobId {
        match self.next() {
            Some(Start::Allocate { job, .. }) => job,
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn handle(&mut self, base: BaseId, from: SocketAddr, payload: &[u8]) -> bool {
        self.gatherer.handle(self.now, Received { base, from, payload })
    }

    fn answer(&mut self, request: &Transmit, mapped: &str) {
        let response = success(request, address(mapped));
        assert!(self.handle(request.base, request.to, &response), "it is an answer");
    }

    fn allocate(&mut self, job: JobId, relayed: &str, mapped: &str) -> BaseId {
        let base = self.base();
        let allocated = Allocated { base, relayed: address(relayed), mapped: address(mapped) };
        self.gatherer.allocated(self.now, job, Ok(allocated));
        base
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.gatherer.handle_timeout(self.now);
    }

    fn resent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.gatherer.poll_transmit()).collect()
    }
}

fn success(request: &Transmit, mapped: SocketAddr) -> Vec<u8> {
    let request = Message::parse(&request.payload).unwrap();
    let mut buffer = [0; 548];
    let length = rules::write_success(&mut buffer, &request, mapped, None).unwrap();
    buffer[..length].to_vec()
}

fn error(request: &Transmit, code: u16) -> Vec<u8> {
    let request = Message::parse(&request.payload).unwrap();
    let mut buffer = [0; 548];
    let length = rules::write_error(&mut buffer, &request, ErrorCode::standard(code), None).unwrap();
    buffer[..length].to_vec()
}

fn show(local: &LocalCandidate) -> String {
    let candidate = &local.candidate;
    let address = candidate.socket_addr().unwrap();
    let related = candidate.related().map_or(String::new(), |related| format!(" raddr {related}"));
    format!("{} {address} on {}{related}", candidate.kind(), local.base)
}

fn failed(server: u32, base: u32, why: ServerError) -> Event {
    Event::ServerFailed { stream: S0, component: RTP, server: ServerId(server), base: BaseId(base), why }
}

// proves: 8445-5.1.1.2-a, 8445-5.1.1.2-f
#[test]
fn servers_give_reflexive_and_relayed_candidates_unless_that_is_switched_off() {
    let servers = [stun(STUN), turn(TURN)];
    let mut bench = Bench::lone(&servers);
    let request = bench.request();
    assert_eq!((request.base, request.to), (BaseId(0), address(STUN)));
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    // Another server, another mapping: one allocation has both.
    let relay = bench.allocate(job, RELAYED, "203.0.113.1:61001");
    assert_eq!(relay, BaseId(1));
    let events = bench.events();
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Candidate { candidate, .. } => Some(candidate),
            _ => None,
        })
        .collect();
    assert_eq!(
        told.iter().map(|told| show(told)).collect::<Vec<_>>(),
        [
            "host 192.0.2.1:50000 on b0",
            "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000",
            "srflx 203.0.113.1:61001 on b0 raddr 192.0.2.1:50000",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    let bases: Vec<_> = told.iter().map(|told| told.base_address).collect();
    assert_eq!(bases[..3], [address("192.0.2.1:50000"); 3]);
    assert_eq!(bases[3], address(RELAYED));
    let priorities: Vec<_> = told.iter().map(|told| told.candidate.priority().get()).collect();
    // The second server comes one local preference, 256, below the first.
    assert_eq!(priorities, [2_130_706_431, 1_694_498_815, 1_694_498_559, 16_777_215]);
    let foundations: BTreeSet<_> = told.iter().map(|told| told.candidate.foundation()).collect();
    assert_eq!(foundations.len(), 4, "another kind or another server");
    assert_eq!(events.last(), Some(&end(S0, G0)));
    assert_eq!((bench.next(), bench.actions()), (None, vec![]));

    let off = with(&servers).server_reflexive(false).relayed(false);
    let mut bench = Bench::start(off, &[(S0, RTP)], &["192.0.2.1"]);
    assert_eq!(bench.starts(), []);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Candidate { .. }, Event::EndOfCandidates { .. }]), "{events:?}");
}

// proves: 8445-5.1.1.2-b, 8445-5.1.2.2-b
#[test]
fn all_servers_are_used_and_their_candidates_differ_in_preference() {
    let servers = [stun(STUN), turn(TURN), stun("198.51.100.3:3478"), turn("198.51.100.4:3478")];
    let mut bench = Bench::start(with(&servers), &[(S0, RTP), (S0, RTCP)], &["192.0.2.1", "192.0.2.2"]);
    let mut port = 0;
    let mut asked = BTreeSet::new();
    while let Some(start) = bench.next() {
        port += 1;
        match start {
            Start::Send(request) => {
                assert!(asked.insert((request.base, request.to)));
                bench.answer(&request, &format!("203.0.113.1:{port}"));
            }
            Start::Allocate { job, base, server, .. } => {
                let server = servers[server.0 as usize].address;
                assert!(asked.insert((base, server)));
                bench.allocate(job, &format!("{}:{port}", server.ip()), &format!("203.0.113.2:{port}"));
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(asked.len(), 4 * 4, "every server from every base");
    let told = bench.candidates();
    assert_eq!(told.len(), 4 + 8 + 16, "host, relayed, reflexive");
    let priorities: BTreeSet<_> = told.iter().map(|told| told.candidate.priority()).collect();
    assert_eq!(priorities.len(), told.len(), "all of a stream differ");
    let relays: Vec<_> = told
        .iter()
        .filter(|told| told.candidate.kind() == CandidateKind::Relayed && told.candidate.component() == RTP)
        .map(|told| (told.candidate.priority().get() >> 8 & 0xffff, told.base_address.ip().to_string()))
        .collect();
    let by_preference: BTreeMap<_, _> = relays.iter().cloned().collect();
    let first: Vec<_> = by_preference.into_values().rev().take(2).collect();
    assert_eq!(first, ["198.51.100.2", "198.51.100.4"], "the user's order, from the better address");
}

// proves: 8445-5.1.1.2-c
#[test]
fn a_slot_starts_one_transaction_and_every_base_has_its_first_server_first() {
    let servers = [stun(STUN), turn(TURN)];
    let mut bench = Bench::start(with(&servers), &[(S0, RTP), (S1, RTP)], &["192.0.2.1", "192.0.2.2"]);
    assert_eq!(bench.resent(), [], "nothing is sent but in a slot");
    let mut order = Vec::new();
    while let Some(start) = bench.next() {
        order.push(match start {
            Start::Send(request) => (request.base.0, request.to),
            Start::Allocate { base, .. } => (base.0, address(TURN)),
            other => panic!("unexpected: {other:?}"),
        });
        assert_eq!(bench.resent(), [], "one only");
    }
    // Bases 0 and 1 are those of the better address.
    let expected =
        [STUN, TURN].into_iter().flat_map(|server| (0..4).map(move |base| (base, address(server))));
    assert_eq!(order, expected.collect::<Vec<_>>());
}

// proves: 8445-5.1.1.2-d
#[test]
fn an_allocation_that_is_refused_for_capacity_is_followed_by_a_binding_request() {
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(AllocateError::Capacity));
    let events = bench.events();
    let why = ServerError::Allocate(AllocateError::Capacity);
    assert_eq!(events[1..], [failed(0, 0, why)], "and not the end yet");
    let request = bench.request();
    assert_eq!(request.to, address(TURN));
    bench.answer(&request, MAPPED);
    assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
    bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.actions(), [Action::Release(BaseId(1))], "a second answer is late");
    assert_eq!(bench.next(), None);
}

#[test]
fn another_refusal_is_followed_by_one_only_where_the_user_named_the_address_as_a_stun_server() {
    let why = || AllocateError::Other("wrong password".to_owned());
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(why()));
    let events = bench.events();
    assert_eq!(events[1..], [failed(0, 0, ServerError::Allocate(why())), end(S0, G0)]);
    assert_eq!(bench.next(), None);

    // At first the allocation answers for both.
    let mut bench = Bench::lone(&[stun(TURN), turn(TURN)]);
    let job = bench.allocation();
    assert_eq!(bench.next(), None);
    bench.gatherer.allocated(bench.now, job, Err(why()));
    assert_eq!(bench.request().to, address(TURN));
}

// proves: 8445-5.1.1.2-e
#[test]
fn a_relayed_address_that_is_a_host_address_is_thrown_away() {
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    let relay = bench.allocate(job, "192.0.2.1:50000", MAPPED);
    let events = bench.events();
    assert_eq!(events[1], failed(0, 0, ServerError::SameAsHost));
    assert!(matches!(&events[2], Event::Candidate { candidate, .. } if candidate.base == BaseId(0)));
    assert_eq!(events[3..], [end(S0, G0)]);
    assert_eq!(bench.actions(), [Action::Release(relay)]);
    // The reflexive one outlives the allocation.
    bench.advance(Duration::from_secs(15));
    assert_eq!(bench.request().to, address(TURN));
}

#[test]
fn a_relayed_address_that_nobody_can_send_to_is_thrown_away() {
    for bad in ["0.0.0.0:1", "224.0.0.1:5000", "198.51.100.2:0", "127.0.0.1:5000", "[fe80::1]:5000"] {
        let mut bench = Bench::lone(&[turn(TURN)]);
        let job = bench.allocation();
        let relay = bench.allocate(job, bad, MAPPED);
        assert_eq!(bench.actions(), [Action::Release(relay)], "{bad}");
        assert_eq!(bench.candidates().len(), 2, "{bad}: host and reflexive");
    }
    // One of the other family is no error (RFC 8656 7).
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.allocate(job, "[2001:db8::5]:5000", "0.0.0.0:0");
    let events = bench.events();
    assert!(matches!(&events[1], Event::ServerFailed { why: ServerError::BadAddress(_), .. }), "{events:?}");
    let Event::Candidate { candidate, .. } = &events[2] else { panic!("{events:?}") };
    assert_eq!(show(candidate), "relay [2001:db8::5]:5000 on b1 raddr [::]:9", "no mapped address to show");
}

#[test]
fn a_server_that_sees_the_host_address_or_a_known_one_tells_nothing_new() {
    let mut bench = Bench::lone(&[stun(STUN), stun("198.51.100.3:3478"), stun("198.51.100.4:3478")]);
    for mapped in ["192.0.2.1:50000", MAPPED, MAPPED] {
        let request = bench.request();
        bench.answer(&request, mapped);
    }
    let told = bench.told();
    let once = ["host 192.0.2.1:50000 on b0", "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"];
    assert_eq!(told, once);
    bench.advance(Duration::from_secs(15));
    assert_eq!(bench.starts().len(), 1, "one binding is kept alive");
}

// proves: sec-gather-a
#[test]
fn what_a_server_names_is_no_candidate_unless_a_peer_could_send_to_it() {
    let bad = [
        "0.0.0.0:5000",
        "203.0.113.1:0",
        "224.0.0.1:5000",
        "239.255.255.250:1900",
        "255.255.255.255:5000",
        "127.0.0.1:5000",
        "[2001:db8::1]:5000",
        "[ff02::1]:5000",
    ];
    for mapped in bad {
        let mut bench = Bench::lone(&[stun(STUN)]);
        let request = bench.request();
        bench.answer(&request, mapped);
        let events = bench.events();
        assert!(
            matches!(
                &events[1..],
                [Event::ServerFailed { why: ServerError::BadAddress(_), .. }, Event::EndOfCandidates { .. }]
            ),
            "{mapped}: {events:?}"
        );
        assert_eq!((bench.next(), bench.gatherer.poll_timeout()), (None, None), "{mapped}");
    }
    let mut bench = Bench::start(with(&[stun("[2001:db8:f::1]:3478")]), &[(S0, RTP)], &["2001:db8::1"]);
    let request = bench.request();
    bench.answer(&request, "203.0.113.1:5000");
    let why = ServerError::BadAddress(BadAddress::Family);
    assert_eq!(bench.events()[1..], [failed(0, 0, why), end(S0, G0)]);
}

// proves: sec-gather-a
#[test]
fn only_the_server_that_was_asked_answers_and_only_to_the_base_it_was_asked_from() {
    let mut bench = Bench::start(with(&[stun(STUN)]), &[(S0, RTP)], &["192.0.2.1", "192.0.2.2"]);
    let request = bench.request();
    bench.candidates();
    let fake = success(&request, address("203.0.113.66:6666"));
    let elsewhere = address("198.51.100.66:3478");
    assert!(!bench.handle(request.base, elsewhere, &fake), "another source");
    assert!(!bench.handle(request.base, address("198.51.100.1:3479"), &fake), "another port");
    assert!(!bench.handle(BaseId(1), request.to, &fake), "another base");
    let guess = Transmit { payload: other_id(&request), ..request.clone() };
    let guessed = success(&guess, address("203.0.113.66:6666"));
    assert!(!bench.handle(request.base, request.to, &guessed), "another transaction");
    assert!(!bench.handle(request.base, request.to, &request.payload), "a request");
    assert!(!bench.handle(request.base, request.to, b"not STUN at all, but long enough"));
    assert!(!bench.handle(request.base, request.to, &fake[..fake.len() - 1]), "cut off");
    assert_eq!(bench.events(), []);

    bench.answer(&request, MAPPED);
    assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
    assert!(!bench.handle(request.base, request.to, &fake), "it is answered already");
    assert_eq!(bench.events(), []);
}

fn other_id(request: &Transmit) -> bytes::Bytes {
    let mut buffer = [0; 28];
    let id = TransactionId::new([9; 12]);
    assert_ne!(Message::parse(&request.payload).unwrap().transaction_id(), id);
    let writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    assert_eq!(writer.fingerprint().unwrap().finish(), 28);
    bytes::Bytes::copy_from_slice(&buffer)
}

/// A success response to the request with whatever `write` puts in.
fn response(
    request: &Transmit,
    write: impl FnOnce(MessageWriter<'_>) -> Result<MessageWriter<'_>, floe_stun::WriteError>,
) -> Vec<u8> {
    let mut buffer = [0; 548];
    let request = Message::parse(&request.payload).unwrap();
    let writer = MessageWriter::respond(&mut buffer, &request, Class::Success).unwrap();
    let length = write(writer).unwrap().finish();
    buffer[..length].to_vec()
}

#[test]
fn an_old_server_that_knows_mapped_address_only_is_understood() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let old = response(&request, |writer| writer.attribute(&MappedAddress(address(MAPPED))));
    assert!(bench.handle(request.base, request.to, &old));
    assert_eq!(bench.candidates().len(), 2);

    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let both = response(&request, |writer| {
        let writer = writer.attribute(&MappedAddress(address("10.0.0.1:1")))?;
        writer.attribute(&XorMappedAddress(address(MAPPED)))
    });
    assert!(bench.handle(request.base, request.to, &both));
    assert_eq!(bench.told()[1], "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000", "the one to believe");
}

#[test]
fn an_answer_without_an_address_or_with_an_error_is_a_failure() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let empty = response(&request, |writer| writer.attribute(&Software::new("odd")));
    assert!(bench.handle(request.base, request.to, &empty));
    let events = bench.events();
    assert!(matches!(&events[1], Event::ServerFailed { why: ServerError::BadAnswer(_), .. }), "{events:?}");

    // ALTERNATE-SERVER is not followed: an error is an error.
    for code in [300, 400, 420, 500] {
        let mut bench = Bench::lone(&[stun(STUN)]);
        let request = bench.request();
        assert!(bench.handle(request.base, request.to, &error(&request, code)));
        assert_eq!(bench.events()[1..], [failed(0, 0, ServerError::Refused(code)), end(S0, G0)]);
        assert_eq!(bench.next(), None);
    }
}

#[test]
fn a_silent_server_holds_up_nothing_but_the_end() {
    let mut bench = Bench::lone(&[stun(STUN), stun("198.51.100.3:3478")]);
    let begun = bench.now;
    let silent = bench.request();
    let request = bench.request();
    bench.answer(&request, MAPPED);
    assert_eq!(bench.candidates().len(), 2, "the other one is told at once");

    let mut sent = Vec::new();
    while let Some(due) = bench.gatherer.poll_timeout().filter(|due| *due < begun + Duration::from_secs(39)) {
        bench.now = due;
        bench.gatherer.handle_timeout(due);
        bench.starts();
        let resent = bench.resent();
        sent.extend(resent.iter().filter(|again| **again == silent).map(|_| (due - begun).as_millis()));
    }
    assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(bench.gatherer.is_gathering());
    bench.now = begun + ms(39_499);
    bench.gatherer.handle_timeout(bench.now);
    assert_eq!(bench.events(), []);
    bench.advance(ms(1));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer), end(S0, G0)]);
    let late = success(&silent, address("203.0.113.1:7"));
    assert!(!bench.handle(silent.base, silent.to, &late), "nobody waits for it any more");
}

#[test]
fn a_server_and_an_allocation_have_the_time_that_was_configured() {
    let config = with(&[stun(STUN), turn(TURN)]).server_timeout(ms(3000)).allocate_timeout(ms(2000));
    let mut bench = Bench::start(config, &[(S0, RTP)], &["192.0.2.1"]);
    let request = bench.request();
    bench.advance(ms(1000));
    let job = bench.allocation();
    bench.candidates();
    bench.advance(ms(1999));
    assert_eq!(bench.events(), []);
    // Both are due at 3 s, and an answer at the last moment is late whichever call comes first.
    bench.now += ms(1);
    let relay = bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.actions(), [Action::Release(relay)]);
    let timeout = ServerError::AllocateTimeout(ms(2000));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer), failed(1, 0, timeout), end(S0, G0)]);
    assert!(!bench.handle(request.base, request.to, &success(&request, address(MAPPED))));
    bench.resent();
    assert_eq!(bench.gatherer.poll_timeout(), None);
}

// proves: 8445-14.3-a
#[test]
fn the_timeout_grows_with_the_pace_and_the_number_of_candidates_that_servers_may_give() {
    let first_wait = |servers: &[Server], ta: u64, addresses: &[&str]| {
        let mut bench = Bench::new(with(servers));
        bench.gatherer.set_ta(ms(ta));
        bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
        bench.update(addresses);
        // Only the first socket is there yet, but the others are coming.
        let Action::Bind { job, address, .. } = bench.actions()[0] else { panic!("it wants a socket") };
        bench.bind(job, address);
        bench.request();
        let begun = bench.now;
        let is_resent = |step: &u64| {
            bench.now = begun + ms(*step);
            bench.gatherer.handle_timeout(bench.now);
            !bench.resent().is_empty()
        };
        (1..10_000).find(is_resent).expect("a request that is not answered is sent again")
    };
    let two = [stun(STUN), stun("198.51.100.3:3478")];
    assert_eq!(first_wait(&two, 50, &["192.0.2.1"]), 500, "never less than half a second");
    assert_eq!(first_wait(&two, 250, &["192.0.2.1"]), 500);
    assert_eq!(first_wait(&two, 251, &["192.0.2.1"]), 502);
    assert_eq!(first_wait(&two, 200, &["192.0.2.1", "192.0.2.2"]), 800);
    assert_eq!(first_wait(&[stun(STUN), turn(TURN)], 200, &["192.0.2.1"]), 600, "an allocation gives two");
}

// proves: 8445-5.1.1.4-a
#[test]
fn a_binding_is_kept_alive_until_ice_has_finished() {
    let mut bench = Bench::lone(&[stun(STUN), turn(TURN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    bench.allocate(job, RELAYED, "203.0.113.1:61001");
    bench.events();
    let mut ids = BTreeSet::new();
    for _ in 0..10 {
        let due = bench.now + Duration::from_secs(15);
        assert_eq!(bench.gatherer.poll_timeout(), Some(due));
        bench.advance(Duration::from_secs(15) - ms(1));
        assert_eq!(bench.next(), None);
        bench.advance(ms(1));
        assert_eq!(bench.resent(), [], "it waits for a slot");
        let refresh = bench.request();
        assert_eq!(
            (refresh.base, refresh.to),
            (BaseId(0), address(STUN)),
            "not the allocation's, which Refresh keeps"
        );
        assert!(ids.insert(refresh.payload.clone()), "a new transaction each time");
        assert_eq!(bench.next(), None);
        bench.answer(&refresh, MAPPED);
    }
    assert_eq!(bench.events(), []);
    bench.advance(Duration::from_secs(15));
    let open = bench.request();
    bench.gatherer.finish(S1);
    assert!(bench.gatherer.poll_timeout().is_some(), "another stream");
    bench.gatherer.finish(S0);
    assert_eq!((bench.gatherer.poll_timeout(), bench.next()), (None, None));
    assert!(!bench.handle(open.base, open.to, &success(&open, address(MAPPED))));
}

#[test]
fn a_refresh_that_is_not_answered_is_sent_again_and_others_follow() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    bench.events();
    bench.advance(Duration::from_secs(15));
    bench.request();
    bench.advance(ms(500));
    assert_eq!(bench.resent().len(), 1);
    for _ in 0..10 {
        let due = bench.gatherer.poll_timeout();
        bench.now = due.unwrap_or(bench.now);
        bench.gatherer.handle_timeout(bench.now);
        bench.resent();
        if due.is_none() {
            break;
        }
    }
    assert!(bench.gatherer.has_next(), "nobody answered for 39.5 s: the next one is due at once");
    assert_eq!(bench.events(), [], "the candidate was told of; nothing is to be said");
}

#[test]
fn a_mapping_that_changes_gives_a_new_candidate_until_the_end() {
    // The allocation that is under way keeps the end away.
    let mut bench = Bench::lone(&[stun(STUN), turn(TURN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    let first = bench.candidates();
    bench.advance(Duration::from_secs(15));
    let refresh = bench.request();
    bench.answer(&refresh, "203.0.113.1:61007");
    let second = bench.candidates();
    assert_eq!(show(&second[0]), "srflx 203.0.113.1:61007 on b0 raddr 192.0.2.1:50000");
    assert_ne!(second[0].candidate.priority(), first[1].candidate.priority());
    assert_eq!(second[0].candidate.foundation(), first[1].candidate.foundation());

    bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
    bench.advance(Duration::from_secs(15));
    let refresh = bench.request();
    bench.answer(&refresh, "203.0.113.1:61009");
    assert_eq!(bench.events(), [], "RFC 8838 13: nothing after the end");
    bench.advance(Duration::from_secs(15));
    assert!(bench.gatherer.has_next(), "and it is kept alive all the same");
}

// proves: 8445-19.1-a
#[test]
fn the_policy_says_which_kinds_are_told_and_what_they_give_away() {
    let told = |config: GatherConfig| {
        let mut bench = Bench::start(config, &[(S0, RTP)], &["192.0.2.1"]);
        for start in bench.starts() {
            match start {
                Start::Send(request) if request.to == address(TURN) => {
                    bench.answer(&request, "203.0.113.1:7");
                }
                Start::Send(request) => bench.answer(&request, MAPPED),
                Start::Allocate { job, .. } => drop(bench.allocate(job, RELAYED, "203.0.113.1:61001")),
                other => panic!("unexpected: {other:?}"),
            }
        }
        assert_eq!(bench.actions(), [], "every base carries something");
        let events = bench.events();
        assert_eq!(events.last(), Some(&end(S0, G0)));
        let of = |event: &Event| match event {
            Event::Candidate { candidate, .. } => Some(show(candidate)),
            _ => None,
        };
        events.iter().filter_map(of).collect::<Vec<_>>()
    };
    let all = with(&[stun(STUN), turn(TURN)]);
    assert_eq!(
        told(all.clone().policy(Policy::All)),
        [
            "host 192.0.2.1:50000 on b0",
            "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000",
            "srflx 203.0.113.1:61001 on b0 raddr 192.0.2.1:50000",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    assert_eq!(
        told(all.clone().policy(Policy::NoHost)),
        [
            "srflx 203.0.113.1:61000 on b0 raddr 0.0.0.0:9",
            "srflx 203.0.113.1:61001 on b0 raddr 0.0.0.0:9",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    assert_eq!(told(all.clone().policy(Policy::Relay)), ["relay 198.51.100.2:49152 on b1 raddr 0.0.0.0:9"]);
    assert_eq!(told(all.clone().relayed(false)).len(), 3, "a TURN server says which address it sees, too");
    assert_eq!(told(all.interfaces(["eth7"])), [""; 0]);
}

#[test]
fn without_host_candidates_and_without_a_server_of_the_family_no_socket_is_bound() {
    let config = with(&[turn(TURN)]).policy(Policy::Relay);
    let mut bench = Bench::new(config);
    bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
    bench.update(&["2001:db8::1", "192.0.2.1"]);
    assert!(matches!(&bench.actions()[..], [Action::Bind { address, .. }] if address.is_ipv4()));
    let refused = Event::Refused {
        address: "2001:db8::1".parse().unwrap(),
        interface: "eth0".into(),
        why: GatherError::HostOff,
    };
    assert_eq!(bench.events(), [refused]);
}

#[test]
fn a_base_of_which_nothing_is_told_is_released_in_the_end() {
    let config = with(&[turn(TURN)]).policy(Policy::Relay);
    let mut bench = Bench::start(config.clone(), &[(S0, RTP)], &["192.0.2.1"]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(AllocateError::Capacity));
    assert_eq!(bench.actions(), [Action::Release(BaseId(0))], "reflexive candidates are not told of either");
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));

    // What a relay goes through is not.
    let mut bench = Bench::start(config, &[(S0, RTP)], &["192.0.2.1"]);
    let job = bench.allocation();
    let relay = bench.allocate(job, RELAYED, MAPPED);
    bench.events();
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    assert!(matches!(&bench.actions()[..], [Action::Bind { .. }]), "told: the caller's to close");
    bench.update(&[]);
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [BaseId(0), relay]);
}

fn vanished(event: &Event) -> Option<BaseId> {
    match event {
        Event::Vanished { base, .. } => Some(*base),
        _ => None,
    }
}

// proves: 8445-5.2-a
#[test]
fn a_lite_agent_has_one_host_candidate_for_each_ip_address_and_nothing_else() {
    let config = with(&[stun(STUN), turn(TURN)]).lite(true);
    let mut bench = Bench::new(config);
    let components = [(S0, RTP), (S0, RTCP), (S1, RTP)];
    bench.gatherer.start(bench.now, G0, &components);
    let mut interfaces = eth0(&["192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1", "192.0.2.1"]);
    // The same address on another link is the same IP address.
    interfaces.push(Interface { name: "eth1".to_owned(), index: 3, ..eth0(&["fe80::1"]).remove(0) });
    bench.gatherer.update_interfaces(bench.now, &interfaces);
    bench.bind_all();
    assert_eq!(bench.starts(), [], "no server is asked");
    let mut by_component = BTreeMap::<_, Vec<_>>::new();
    let mut foundations = BTreeMap::<_, BTreeSet<_>>::new();
    let mut priorities = BTreeMap::<_, Vec<_>>::new();
    for event in bench.events() {
        let Event::Candidate { stream, candidate } = event else { continue };
        assert_eq!(candidate.candidate.kind(), CandidateKind::Host);
        let component = (stream, candidate.candidate.component());
        by_component.entry(component).or_default().push(candidate.base_ip());
        foundations.entry(candidate.base_ip()).or_default().insert(candidate.candidate.foundation().clone());
        priorities.entry(stream).or_default().push(candidate.candidate.priority());
    }
    for ips in by_component.values() {
        assert_eq!(ips.len(), 4);
        assert_eq!(ips.iter().collect::<BTreeSet<_>>().len(), 4, "one each: {ips:?}");
    }
    assert_eq!(by_component.len(), 3);
    assert!(foundations.values().all(|of_ip| of_ip.len() == 1), "{foundations:?}");
    assert_eq!(foundations.values().flatten().collect::<BTreeSet<_>>().len(), 4, "{foundations:?}");
    for priorities in priorities.values() {
        assert_eq!(priorities.iter().collect::<BTreeSet<_>>().len(), priorities.len());
    }
}

#[test]
fn a_server_is_asked_only_from_where_it_can_be_reached() {
    let servers = [stun(STUN), stun("[2001:db8:f::1]:3478"), stun("[fe80::53]:3478"), stun("127.0.0.1:3478")];
    let config = with(&servers).include_loopback(true);
    let mut bench = Bench::start(config, &[(S0, RTP)], &["192.0.2.1", "2001:db8::1"]);
    let mut link_local = Bench::start(with(&servers), &[(S0, RTP)], &["fe80::1"]);
    let asked = |bench: &mut Bench| -> Vec<_> {
        let to = |start| match start {
            Start::Send(request) => (bench.bound[&request.base].ip().to_string(), request.to.to_string()),
            other => panic!("unexpected: {other:?}"),
        };
        std::iter::from_fn(|| bench.gatherer.start_next(bench.now)).map(to).collect()
    };
    let found: BTreeSet<_> = asked(&mut bench).into_iter().collect();
    let pair = |base: &str, server: &str| (base.to_owned(), server.to_owned());
    let expected = [
        pair("192.0.2.1", STUN),
        pair("192.0.2.1", "127.0.0.1:3478"),
        pair("2001:db8::1", "[2001:db8:f::1]:3478"),
        pair("2001:db8::1", "[fe80::53]:3478"),
    ];
    assert_eq!(found, expected.into());
    assert_eq!(asked(&mut link_local), [pair("fe80::1", "[fe80::53%2]:3478")], "on the base's own link");

    let mut loopback = Bench::start(with(&servers).include_loopback(true), &[(S0, RTP)], &["127.0.0.1"]);
    assert_eq!(asked(&mut loopback), [pair("127.0.0.1", "127.0.0.1:3478")]);
}

#[test]
fn a_server_whose_address_is_unusable_is_reported_and_not_asked() {
    let mut bench = Bench::lone(&[stun("224.0.0.1:3478"), turn("198.51.100.2:0"), stun(STUN)]);
    let events = bench.events();
    let bad = |event: &&Event| matches!(event, Event::ServerFailed { why: ServerError::Address(_), .. });
    assert_eq!(events.iter().filter(bad).count(), 2, "{events:?}");
    assert_eq!(bench.starts().len(), 1);
}

#[test]
fn servers_give_no_more_candidates_than_allowed() {
    let servers = [stun(STUN), turn(TURN), stun("198.51.100.3:3478")];
    let mut bench = Bench::start(with(&servers).max_candidates(4), &[(S0, RTP)], &["192.0.2.1"]);
    assert!(bench.events().contains(&failed(2, 0, ServerError::TooMany(4))));
    assert_eq!(bench.starts().len(), 2);
    bench.update(&["192.0.2.1", "192.0.2.2"]);
    assert_eq!(bench.actions(), [], "the servers' candidates are coming");
}

#[test]
fn within_a_server_lower_components_are_told_first() {
    let mut bench = Bench::start(with(&[stun(STUN)]), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &["192.0.2.1"]);
    bench.events();
    let requests = [(); 3].map(|()| bench.request());
    assert_eq!(requests.each_ref().map(|request| request.base), [0, 1, 2].map(BaseId));
    bench.answer(&requests[1], "203.0.113.1:1002");
    assert_eq!(bench.events(), [], "component 2 waits for component 1");
    bench.answer(&requests[2], "203.0.113.1:2001");
    assert_eq!(bench.candidates().len(), 1, "another stream does not");
    bench.answer(&requests[0], "203.0.113.1:1001");
    let components: Vec<_> = bench.candidates().iter().map(|told| told.candidate.component()).collect();
    assert_eq!(components, [RTP, RTCP]);
}

#[test]
fn a_restart_of_one_stream_leaves_the_others_alone() {
    let mut bench = Bench::start(with(&[stun(STUN)]), &[(S0, RTP), (S1, RTP)], &["192.0.2.1"]);
    let requests = [bench.request(), bench.request()];
    let before = bench.candidates();
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    let actions = bench.actions();
    let [Action::Bind { job, stream: S0, component: RTP, .. }] = actions[..] else { panic!("{actions:?}") };

    bench.answer(&requests[1], "203.0.113.1:2");
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Candidate { stream: S1, .. }, e] if *e == end(S1, G0)),
        "{events:?}"
    );
    let late = success(&requests[0], address("203.0.113.1:1"));
    assert!(!bench.handle(requests[0].base, requests[0].to, &late), "that generation is over");

    // The caller has a socket there already.
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    let again = bench.candidates();
    assert_eq!(again[0].candidate, before[0].candidate, "the same preference and foundation");
    let request = bench.request();
    bench.answer(&request, "203.0.113.1:1");
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Candidate { stream: S0, .. }, e] if *e == end(S0, G1)),
        "{events:?}"
    );
    assert_eq!(bench.actions(), [], "nothing is released that a generation before may use");

    bench.update(&[]);
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [0, 1].map(BaseId), "once, though in two generations");
}

#[test]
fn a_base_of_the_generation_before_is_not_released_whatever_becomes_of_it_in_this_one() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    bench.events();
    let again = |bench: &mut Bench, generation| {
        bench.gatherer.start(bench.now, Generation(generation), &[(S0, RTP)]);
        match bench.actions()[..] {
            [Action::Bind { job, .. }] => job,
            ref other => panic!("unexpected: {other:?}"),
        }
    };
    let job = again(&mut bench, 1);
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.9:50000"))));
    assert_eq!(bench.actions(), [], "bound elsewhere");
    let job = again(&mut bench, 2);
    bench.advance(Duration::from_secs(5));
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    assert_eq!(bench.actions(), [], "too late");
    let job = again(&mut bench, 3);
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    again(&mut bench, 4);
    assert_eq!(bench.actions(), [], "overtaken before anybody was told");
}

#[test]
fn an_address_that_a_stream_at_its_end_lacks_is_announced_while_another_gathers_it() {
    let mut bench = Bench::start(with(&[stun(STUN)]), &[(S0, RTP), (S1, RTP)], &["192.0.2.1"]);
    let requests = [bench.request(), bench.request()];
    bench.answer(&requests[0], MAPPED);
    assert!(!bench.gatherer.is_gathering_for(S0) && bench.gatherer.is_gathering_for(S1));
    bench.events();
    bench.update(&["192.0.2.1", "192.0.2.2"]);
    let actions = bench.actions();
    assert!(matches!(&actions[..], [Action::Bind { stream: S1, .. }]), "{actions:?}");
    let appeared = Event::Appeared { address: "192.0.2.2".parse().unwrap(), interface: "eth0".into() };
    assert_eq!(bench.events(), [appeared]);
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    bench.update(&["192.0.2.1", "192.0.2.2"]);
    assert_eq!(bench.events(), []);
    let (asked, _): (Vec<_>, Vec<_>) =
        bench.actions().into_iter().partition(|action| matches!(action, Action::Bind { stream: S0, .. }));
    assert_eq!(asked.len(), 2);
}

#[test]
fn with_an_address_all_goes_that_hangs_on_it() {
    let mut bench = Bench::start(with(&[stun(STUN), turn(TURN)]), &[(S0, RTP)], &["192.0.2.1", "192.0.2.2"]);
    let starts = bench.starts();
    assert_eq!(starts.len(), 4);
    let Start::Allocate { job, base: BaseId(0), .. } = starts[2] else { panic!("{starts:?}") };
    let Start::Allocate { job: other, base: BaseId(1), .. } = starts[3] else { panic!("{starts:?}") };
    let relay = bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.candidates().len(), 4);
    bench.update(&["192.0.2.2"]);
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [BaseId(0), relay]);
    let Start::Send(ref request) = starts[0] else { panic!("{starts:?}") };
    assert!(!bench.handle(request.base, request.to, &success(request, address(MAPPED))));
    bench.advance(ms(500));
    assert!(bench.resent().iter().all(|again| again.base == BaseId(1)));

    bench.gatherer.forget(BaseId(1));
    assert_eq!(bench.events(), [end(S0, G0)], "nothing is left to wait for");
    let late = bench.allocate(other, "198.51.100.2:49153", MAPPED);
    assert_eq!(bench.actions(), [Action::Release(late)]);
    assert_eq!((bench.gatherer.poll_timeout(), bench.next()), (None, None));
}

#[test]
fn time_that_passes_before_the_interfaces_are_known_is_not_the_end() {
    let mut bench = Bench::new(GatherConfig::default());
    bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.events(), []);
    assert!(bench.gatherer.is_gathering());
    bench.update(&["192.0.2.1"]);
    assert_eq!(bench.actions().len(), 1);
}

#[test]
fn debug_hides_the_addresses_of_servers_and_what_they_name() {
    let mut bench = Bench::lone(&[stun("198.51.100.77:3478"), turn("198.51.100.78:3478")]);
    let request = bench.request();
    bench.answer(&request, "203.0.113.77:61000");
    let start = bench.next();
    let Some(Start::Allocate { job, .. }) = start else { panic!("{start:?}") };
    bench.allocate(job, "198.51.100.77:5000", "203.0.113.78:61000");
    let shown = format!("{request:?} {start:?} {:?}", bench.gatherer);
    let hidden = ["0.2.1:", "100.77", "100.78", "113.77", "113.78"];
    assert!(!hidden.iter().any(|part| shown.contains(part)), "{shown}");
}
