//! How the cost of one operation grows with the number of pairs: one table, and in brackets how many times the cost at 10
//! pairs that is. What is logarithmic stays near 1; what is linear comes to 100.
//!
//! `cargo bench -p floe-check --bench growth`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures time and prints it")]

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_check::{CheckConfig, CheckSet, RemoteParameters};
use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Credentials, LocalCandidate, Priority, Received, Role,
    StreamId, Transmit, Transport, TypePreference,
};
use floe_stun::{
    Class, Key, Message, MessageWriter, Method, TransactionId,
    attribute::{IceControlled, Priority as PriorityAttribute, Username, XorMappedAddress},
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;
const BASE: BaseId = BaseId(0);
const OWN: [&str; 2] = ["ownufrag", "the+password+of+this+agent"];
const PEER: [&str; 2] = ["peerufrag", "the+password+of+the+peer++"];
const PAIRS: [u16; 5] = [10, 30, 100, 300, 1_000];
/// Each number is the least of so many runs.
const RUNS: usize = 30;

/// An operation: how it is called, and what one run of it with so many pairs takes.
type Operation = (&'static str, fn(u16) -> Duration);

fn main() {
    let operations: [Operation; 7] = [
        ("add a candidate", add_candidate),
        ("start the next check", start_next),
        ("a timeout with one check to resend", resend),
        ("a timeout with one check that fails", time_out),
        ("an answer", answer),
        ("a request of the peer on a known pair", request),
        ("poll_timeout and has_next", look),
    ];
    print!("| operation, ns |");
    PAIRS.iter().for_each(|pairs| print!(" {pairs} pairs |"));
    println!("\n|---|{}", "---:|".repeat(PAIRS.len()));
    for (name, run) in operations {
        print!("| {name} |");
        let mut first = None;
        for pairs in PAIRS {
            let took = (0..RUNS).map(|_| run(pairs)).min().unwrap_or_default().as_nanos().max(1);
            let first = *first.get_or_insert(took);
            print!(" {took} ({:.1}) |", took as f64 / first as f64);
        }
        println!();
    }
}

/// A check set, and the time there.
struct Bench {
    set: CheckSet,
    now: Instant,
}

fn address(n: u16) -> SocketAddr {
    let [a, b] = n.to_be_bytes();
    SocketAddr::new([10, 1, a, b].into(), 5_000)
}

fn candidate(address: SocketAddr, n: u16) -> Candidate {
    Candidate::builder(CandidateKind::Host, Transport::Udp, address)
        .component(RTP)
        .priority(Priority::new(TypePreference::HOST, 60_000 - n, RTP))
        .foundation(u32::from(n).into())
        .build()
        .expect("a candidate")
}

fn local_address() -> SocketAddr {
    SocketAddr::new([10, 0, 0, 1].into(), 1_000)
}

impl Bench {
    /// One local and so many remote candidates.
    fn new(pairs: u16) -> Self {
        let now = Instant::now();
        let config =
            CheckConfig::default().role(Role::Controlling).max_pairs(2_000).max_remote_candidates(2_000);
        let mut set = CheckSet::new(config.ta(Duration::from_millis(5)), ChaCha20Rng::seed_from_u64(7));
        set.add_stream(STREAM, &[RTP], Credentials::new(OWN[0], OWN[1]).expect("credentials"));
        let local = candidate(local_address(), 0);
        let local = LocalCandidate { candidate: local, base: BASE, base_address: local_address() };
        set.add_local(now, STREAM, local).expect("a local candidate");
        let credentials = Credentials::new(PEER[0], PEER[1]).expect("credentials");
        set.set_remote(now, STREAM, RemoteParameters { credentials, components: None })
            .expect("a description");
        for n in 0..pairs {
            // In no order that a tree would like or dislike.
            let n = n.wrapping_mul(7_919) % pairs;
            let _ = set.add_remote(now, STREAM, candidate(address(n), n));
        }
        let mut bench = Self { set, now };
        bench.drain();
        bench
    }

    /// The same with all checks sent but so many.
    fn checking(pairs: u16, left: u16) -> (Self, Vec<Transmit>) {
        let mut bench = Self::new(pairs);
        let mut sent = Vec::new();
        for _ in left..pairs {
            bench.now += Duration::from_millis(5);
            sent.extend(bench.set.start_next(bench.now));
        }
        bench.drain();
        (bench, sent)
    }

    fn drain(&mut self) {
        while self.set.poll_event().is_some() {}
        while self.set.poll_transmit().is_some() {}
    }

    fn time<R>(&mut self, what: impl FnOnce(&mut CheckSet, Instant) -> R) -> Duration {
        let begin = Instant::now();
        black_box(what(black_box(&mut self.set), self.now));
        begin.elapsed()
    }

    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Duration {
        self.time(|set, now| {
            let outcome = set.handle(now, Received { base: BASE, from, payload: bytes });
            assert_eq!(outcome, floe_check::Outcome::Handled);
        })
    }
}

fn success(check: &Transmit) -> Vec<u8> {
    let id = Message::parse(&check.payload).expect("a check").transaction_id();
    let mut buffer = vec![0; 200];
    let written = MessageWriter::new(&mut buffer, Class::Success, Method::BINDING, id)
        .and_then(|writer| writer.attribute(&XorMappedAddress(local_address())))
        .and_then(|writer| writer.integrity(&Key::short_term(PEER[1])))
        .and_then(MessageWriter::fingerprint)
        .expect("it fits")
        .finish();
    buffer.truncate(written);
    buffer
}

fn check_of_the_peer() -> Vec<u8> {
    let mut buffer = vec![0; 200];
    let name = format!("{}:{}", OWN[0], PEER[0]);
    let written =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, TransactionId::new([3; 12]))
            .and_then(|writer| writer.attribute(&Username::new(&name)))
            .and_then(|writer| writer.attribute(&PriorityAttribute::new(1_862_270_975)))
            .and_then(|writer| writer.attribute(&IceControlled::new(7)))
            .and_then(|writer| writer.integrity(&Key::short_term(OWN[1])))
            .and_then(MessageWriter::fingerprint)
            .expect("it fits")
            .finish();
    buffer.truncate(written);
    buffer
}

fn add_candidate(pairs: u16) -> Duration {
    let mut bench = Bench::new(pairs);
    let late = candidate(address(1_500), 1_500);
    bench.time(|set, now| set.add_remote(now, STREAM, late))
}

fn start_next(pairs: u16) -> Duration {
    let (mut bench, _) = Bench::checking(pairs, pairs / 2);
    bench.time(CheckSet::start_next)
}

/// The first check alone is to be sent again.
fn resend(pairs: u16) -> Duration {
    let (mut bench, _) = Bench::checking(pairs, 0);
    let due = bench.set.poll_timeout().expect("a check to resend");
    bench.now = due.max(bench.now);
    // All but the first of those that are due.
    bench.time(|set, _| set.handle_timeout(due))
}

/// The first check alone fails: half of the others have succeeded.
fn time_out(pairs: u16) -> Duration {
    let (mut bench, sent) = Bench::checking(pairs, 0);
    for check in sent.iter().skip(usize::from(pairs / 2)) {
        bench.receive(check.to, &success(check));
    }
    bench.drain();
    let ended = |set: &mut CheckSet| {
        std::iter::from_fn(|| set.poll_event()).any(|event| matches!(event, floe_check::Event::Failed { .. }))
    };
    loop {
        bench.now = bench.set.poll_timeout().expect("a check that fails");
        let took = bench.time(CheckSet::handle_timeout);
        if ended(&mut bench.set) {
            return took;
        }
        bench.drain();
    }
}

/// The answer to the last check, when half of those before it have been answered.
fn answer(pairs: u16) -> Duration {
    let (mut bench, sent) = Bench::checking(pairs, 0);
    for check in sent.iter().take(usize::from(pairs / 2)) {
        bench.receive(check.to, &success(check));
        bench.drain();
    }
    let Some(last) = sent.last() else { return Duration::ZERO };
    let answer = success(last);
    bench.receive(last.to, &answer)
}

fn request(pairs: u16) -> Duration {
    let (mut bench, sent) = Bench::checking(pairs, pairs / 2);
    let Some(last) = sent.last() else { return Duration::ZERO };
    bench.receive(last.to, &check_of_the_peer())
}

fn look(pairs: u16) -> Duration {
    let (mut bench, _) = Bench::checking(pairs, pairs / 2);
    bench.time(|set, _| (set.poll_timeout(), set.has_next()))
}
