//! The whole: sockets, questions and tests.

mod conclude;

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use floe_core::{
    BaseId, Received, Transmit,
    address::{check_destination, unscoped},
};
use floe_stun::{Class, Message, Method};
use rand::rngs::ChaCha20Rng;

use crate::{
    Action, Config, DiscoveryError, Event, Test, answer,
    asker::Asker,
    question::{FILTER, Failure, MAIN, Outcome, PARTNER, QUIET, Question, Reply, Step, WITNESS},
    sockets::{Bound, Sockets},
    test::{
        Scene, filtering::Filtering, hairpinning::Hairpin, large::Large, lifetime::Search, mapping::Mapping,
        reach,
    },
};

/// Finds out how the NATs and firewalls between this host and a server behave (RFC 5780), and ends with a
/// [`Report`](crate::Report).
///
/// Four kinds of methods:
/// - commands: [`start`](Self::start), once;
/// - what came in: [`handle_bound`](Self::handle_bound), [`handle`](Self::handle),
///   [`handle_timeout`](Self::handle_timeout);
/// - what goes out: [`poll_action`](Self::poll_action), [`poll_transmit`](Self::poll_transmit),
///   [`poll_event`](Self::poll_event);
/// - [`poll_timeout`](Self::poll_timeout) and getters.
///
/// Call order: `start` first; after each call drain the three polls, and carry actions out. Any call that takes
/// `&mut self` may move `poll_timeout`. `now` never goes back. After [`Event::Finished`] or [`Event::Failed`], which come
/// once and last, the sockets are to be closed and there is no timeout any more.
///
/// The tests run side by side, each from sockets of its own as far as they disturb each other (RFC 5780 4.5), and never
/// begin more than ten transactions in a second (5). Without the lifetime it takes as long as one request that is never
/// answered, and a second or two.
///
/// STUN without credentials proves nothing: whoever sees a request can answer it with a lie. A report is a hint, and no
/// ground to do without a relay (RFC 5780 1).
#[derive(Debug)]
pub struct Discovery {
    config: Config,
    server: SocketAddr,
    rng: ChaCha20Rng,
    sockets: Sockets,
    asker: Asker,
    events: VecDeque<Event>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The server has not answered yet.
    Reaching,
    Testing(Box<Tests>),
    Over,
}

/// The tests under way.
#[derive(Debug)]
struct Tests {
    scene: Scene,
    mapping: Mapping,
    filtering: Filtering,
    hairpin: Hairpin,
    large: Large,
    lifetime: Option<Search>,
    /// Those of which it was not told yet that they are over.
    running: Vec<Test>,
}

impl Discovery {
    /// A discovery that asks this server. `rng` makes transaction ids and chooses ports: seed it from the system, where it
    /// counts.
    ///
    /// # Errors
    /// Nothing can be sent to this address.
    pub fn new(config: Config, server: SocketAddr, rng: ChaCha20Rng) -> Result<Self, DiscoveryError> {
        let config = config.within_bounds();
        check_destination(server).map_err(|why| DiscoveryError::Unusable { server, why })?;
        Ok(Self {
            asker: Asker::new(config.retransmit),
            config,
            server,
            rng,
            sockets: Sockets::default(),
            events: VecDeque::new(),
            phase: Phase::Reaching,
        })
    }

    /// Begins: with a request to the server, which all other tests wait for.
    pub fn start(&mut self, now: Instant) {
        self.sockets.request(MAIN, &mut self.rng);
        self.asker.ask(now, Question::new(Step::Reach, MAIN, self.server));
    }

    /// What came of an [`Action::Bind`]: the address of the socket, with the IP address that it sends from and not an
    /// unspecified one, or what the system said.
    pub fn handle_bound(&mut self, now: Instant, base: BaseId, result: Result<SocketAddr, String>) {
        if let Bound::Failed(said) = self.sockets.bound(base, result, &mut self.rng) {
            tracing::debug!(%base, said, "there is no socket");
            for question in self.asker.take_of(base) {
                let outcome = Outcome::Failed(Failure::NoSocket(said.clone()));
                self.answered(now, Reply { question, outcome });
            }
        }
        self.advance(now);
    }

    /// A datagram that came to a socket: whether it belongs to this discovery. What does not is to be dropped.
    pub fn handle(&mut self, now: Instant, received: Received<'_>) -> bool {
        let Ok(message) = Message::parse(received.payload) else { return false };
        let id = message.transaction_id();
        let Some(question) = self.asker.question(id).filter(|_| message.method() == Method::BINDING) else {
            return false;
        };
        let outcome = match message.class() {
            Class::Request => came_back(&question, &received),
            Class::Indication => None,
            Class::Success | Class::Error => {
                let is_expected = answer::is_expected(&question, &received, self.other_address());
                is_expected.then(|| answer::read(&message, &received)).flatten()
            }
        };
        let Some(outcome) = outcome else { return false };
        // An answer at the last moment counts, whichever call comes first.
        self.asker.close(id);
        self.answered(now, Reply { question, outcome });
        self.advance(now);
        true
    }

    /// Sends again what was not answered, goes on with what waited, and gives up what was never answered.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None`: not at all.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.asker.poll_timeout(|base| self.sockets.local(base).is_some())
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.sockets.poll_action()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.asker.poll_transmit()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The server that is asked.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// The tests that this discovery makes.
    pub fn tests(&self) -> impl Iterator<Item = Test> + use<> {
        let lifetime = self.config.lifetime.map(|_| Test::Lifetime);
        let always = [Test::Reach, Test::Mapping, Test::LargeDatagrams, Test::Hairpinning, Test::Filtering];
        always.into_iter().chain(lifetime)
    }

    fn other_address(&self) -> Option<SocketAddr> {
        match &self.phase {
            Phase::Testing(tests) => tests.scene.other.as_ref().ok().copied(),
            Phase::Reaching | Phase::Over => None,
        }
    }

    /// Lets happen what is due now.
    fn advance(&mut self, now: Instant) {
        while let Some(question) = self.asker.poll_silence(now) {
            self.answered(now, Reply { question, outcome: Outcome::Failed(Failure::Silence) });
        }
        let sockets = &self.sockets;
        self.asker.send_next(now, &mut self.rng, |base| sockets.local(base).is_some());
    }

    /// A question has come to its end.
    fn answered(&mut self, now: Instant, reply: Reply) {
        tracing::debug!(step = ?reply.question.step, outcome = %Shown(&reply.outcome), "answered");
        match &mut self.phase {
            Phase::Reaching => self.reached(now, &reply),
            Phase::Testing(tests) => {
                for question in tests.answered(reply) {
                    self.asker.ask(now, question);
                }
                self.review();
            }
            Phase::Over => {}
        }
    }

    fn reached(&mut self, now: Instant, reply: &Reply) {
        // A socket that is not there cannot be heard on; where it failed, that is what is told.
        let local = self.sockets.local(MAIN).unwrap_or(self.server);
        let scene = match reach::conclude(reply, local, self.config.mtu) {
            Ok(scene) => scene,
            Err(error) => return self.end(Event::Failed(error)),
        };
        self.events.push_back(Event::Done(Test::Reach));
        let (tests, questions) = Tests::begin(&self.config, scene, self.tests().skip(1).collect());
        for base in [FILTER, PARTNER, QUIET, WITNESS] {
            let later = tests.lifetime.is_some() && base == WITNESS;
            if later || questions.iter().any(|question| question.base == base) {
                self.sockets.request(base, &mut self.rng);
            }
        }
        for question in questions {
            self.asker.ask(now, question);
        }
        self.phase = Phase::Testing(Box::new(tests));
        self.review();
    }

    /// Tells which tests are over, and ends where all are.
    fn review(&mut self) {
        let Phase::Testing(tests) = &mut self.phase else { return };
        for test in tests.take_done() {
            self.asker.forget(test);
            self.events.push_back(Event::Done(test));
        }
        if tests.running.is_empty() {
            let report = tests.conclude();
            self.end(Event::Finished(Box::new(report)));
        }
    }

    fn end(&mut self, event: Event) {
        self.phase = Phase::Over;
        self.asker.clear();
        self.sockets.close();
        self.events.push_back(event);
    }
}

/// Our own request turned back at the NAT, to the other socket (RFC 5780 3.4).
fn came_back(question: &Question, received: &Received<'_>) -> Option<Outcome> {
    let to = match question.step {
        Step::HairpinOut => PARTNER,
        Step::HairpinBack => MAIN,
        _ => return None,
    };
    (received.base == to).then(|| Outcome::Echo(unscoped(received.from)))
}

/// An outcome for the log, without addresses.
struct Shown<'a>(&'a Outcome);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Outcome::Success(_) => f.write_str("success"),
            Outcome::Echo(_) => f.write_str("came back"),
            Outcome::Failed(Failure::Silence) => f.write_str("silence"),
            Outcome::Failed(Failure::Refused { code, .. }) => write!(f, "error {code}"),
            Outcome::Failed(Failure::Bad(problem)) => write!(f, "{problem}"),
            Outcome::Failed(Failure::NoSocket(said)) => write!(f, "no socket: {said}"),
        }
    }
}
