//! Whom the NAT or firewall lets in (RFC 5780 4.4).

use floe_stun::attribute::{AttributeType, ChangeRequest};

use crate::{
    Behaviour, Finding, Why,
    answer::changed_source,
    question::{FILTER, Failure, Outcome, Question, Reply, Shape, Step},
    test::Scene,
};

/// Tests I to III, from a socket of their own: what it sent before would let answers in.
///
/// Tests II and III run at once (RFC 5780 4.5). Both ask the first address of the server, so that neither lets in what
/// the other waits for; and where silence is the answer, it is waited for once.
#[derive(Debug)]
pub(crate) struct Filtering {
    /// Whether test II was answered, once that is known, and test III.
    both: Option<bool>,
    port: Option<bool>,
    finding: Option<Finding<Behaviour>>,
}

impl Filtering {
    pub(crate) fn begin(scene: &Scene) -> (Self, Vec<Question>) {
        let finding = scene.other.as_ref().err().map(|why| Finding::Unsupported(why.clone()));
        let first = finding.is_none().then(|| Question::new(Step::FilterBind, FILTER, scene.server));
        (Self { both: None, port: None, finding }, first.into_iter().collect())
    }

    pub(crate) fn answered(&mut self, scene: &Scene, reply: &Reply) -> Vec<Question> {
        match (reply.question.step, &reply.outcome) {
            (Step::FilterBind, Outcome::Success(_)) => {
                let ask =
                    |step, change| Question::new(step, FILTER, scene.server).shaped(Shape::Change(change));
                return vec![
                    ask(Step::FilterBoth, ChangeRequest::BOTH),
                    ask(Step::FilterPort, ChangeRequest::PORT),
                ];
            }
            (Step::FilterBind, Outcome::Failed(failure)) => {
                self.finding = Some(Finding::Unknown(failure.why(&reply.question)));
            }
            (step, outcome) => self.finding = self.changed(scene, step, outcome, &reply.question),
        }
        Vec::new()
    }

    /// What came of test II or III.
    fn changed(
        &mut self,
        scene: &Scene,
        step: Step,
        outcome: &Outcome,
        question: &Question,
    ) -> Option<Finding<Behaviour>> {
        let answered = match outcome {
            Outcome::Success(answer) => {
                let other = scene.other.as_ref().ok()?;
                if answer.from != changed_source(question, *other) {
                    return Some(Finding::Unsupported(Why::Ignored { attribute: "CHANGE-REQUEST" }));
                }
                true
            }
            Outcome::Failed(Failure::Silence) => false,
            Outcome::Failed(failure) => {
                return Some(failure.finding(question, AttributeType::CHANGE_REQUEST));
            }
            Outcome::Echo(_) => return None,
        };
        match step {
            Step::FilterBoth => self.both = Some(answered),
            _ => self.port = Some(answered),
        }
        decide(self.both, self.port).map(Finding::Known)
    }

    pub(crate) const fn finding(&self) -> Option<&Finding<Behaviour>> {
        self.finding.as_ref()
    }
}

/// What tests II and III have shown, as far as they are over.
const fn decide(both: Option<bool>, port: Option<bool>) -> Option<Behaviour> {
    match (both, port) {
        (Some(true), _) => Some(Behaviour::EndpointIndependent),
        (Some(false), Some(true)) => Some(Behaviour::AddressDependent),
        (Some(false), Some(false)) => Some(Behaviour::AddressAndPortDependent),
        (None, _) | (Some(false), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_two_decides_alone_where_it_was_answered_and_with_test_three_where_not() {
        let table = [
            (None, None, None),
            (None, Some(true), None),
            (None, Some(false), None),
            (Some(true), None, Some(Behaviour::EndpointIndependent)),
            (Some(true), Some(true), Some(Behaviour::EndpointIndependent)),
            (Some(true), Some(false), Some(Behaviour::EndpointIndependent)),
            (Some(false), None, None),
            (Some(false), Some(true), Some(Behaviour::AddressDependent)),
            (Some(false), Some(false), Some(Behaviour::AddressAndPortDependent)),
        ];
        for (both, port, behaviour) in table {
            assert_eq!(decide(both, port), behaviour, "{both:?} {port:?}");
        }
    }
}
