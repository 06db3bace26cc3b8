//! Whether hosts behind the NAT reach each other by their mapped addresses (RFC 5780 3.4, RFC 4787 REQ-9).

use std::net::SocketAddr;

use crate::{
    Behaviour, Finding, Hairpinning, Why,
    question::{Failure, MAIN, Outcome, PARTNER, Question, Reply, Step},
    test::Scene,
};

/// Two sockets send to each other's mapped addresses: a filter of either lets the other in by then, as far as both are
/// still seen under the addresses that the server saw.
#[derive(Debug)]
pub(crate) struct Hairpin {
    /// How many of the two requests got lost.
    lost: u32,
    result: Option<Result>,
}

/// What has become of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Result {
    NoNat,
    /// One came, from here.
    Came(SocketAddr),
    /// None did.
    Lost,
    Failed(Why),
}

impl Hairpin {
    pub(crate) fn begin(scene: &Scene) -> (Self, Vec<Question>) {
        if scene.is_untranslated() {
            return (Self { lost: 0, result: Some(Result::NoNat) }, Vec::new());
        }
        let first = Question::new(Step::HairpinBind, PARTNER, scene.server);
        (Self { lost: 0, result: None }, vec![first])
    }

    pub(crate) fn answered(&mut self, scene: &Scene, reply: &Reply) -> Vec<Question> {
        match (reply.question.step, &reply.outcome) {
            (Step::HairpinBind, Outcome::Success(partner)) => {
                return vec![
                    Question::new(Step::HairpinOut, MAIN, partner.mapped),
                    Question::new(Step::HairpinBack, PARTNER, scene.mapped),
                ];
            }
            (_, Outcome::Echo(from)) => self.result = Some(Result::Came(*from)),
            (Step::HairpinBind, Outcome::Failed(failure)) => {
                self.result = Some(Result::Failed(failure.why(&reply.question)));
            }
            (_, Outcome::Failed(Failure::NoSocket(said))) => {
                self.result = Some(Result::Failed(Why::NoSocket { said: said.clone() }));
            }
            // Whoever answers there, it is not the other socket.
            _ => {
                self.lost += 1;
                self.result = (self.lost == 2).then_some(Result::Lost);
            }
        }
        Vec::new()
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.result.is_some()
    }

    /// What it means, next to what else is known.
    pub(crate) fn finding(
        &self,
        scene: &Scene,
        mapping: &Finding<Behaviour>,
        filtering: &Finding<Behaviour>,
    ) -> Finding<Hairpinning> {
        let independent = Finding::Known(Behaviour::EndpointIndependent);
        match &self.result {
            Some(Result::NoNat) => Finding::Known(Hairpinning::NoNat),
            Some(Result::Came(from)) if from.ip() == scene.mapped.ip() => {
                Finding::Known(Hairpinning::External)
            }
            Some(Result::Came(_)) => Finding::Known(Hairpinning::Internal),
            Some(Result::Lost) if *mapping == independent || *filtering == independent => {
                Finding::Known(Hairpinning::No)
            }
            Some(Result::Lost) | None => Finding::Unknown(Why::Hidden),
            Some(Result::Failed(why)) => Finding::Unknown(why.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_that_the_other_side_sees_tells_how_the_nat_hairpins() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let scene = Scene {
            server: at("192.0.2.1:3478"),
            local: at("10.0.0.1:50000"),
            mapped: at("203.0.113.1:50000"),
            plain: None,
            other: Err(Why::NoOtherAddress),
            mtu: 1_500,
        };
        let unknown = Finding::Unsupported(Why::NoOtherAddress);
        let independent = Finding::Known(Behaviour::EndpointIndependent);
        let finding = |result, mapping, filtering| {
            Hairpin { lost: 0, result: Some(result) }.finding(&scene, mapping, filtering)
        };
        let came = |text: &str| finding(Result::Came(at(text)), &unknown, &unknown);
        // RFC 4787 REQ-9 a.
        assert_eq!(came("203.0.113.1:9"), Finding::Known(Hairpinning::External));
        assert_eq!(came("10.0.0.1:50002"), Finding::Known(Hairpinning::Internal));
        // Whoever hides it cannot be told from whoever has it not.
        assert_eq!(finding(Result::Lost, &unknown, &unknown), Finding::Unknown(Why::Hidden));
        for (mapping, filtering) in [(&independent, &unknown), (&unknown, &independent)] {
            assert_eq!(finding(Result::Lost, mapping, filtering), Finding::Known(Hairpinning::No));
        }
    }
}
