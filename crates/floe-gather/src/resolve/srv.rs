//! The order of SRV records (RFC 2782).

use std::collections::BTreeMap;

use floe_core::dns::SrvRecord;
use rand::{RngExt as _, rngs::ChaCha20Rng};

/// By priority, and within one priority by lot, each as likely as its weight says. No more than `most` of them.
pub(super) fn order(records: Vec<SrvRecord>, most: usize, rng: &mut ChaCha20Rng) -> Vec<SrvRecord> {
    let mut priorities = BTreeMap::<u16, Vec<SrvRecord>>::new();
    for record in records {
        priorities.entry(record.priority).or_default().push(record);
    }
    let mut ordered = Vec::new();
    for mut group in priorities.into_values() {
        // Those of weight 0 come first in the row that is drawn from: only a draw of 0 takes them before others.
        group.sort_by_key(|record| record.weight);
        while !group.is_empty() && ordered.len() < most {
            ordered.push(draw(&mut group, rng));
        }
    }
    ordered
}

fn draw(group: &mut Vec<SrvRecord>, rng: &mut ChaCha20Rng) -> SrvRecord {
    let total = group.iter().map(|record| u64::from(record.weight)).sum::<u64>();
    let lot = rng.random_range(0..=total);
    let mut sum = 0;
    let drawn = group.iter().position(|record| {
        sum += u64::from(record.weight);
        sum >= lot
    });
    group.remove(drawn.expect("invariant: the whole sum is no less than what is drawn from it"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> SrvRecord {
        SrvRecord { priority, weight, port: 1, target: target.to_owned() }
    }

    #[test]
    fn a_lower_priority_comes_first_whatever_the_weights() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..100 {
            let records = vec![record(2, 65535, "c"), record(1, 0, "a"), record(1, 9, "b")];
            let ordered = order(records, 16, &mut rng);
            assert_eq!(ordered.iter().map(|record| record.priority).collect::<Vec<_>>(), [1, 1, 2]);
        }
    }

    #[test]
    fn the_first_place_goes_by_weight() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut first = BTreeMap::<String, u32>::new();
        for _ in 0..10_000 {
            let records = vec![record(0, 60, "a"), record(0, 20, "b"), record(0, 20, "c"), record(0, 0, "d")];
            let ordered = order(records, 16, &mut rng);
            assert_eq!(ordered.len(), 4);
            *first.entry(ordered[0].target.clone()).or_default() += 1;
        }
        let near = |target: &str, expected: u32| first[target].abs_diff(expected) < 300;
        // One of the 101 lots is 0.
        assert!(near("a", 5941) && near("b", 1980) && near("c", 1980) && near("d", 99), "{first:?}");
    }

    #[test]
    fn a_flood_of_records_is_cut() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let flood = (0..5000).map(|at| record(at % 3, u16::MAX, "a")).collect();
        let ordered = order(flood, 16, &mut rng);
        assert_eq!(ordered.len(), 16);
        assert!(ordered.iter().all(|record| record.priority == 0));
    }
}
