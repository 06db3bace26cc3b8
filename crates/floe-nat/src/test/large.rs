//! Whether datagrams get through that are larger than the MTU, and so come in fragments (RFC 5780 3.5, 7.6).

use std::net::SocketAddr;

use floe_stun::attribute::AttributeType;

use crate::{
    Finding, Passage, Why,
    question::{Answer, Failure, Outcome, PARTNER, Question, Reply, Shape, Step},
    test::Scene,
};

/// Two large requests: one asks for a large response by PADDING, the other, by an attribute that is skipped, for a small
/// one. So what got lost is known, and not only that something did.
#[derive(Debug, Default)]
pub(crate) struct Large {
    small: Option<Reply>,
    large: Option<Reply>,
}

impl Large {
    pub(crate) fn begin(scene: &Scene) -> (Self, Vec<Question>) {
        let ask = |step, shape| Question::new(step, PARTNER, scene.server).shaped(shape);
        let questions = vec![
            ask(Step::LargeRequest, Shape::Filled(scene.mtu)),
            ask(Step::LargeBoth, Shape::Padded(scene.mtu)),
        ];
        (Self::default(), questions)
    }

    pub(crate) fn answered(&mut self, reply: Reply) {
        match reply.question.step {
            Step::LargeRequest => self.small = Some(reply),
            _ => self.large = Some(reply),
        }
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.small.is_some() && self.large.is_some()
    }

    /// Of requests, and of responses.
    pub(crate) fn findings(&self, scene: &Scene) -> (Finding<Passage>, Finding<Passage>) {
        let (Some(small), Some(large)) = (&self.small, &self.large) else {
            return (Finding::NotAsked, Finding::NotAsked);
        };
        let requests = requests(small, large);
        let arrived = requests == Finding::Known(Passage::Pass);
        let responses = responses(scene, arrived, large);
        (requests, responses)
    }
}

/// An answer of any kind shows that its request came.
fn requests(small: &Reply, large: &Reply) -> Finding<Passage> {
    let came = |reply: &Reply| {
        let refused = matches!(reply.outcome, Outcome::Failed(Failure::Refused { .. } | Failure::Bad(_)));
        refused || matches!(reply.outcome, Outcome::Success(_))
    };
    if came(small) || came(large) {
        return Finding::Known(Passage::Pass);
    }
    match &small.outcome {
        Outcome::Failed(Failure::NoSocket(said)) => Finding::Unknown(Why::NoSocket { said: said.clone() }),
        _ => Finding::Known(Passage::Lost),
    }
}

fn responses(scene: &Scene, arrived: bool, large: &Reply) -> Finding<Passage> {
    match &large.outcome {
        Outcome::Success(answer) if is_large(answer, scene) => Finding::Known(Passage::Pass),
        Outcome::Success(_) => Finding::Unsupported(Why::Ignored { attribute: "PADDING" }),
        Outcome::Failed(Failure::Silence) if arrived => Finding::Known(Passage::Lost),
        Outcome::Failed(Failure::Silence) | Outcome::Echo(_) => Finding::Unknown(Why::NoLargeRequests),
        Outcome::Failed(failure) => failure.finding(&large.question, AttributeType::PADDING),
    }
}

/// Whether a response was larger than the MTU: some servers send back as little as pleases them.
fn is_large(answer: &Answer, scene: &Scene) -> bool {
    answer.padded && answer.size + headers(scene.server) > usize::from(scene.mtu)
}

/// Bytes of the headers of IP and UDP.
const fn headers(to: SocketAddr) -> usize {
    if to.is_ipv4() { 28 } else { 48 }
}
