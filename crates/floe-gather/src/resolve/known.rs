//! What the DNS has said so far.

use std::{collections::BTreeMap, net::IpAddr};

use floe_core::{
    address::Family,
    dns::{NaptrRecord, SrvRecord},
};
use rand::rngs::ChaCha20Rng;

use super::{Question, srv};

/// How many records of one answer are used. Those that are tried first count.
const MAX_RECORDS: usize = 16;

type Answers<T> = BTreeMap<String, Result<Vec<T>, String>>;

/// The answers, each in the order in which its records are used.
#[derive(Debug, Default)]
pub(super) struct Known {
    naptr: Answers<NaptrRecord>,
    srv: Answers<SrvRecord>,
    addresses: Answers<IpAddr>,
}

impl Known {
    pub(super) fn naptr(&mut self, name: &str, mut answer: Result<Vec<NaptrRecord>, String>) {
        if let Ok(records) = &mut answer {
            records.iter_mut().for_each(|record| record.replacement.make_ascii_lowercase());
            records.sort_by_key(|record| (record.order, record.preference));
            records.truncate(MAX_RECORDS);
        }
        self.naptr.insert(name.to_owned(), answer);
    }

    /// Drawn once, for an order that changed from one look to the next would be none.
    pub(super) fn srv(&mut self, name: &str, answer: Result<Vec<SrvRecord>, String>, rng: &mut ChaCha20Rng) {
        let mut answer = answer.map(|records| srv::order(records, MAX_RECORDS, rng));
        for record in answer.iter_mut().flatten() {
            record.target.make_ascii_lowercase();
        }
        self.srv.insert(name.to_owned(), answer);
    }

    pub(super) fn addresses(&mut self, name: &str, answer: Result<Vec<IpAddr>, String>) {
        self.addresses.insert(name.to_owned(), answer.map(interleave));
    }

    /// As if there were no such records.
    pub(super) fn suppose_none(&mut self, question: &Question) {
        match question {
            Question::Naptr(name) => drop(self.naptr.insert(name.clone(), Ok(Vec::new()))),
            Question::Srv(name) => drop(self.srv.insert(name.clone(), Ok(Vec::new()))),
            Question::Addresses(name) => drop(self.addresses.insert(name.clone(), Ok(Vec::new()))),
        }
    }

    pub(super) fn has(&self, question: &Question) -> bool {
        match question {
            Question::Naptr(name) => self.naptr.contains_key(name),
            Question::Srv(name) => self.srv.contains_key(name),
            Question::Addresses(name) => self.addresses.contains_key(name),
        }
    }

    pub(super) fn naptr_of(&self, name: &str) -> Option<&Result<Vec<NaptrRecord>, String>> {
        self.naptr.get(name)
    }

    pub(super) fn srv_of(&self, name: &str) -> Option<&Result<Vec<SrvRecord>, String>> {
        self.srv.get(name)
    }

    pub(super) fn addresses_of(&self, name: &str) -> Option<&Result<Vec<IpAddr>, String>> {
        self.addresses.get(name)
    }
}

/// The families take turns, beginning with that of the first one (RFC 8305 4).
fn interleave(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first = addresses.first().map(|ip| Family::of(*ip));
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|ip| Some(Family::of(*ip)) == first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let turns = std::iter::from_fn(|| {
        let turn: Vec<_> = first.next().into_iter().chain(second.next()).collect();
        (!turn.is_empty()).then_some(turn)
    });
    turns.flatten().take(MAX_RECORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let turns = |texts: &[&str]| {
            interleave(texts.iter().map(|text| text.parse().unwrap()).collect())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let all = ["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"];
        assert_eq!(turns(&all), ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
        assert_eq!(turns(&["10.0.0.1", "10.0.0.2", "::1"]), ["10.0.0.1", "::1", "10.0.0.2"]);
        assert!(turns(&[]).is_empty());
        assert_eq!(turns(&["::1"; 40]).len(), MAX_RECORDS);
    }
}
