//! From the URI of a server to its addresses (RFC 5928, RFC 7350 4.6.2, RFC 8489 8.1).

mod error;
mod known;
mod naptr;
mod plan;
mod srv;
mod walk;

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
};

use floe_core::{
    ServerTransport,
    dns::{NaptrRecord, SrvRecord},
};
use rand::rngs::ChaCha20Rng;

pub use error::ResolveError;
use known::Known;
use plan::Plan;
use walk::Walk;

use crate::{ServerUri, Target};

/// How many questions one URI may lead to.
const MAX_QUESTIONS: usize = 64;

/// A question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// The NAPTR records of a domain (RFC 3403).
    Naptr(String),
    /// The SRV records of a name such as `_turn._udp.example.org` (RFC 2782).
    Srv(String),
    /// The addresses of a host, IPv4 and IPv6: A and AAAA.
    Addresses(String),
}

/// The way from the URI of a server to the addresses it can be reached at, sans-IO.
///
/// It asks the DNS by [`poll_question`](Self::poll_question), several questions at once where it can, and takes the answers
/// in any order by [`handle_naptr`](Self::handle_naptr), [`handle_srv`](Self::handle_srv) and
/// [`handle_addresses`](Self::handle_addresses). When enough is answered, [`poll_result`](Self::poll_result) has the
/// addresses, in the order in which they are to be tried. There is no time in it: who asks the DNS and gets no answer says
/// so as an error.
///
/// What the user wrote decides how much is asked:
///
/// | the URI has | what is asked |
/// |---|---|
/// | an IP address | nothing (RFC 5928 3, step 1); `stuns` must have a name (RFC 8489 8.1) |
/// | a port | addresses of the host (step 2) |
/// | a transport | SRV records, then addresses of their hosts (step 3) |
/// | neither, TURN | NAPTR records of the service `RELAY` (step 4), without any as for STUN (step 5) |
/// | neither, STUN | SRV records for each transport (RFC 8489 8.1) |
///
/// Most domains have no such records, so the addresses of the host are asked for at the same time.
///
/// Without SRV records the host itself is taken, with the default port. The servers of SRV records are ordered by
/// priority and weight (RFC 2782), and the addresses of a host take turns by family, so that a family that does not work
/// costs one attempt and not all (RFC 8305 4).
///
/// ```
/// use floe_core::ServerTransport;
/// use floe_gather::{Question, Resolution, ServerUri};
/// use rand::{SeedableRng, rngs::ChaCha20Rng};
///
/// let uri: ServerUri = "turns:turn.example.org:443?transport=tcp".parse()?;
/// let rng = ChaCha20Rng::seed_from_u64(1); // from the system's generator, where it counts
/// let mut resolution = Resolution::new(&uri, &[ServerTransport::Udp, ServerTransport::Tls], rng)?;
///
/// let Some(Question::Addresses(host)) = resolution.poll_question() else { panic!("it asks for addresses") };
/// resolution.handle_addresses(&host, Ok(vec!["192.0.2.1".parse()?]));
///
/// let targets = resolution.poll_result().expect("all is answered")?;
/// assert_eq!(targets[0].address, "192.0.2.1:443".parse()?);
/// assert_eq!(targets[0].transport, ServerTransport::Tls);
/// assert_eq!(targets[0].name.as_deref(), Some("turn.example.org"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Resolution {
    plan: Plan,
    known: Known,
    rng: ChaCha20Rng,
    /// All questions so far, answered or not.
    asked: BTreeSet<Question>,
    to_ask: VecDeque<Question>,
    /// Those that were on the way, and not only supposed to be: they are counted.
    needed: BTreeSet<Question>,
    result: Option<Result<Vec<Target>, ResolveError>>,
    done: bool,
}

impl Resolution {
    /// For this server, by the transports that the caller can use, the best first.
    ///
    /// # Errors
    /// The URI asks for what does not exist or cannot be used (RFC 5928 3, RFC 8489 8.1): nothing needs to be looked up to
    /// know that.
    pub fn new(
        uri: &ServerUri,
        transports: &[ServerTransport],
        rng: ChaCha20Rng,
    ) -> Result<Self, ResolveError> {
        let plan = Plan::new(uri, transports)?;
        let mut resolution = Self {
            plan,
            known: Known::default(),
            rng,
            asked: BTreeSet::new(),
            to_ask: VecDeque::new(),
            needed: BTreeSet::new(),
            result: None,
            done: false,
        };
        resolution.go_on();
        resolution.ask_ahead();
        Ok(resolution)
    }

    /// The next question to be asked. All that are there may be under way at once; each comes once only.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.to_ask.pop_front()
    }

    /// The answer to [`Question::Naptr`], in any order; none, where the domain has no such record or is not there. The
    /// text of an error is for people. What was not asked, or is answered already, changes nothing.
    pub fn handle_naptr(&mut self, name: &str, answer: Result<Vec<NaptrRecord>, String>) {
        if self.awaits(&Question::Naptr(name.to_owned())) {
            self.known.naptr(name, answer);
            self.go_on();
        }
    }

    /// The answer to [`Question::Srv`], as for [`handle_naptr`](Self::handle_naptr).
    pub fn handle_srv(&mut self, name: &str, answer: Result<Vec<SrvRecord>, String>) {
        if self.awaits(&Question::Srv(name.to_owned())) {
            self.known.srv(name, answer, &mut self.rng);
            self.go_on();
        }
    }

    /// The answer to [`Question::Addresses`], in the order of preference; otherwise as for
    /// [`handle_naptr`](Self::handle_naptr).
    pub fn handle_addresses(&mut self, name: &str, answer: Result<Vec<IpAddr>, String>) {
        if self.awaits(&Question::Addresses(name.to_owned())) {
            self.known.addresses(name, answer);
            self.go_on();
        }
    }

    /// What came of it, once: when the last question that matters is answered, or as soon as it is known that nothing can
    /// come of it. There is at least one address, and no more than 32; none comes twice by the same transport.
    pub fn poll_result(&mut self) -> Option<Result<Vec<Target>, ResolveError>> {
        self.result.take()
    }

    fn awaits(&self, question: &Question) -> bool {
        !self.done && self.asked.contains(question) && !self.known.has(question)
    }

    /// Goes the way again from its start, over what is known by now, and asks for what is missing.
    fn go_on(&mut self) {
        let Walk { missing, outcome, .. } = Walk::over(&self.plan, &self.known);
        self.needed.extend(missing.iter().cloned());
        if self.needed.len() > MAX_QUESTIONS {
            return self.end(Err(ResolveError::TooManyQuestions(MAX_QUESTIONS)));
        }
        let new = missing.difference(&self.asked).cloned().collect::<Vec<_>>();
        self.asked.extend(new.iter().cloned());
        self.to_ask.extend(new);
        if missing.is_empty() {
            self.end(outcome);
        }
    }

    /// Asks at once for what is needed where the domain has no records for its services, as most have none: a resolver that
    /// leaves the questions for them without an answer costs its patience once, and not twice.
    fn ask_ahead(&mut self) {
        let mut supposed = Known::default();
        while !self.done {
            let missing = Walk::over(&self.plan, &supposed).missing;
            if missing.is_empty() {
                return;
            }
            for question in missing {
                supposed.suppose_none(&question);
                if self.asked.insert(question.clone()) {
                    self.to_ask.push_back(question);
                }
            }
        }
    }

    fn end(&mut self, result: Result<Vec<Target>, ResolveError>) {
        self.done = true;
        self.to_ask.clear();
        self.result = Some(result);
    }
}
