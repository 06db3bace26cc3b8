//! How long a binding lives that nothing is sent from (RFC 5780 4.6).

use std::{net::SocketAddr, time::Duration};

use floe_stun::attribute::AttributeType;

use crate::{
    Config, Finding, Lifetime, Why,
    question::{Answer, Failure, Outcome, QUIET, Question, Reply, Shape, Step, WITNESS},
};

/// A binary search. Before each wait the quiet socket sends a request, which makes the binding anew; after it the other
/// socket asks the server to answer to the quiet one's port.
///
/// The first round does not wait: a binding that is not reached at once says nothing of lifetimes. The second waits as
/// long as the search goes, since a binding that outlives it ends the search.
#[derive(Debug)]
pub(crate) struct Search {
    server: SocketAddr,
    bound: Duration,
    precision: Duration,
    /// After so long it was there, from when it was on.
    alive: Option<Duration>,
    /// After so long it was gone.
    gone: Option<Duration>,
    /// How long this round waits, and under which address the quiet socket is seen in it.
    wait: Duration,
    mapped: Option<SocketAddr>,
    finding: Option<Finding<Lifetime>>,
}

impl Search {
    pub(crate) fn begin(config: &Config, server: SocketAddr) -> Option<(Self, Question)> {
        let search = Self {
            server,
            bound: config.lifetime?,
            precision: config.precision,
            alive: None,
            gone: None,
            wait: Duration::ZERO,
            mapped: None,
            finding: None,
        };
        let first = search.bind();
        Some((search, first))
    }

    const fn bind(&self) -> Question {
        Question::new(Step::LifetimeBind, QUIET, self.server)
    }

    pub(crate) fn answered(&mut self, reply: &Reply) -> Option<Question> {
        match (reply.question.step, &reply.outcome) {
            (Step::LifetimeBind, Outcome::Success(answer)) => {
                self.mapped = Some(answer.mapped);
                let ask = Question::new(Step::LifetimeAsk, WITNESS, self.server);
                Some(ask.shaped(Shape::ToPort(answer.mapped.port())).after(self.wait))
            }
            (Step::LifetimeBind, Outcome::Failed(failure)) => {
                self.finding = Some(Finding::Unknown(failure.why(&reply.question)));
                None
            }
            (_, Outcome::Success(answer)) => self.witnessed(answer),
            (_, Outcome::Failed(Failure::Silence)) => self.conclude(false),
            (_, Outcome::Failed(failure)) => {
                self.finding = Some(failure.finding(&reply.question, AttributeType::RESPONSE_PORT));
                None
            }
            (_, Outcome::Echo(_)) => None,
        }
    }

    /// An answer came, to either socket.
    fn witnessed(&mut self, answer: &Answer) -> Option<Question> {
        if answer.on == QUIET {
            return self.conclude(true);
        }
        // RFC 5780 4.6: the binding is gone and its port another one's; or the server did not heed the port.
        if self.mapped.is_some_and(|mapped| mapped.port() == answer.mapped.port()) {
            return self.conclude(false);
        }
        self.finding = Some(Finding::Unsupported(Why::Ignored { attribute: "RESPONSE-PORT" }));
        None
    }

    /// The round is over: the next one, or the finding.
    fn conclude(&mut self, is_alive: bool) -> Option<Question> {
        if is_alive {
            self.alive = Some(self.wait);
        } else {
            self.gone = Some(self.wait);
        }
        match next(self.alive, self.gone, self.bound, self.precision) {
            Next::Wait(wait) => {
                self.wait = wait;
                Some(self.bind())
            }
            Next::Found(lifetime) => {
                self.finding = Some(Finding::Known(lifetime));
                None
            }
            Next::Nothing => {
                self.finding = Some(Finding::Unknown(Why::FreshBindingUnreached));
                None
            }
        }
    }

    pub(crate) const fn finding(&self) -> Option<&Finding<Lifetime>> {
        self.finding.as_ref()
    }
}

/// What follows a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Wait(Duration),
    Found(Lifetime),
    Nothing,
}

fn next(alive: Option<Duration>, gone: Option<Duration>, bound: Duration, precision: Duration) -> Next {
    match (alive, gone) {
        (None, _) => Next::Nothing,
        (Some(alive), None) if alive < bound => Next::Wait(bound),
        (Some(at_least), None) => Next::Found(Lifetime { at_least, less_than: None }),
        (Some(at_least), Some(gone)) if gone.saturating_sub(at_least) <= precision => {
            Next::Found(Lifetime { at_least, less_than: Some(gone) })
        }
        (Some(alive), Some(gone)) => Next::Wait(alive + gone.saturating_sub(alive) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The waits of a search where bindings live so long, and what it finds.
    fn search(lifetime: Duration, bound: Duration, precision: Duration) -> (Vec<Duration>, Lifetime) {
        let (mut alive, mut gone, mut waits) = (Some(Duration::ZERO), None, Vec::new());
        loop {
            match next(alive, gone, bound, precision) {
                Next::Wait(wait) => {
                    waits.push(wait);
                    *(if wait < lifetime { &mut alive } else { &mut gone }) = Some(wait);
                }
                Next::Found(found) => return (waits, found),
                Next::Nothing => panic!("the first round was answered"),
            }
            assert!(waits.len() < 64, "no end");
        }
    }

    #[test]
    fn the_search_halves_what_is_open_until_it_is_precise() {
        for lifetime in [1, 9, 29, 30, 31, 60, 119, 120, 299] {
            let (waits, found) = search(secs(lifetime), secs(300), secs(10));
            assert!(found.at_least < secs(lifetime) && secs(lifetime) <= found.less_than.unwrap());
            assert!(found.less_than.unwrap() - found.at_least <= secs(10));
            assert!(waits.len() <= 6, "{waits:?}");
        }
    }

    #[test]
    fn what_outlives_the_search_ends_it_in_one_round() {
        let (waits, found) = search(secs(301), secs(300), secs(10));
        assert_eq!(waits, [secs(300)]);
        assert_eq!(found, Lifetime { at_least: secs(300), less_than: None });
    }

    #[test]
    fn a_fresh_binding_that_is_not_reached_says_nothing() {
        assert_eq!(next(None, Some(Duration::ZERO), secs(300), secs(10)), Next::Nothing);
    }

    const SERVER: &str = "192.0.2.1:3478";

    /// A search whose first two rounds showed that a binding is there at once and gone after 300 s.
    fn waiting() -> Search {
        let config = Config::default().lifetime(secs(300));
        let (mut search, first) = Search::begin(&config, SERVER.parse().unwrap()).unwrap();
        let ask = tell(&mut search, first, heard(QUIET, 40_000)).unwrap();
        assert_eq!((ask.base, ask.shape, ask.after), (WITNESS, Shape::ToPort(40_000), Duration::ZERO));
        let bind = tell(&mut search, ask, heard(QUIET, 40_001)).unwrap();
        assert_eq!((bind.step, bind.base), (Step::LifetimeBind, QUIET), "bound anew");
        let ask = tell(&mut search, bind, heard(QUIET, 40_000)).unwrap();
        assert_eq!(ask.after, secs(300));
        search
    }

    fn tell(search: &mut Search, question: Question, outcome: Outcome) -> Option<Question> {
        search.answered(&Reply { question, outcome })
    }

    fn heard(on: floe_core::BaseId, port: u16) -> Outcome {
        Outcome::Success(Answer {
            on,
            from: SERVER.parse().unwrap(),
            mapped: SocketAddr::new("203.0.113.1".parse().unwrap(), port),
            plain: None,
            other: crate::question::Other::Missing,
            padded: false,
            size: 0,
        })
    }

    // proves: 5780-4.6-a
    #[test]
    fn an_answer_to_the_asker_means_gone_where_it_has_the_port_by_now_and_ignored_where_not() {
        let ask = Question::new(Step::LifetimeAsk, WITNESS, SERVER.parse().unwrap());
        let mut taken_over = waiting();
        let next = tell(&mut taken_over, ask, heard(WITNESS, 40_000)).unwrap();
        assert_eq!((next.step, taken_over.wait), (Step::LifetimeBind, secs(150)));
        let mut silent = waiting();
        tell(&mut silent, ask, Outcome::Failed(Failure::Silence)).unwrap();
        assert_eq!(silent.wait, secs(150));
        let mut alive = waiting();
        assert_eq!(tell(&mut alive, ask, heard(QUIET, 40_002)), None);
        let outlived = Lifetime { at_least: secs(300), less_than: None };
        assert_eq!(alive.finding(), Some(&Finding::Known(outlived)));
        let mut ignored = waiting();
        assert_eq!(tell(&mut ignored, ask, heard(WITNESS, 40_002)), None);
        let why = Why::Ignored { attribute: "RESPONSE-PORT" };
        assert_eq!(ignored.finding(), Some(&Finding::Unsupported(why)));
    }
}
