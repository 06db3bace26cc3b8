//! How the NAT maps (RFC 5780 4.3).

use std::net::SocketAddr;

use crate::{
    Behaviour, Finding,
    question::{MAIN, Outcome, Question, Reply, Step},
    test::Scene,
};

/// Tests II and III; test I was the first request.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// What test II saw.
    second: Option<SocketAddr>,
    finding: Option<Finding<Behaviour>>,
}

impl Mapping {
    pub(crate) fn begin(scene: &Scene) -> (Self, Vec<Question>) {
        let (finding, first) = match &scene.other {
            // Without a NAT one address is all there is, whether the server has a second one or not.
            _ if scene.is_untranslated() => (Some(Finding::Known(Behaviour::EndpointIndependent)), None),
            Err(why) => (Some(Finding::Unsupported(why.clone())), None),
            Ok(other) => {
                let to = SocketAddr::new(other.ip(), scene.server.port());
                (None, Some(Question::new(Step::MapAddress, MAIN, to)))
            }
        };
        (Self { second: None, finding }, first.into_iter().collect())
    }

    pub(crate) fn answered(&mut self, scene: &Scene, reply: &Reply) -> Option<Question> {
        let mapped = match &reply.outcome {
            Outcome::Success(answer) => answer.mapped,
            Outcome::Failed(failure) => {
                self.finding = Some(Finding::Unknown(failure.why(&reply.question)));
                return None;
            }
            Outcome::Echo(_) => return None,
        };
        let behaviour = match (self.second, &scene.other) {
            (None, Ok(other)) if mapped != scene.mapped => {
                self.second = Some(mapped);
                return Some(Question::new(Step::MapPort, MAIN, *other));
            }
            (None, _) => Behaviour::EndpointIndependent,
            (Some(second), _) if second == mapped => Behaviour::AddressDependent,
            (Some(_), _) => Behaviour::AddressAndPortDependent,
        };
        self.finding = Some(Finding::Known(behaviour));
        None
    }

    pub(crate) const fn finding(&self) -> Option<&Finding<Behaviour>> {
        self.finding.as_ref()
    }
}
