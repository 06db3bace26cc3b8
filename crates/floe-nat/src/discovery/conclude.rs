//! From the tests to the report.

use crate::{
    Behaviour, Config, Finding, Report, Rewriting, Test, Translation, Why,
    question::{Question, Reply},
    test::{
        Scene, filtering::Filtering, hairpinning::Hairpin, large::Large, lifetime::Search, mapping::Mapping,
    },
};

use super::Tests;

impl Tests {
    /// All tests, and their first questions: those that end soonest first.
    pub(super) fn begin(config: &Config, scene: Scene, running: Vec<Test>) -> (Self, Vec<Question>) {
        let (filtering, mut questions) = Filtering::begin(&scene);
        let (mapping, of_mapping) = Mapping::begin(&scene);
        let (hairpin, of_hairpin) = Hairpin::begin(&scene);
        let (large, of_large) = Large::begin(&scene);
        let (lifetime, of_lifetime) = Search::begin(config, scene.server).unzip();
        questions.extend(of_mapping.into_iter().chain(of_hairpin).chain(of_large).chain(of_lifetime));
        (Self { scene, mapping, filtering, hairpin, large, lifetime, running }, questions)
    }

    /// A question has come to its end: what follows.
    pub(super) fn answered(&mut self, reply: Reply) -> Vec<Question> {
        match reply.question.step.test() {
            Test::Mapping => self.mapping.answered(&self.scene, &reply).into_iter().collect(),
            Test::Filtering => self.filtering.answered(&self.scene, &reply),
            Test::Hairpinning => self.hairpin.answered(&self.scene, &reply),
            Test::LargeDatagrams => {
                self.large.answered(reply);
                Vec::new()
            }
            Test::Lifetime => {
                let next = self.lifetime.as_mut().and_then(|search| search.answered(&reply));
                next.into_iter().collect()
            }
            Test::Reach => Vec::new(),
        }
    }

    /// The tests that are over and were not before.
    pub(super) fn take_done(&mut self) -> Vec<Test> {
        let done: Vec<_> = self.running.iter().copied().filter(|test| self.is_done(*test)).collect();
        self.running.retain(|test| !done.contains(test));
        done
    }

    fn is_done(&self, test: Test) -> bool {
        match test {
            Test::Reach => true,
            Test::Mapping => self.mapping.finding().is_some(),
            Test::Filtering => self.filtering.finding().is_some(),
            Test::Hairpinning => self.hairpin.is_done(),
            Test::LargeDatagrams => self.large.is_done(),
            Test::Lifetime => self.lifetime.as_ref().is_none_or(|search| search.finding().is_some()),
        }
    }

    /// The report, once all are over.
    pub(super) fn conclude(&self) -> Report {
        let scene = &self.scene;
        let mapping = or_not_asked(self.mapping.finding());
        let filtering = doubted(scene, &mapping, or_not_asked(self.filtering.finding()));
        let (large_requests, large_responses) = self.large.findings(scene);
        Report {
            server: scene.server,
            local: scene.local,
            mapped: scene.mapped,
            translation: if scene.is_untranslated() { Translation::None } else { Translation::Nat },
            hairpinning: self.hairpin.finding(scene, &mapping, &filtering),
            mapping,
            filtering,
            large_requests,
            large_responses,
            rewriting: rewriting(scene),
            lifetime: or_not_asked(self.lifetime.as_ref().and_then(Search::finding)),
        }
    }
}

fn or_not_asked<T: Clone>(finding: Option<&Finding<T>>) -> Finding<T> {
    finding.cloned().unwrap_or(Finding::NotAsked)
}

/// Filtering shows itself by silence. Where the second address of the server was silent to the mapping test as well, it
/// is the server that is silent, and not the NAT that filters.
fn doubted(scene: &Scene, mapping: &Finding<Behaviour>, filtering: Finding<Behaviour>) -> Finding<Behaviour> {
    let by_silence =
        matches!(filtering, Finding::Known(Behaviour::AddressDependent | Behaviour::AddressAndPortDependent));
    match (mapping, &scene.other) {
        (Finding::Unknown(Why::NoAnswer { to }), Ok(other)) if by_silence && to.ip() == other.ip() => {
            Finding::Unknown(Why::NoAnswer { to: *other })
        }
        _ => filtering,
    }
}

/// RFC 5780 3.6: an address in the clear was changed, and the one that is mixed with the transaction id was not.
fn rewriting(scene: &Scene) -> Finding<Rewriting> {
    match scene.plain {
        None => Finding::Unsupported(Why::NoMappedAddress),
        Some(plain) if plain == scene.mapped => Finding::Known(Rewriting::Untouched),
        Some(_) => Finding::Known(Rewriting::Rewritten),
    }
}
