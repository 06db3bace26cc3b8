//! The gatherer.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use floe_core::{BaseId, ComponentId, Generation, Interface, LocalCandidate, StreamId};

use crate::{
    Action, Event, GatherConfig, JobId,
    place::Place,
    round::{Context, Round, tell_vanished},
};

/// Gathers the candidates of all streams of an agent, one generation after the other.
///
/// Call order: [`start`](Self::start) begins a generation, [`update_interfaces`](Self::update_interfaces) says what the
/// host has, in either order; after each call drain [`poll_action`](Self::poll_action), carry the actions out, answer
/// each [`Action::Bind`] with [`bound`](Self::bound), and drain [`poll_event`](Self::poll_event). Call
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come. Any call may move
/// `poll_timeout`. `now` never goes back.
///
/// Every job has its own deadline, and a candidate is told as soon as it is there: a slow or failing bind holds up no
/// other address. Only within one address and stream does a component wait for the lower ones (RFC 8838 17), and no
/// longer than until their deadline.
#[derive(Debug)]
pub struct Gatherer {
    config: GatherConfig,
    /// The latest list; `None` before the first.
    interfaces: Option<Vec<Interface>>,
    round: Option<Round>,
    /// Candidates of generations before, which may still be in use (RFC 8445 9).
    former: Vec<(StreamId, LocalCandidate)>,
    next_job: u32,
    out: Outbox,
}

/// What waits to be polled.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) actions: VecDeque<Action>,
    pub(crate) events: VecDeque<Event>,
}

impl Outbox {
    pub(crate) fn release(&mut self, base: BaseId) {
        self.actions.push_back(Action::Release(base));
    }

    /// Takes a job back that nobody has begun yet. One that was begun is answered, and released then.
    pub(crate) fn withdraw(&mut self, job: JobId) {
        self.actions.retain(|action| !matches!(action, Action::Bind { job: queued, .. } if *queued == job));
    }
}

impl Gatherer {
    /// One that has nothing to do yet.
    #[must_use]
    pub fn new(config: GatherConfig) -> Self {
        Self {
            config,
            interfaces: None,
            round: None,
            former: Vec::new(),
            next_job: 0,
            out: Outbox::default(),
        }
    }

    /// Begins a generation with these components, each of a stream.
    ///
    /// What is still unfinished of the generation before is dropped and gets no end of candidates; bases that nobody
    /// was told of are released. Candidates that were told of, and their bases, belong to the caller.
    pub fn start(&mut self, now: Instant, generation: Generation, components: &[(StreamId, ComponentId)]) {
        if let Some(before) = self.round.take() {
            self.former.extend(before.abandon(&mut self.out));
        }
        self.round = Some(Round::new(generation, components.iter().copied().collect()));
        self.review(now);
    }

    /// Says which interfaces and addresses the host has now. The first list after [`start`](Self::start), or one that
    /// came before it, begins the gathering.
    ///
    /// A list that changes nothing does nothing. A new address is gathered while the generation has not come to its end
    /// of candidates, and [announced](Event::Appeared) later; the candidates of an address that is gone are
    /// [reported](Event::Vanished). An address that is only deprecated by now, or whose interface is down for a while,
    /// is not gone.
    pub fn update_interfaces(&mut self, now: Instant, interfaces: &[Interface]) {
        self.interfaces = Some(interfaces.to_vec());
        tell_vanished(&mut self.former, &Place::all(interfaces), &mut self.out);
        self.review(now);
    }

    /// What came of an [`Action::Bind`]: the base and the address with the port that it got, or what the system said.
    /// A socket that nobody waits for any more is released.
    pub fn bound(&mut self, now: Instant, job: JobId, result: Result<(BaseId, SocketAddr), String>) {
        // Whether an answer at the last moment counts must not hang on which call comes first.
        self.handle_timeout(now);
        match &mut self.round {
            Some(round) => round.bound(job, result, &mut self.out),
            None => {
                if let Ok((base, _)) = result {
                    self.out.release(base);
                }
            }
        }
    }

    /// A base was closed: no event names it from now on.
    pub fn forget(&mut self, base: BaseId) {
        let other = |(_, candidate): &(StreamId, LocalCandidate)| candidate.base != base;
        self.former.retain(other);
        if let Some(round) = &mut self.round {
            round.gathered.retain(other);
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called: the earliest deadline of a job.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.round.as_ref()?.deadline()
    }

    /// Gives up the jobs whose deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(round) = &mut self.round {
            round.give_up(now, self.config.bind_timeout, &mut self.out);
        }
    }

    /// Whether a generation has begun and not come to its end of candidates.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.round.as_ref().is_some_and(|round| !round.is_ended())
    }

    fn review(&mut self, now: Instant) {
        if let (Some(round), Some(interfaces)) = (&mut self.round, &self.interfaces) {
            let next_job = &mut self.next_job;
            round.review(Context { now, config: &self.config, interfaces, next_job, out: &mut self.out });
        }
    }
}
