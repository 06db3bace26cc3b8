//! The choice of an external port (RFC 4787 4.2).

use rand::{RngExt as _, rngs::ChaCha20Rng};

use super::{Allocation, Nat};

/// Gives out ports.
#[derive(Debug)]
pub(super) struct Ports {
    next: u16,
}

impl Ports {
    pub(super) const fn new(nat: &Nat) -> Self {
        Self { next: *nat.ports.start() }
    }

    /// A port for a mapping of `inner`; `None` when all that would do are taken.
    pub(super) fn choose(
        &mut self,
        nat: &Nat,
        inner: u16,
        rng: &mut ChaCha20Rng,
        is_free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        if nat.preserves_ports && is_free(inner) {
            return Some(inner);
        }
        let first = match nat.allocation {
            Allocation::Sequential => self.next,
            Allocation::Random => rng.random_range(nat.ports.clone()),
        };
        let will_do = |port: &u16| (!nat.preserves_parity || port % 2 == inner % 2) && is_free(*port);
        let port = from(nat, first).find(will_do)?;
        self.next = from(nat, port).nth(1).unwrap_or(port);
        Some(port)
    }
}

/// All ports that it gives out, beginning with this one.
fn from(nat: &Nat, first: u16) -> impl Iterator<Item = u16> {
    (first..=*nat.ports.end()).chain(*nat.ports.start()..first)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    /// The ports that mappings of these inner ports get, one after the other.
    fn given(nat: &Nat, inner: impl IntoIterator<Item = u16>) -> Vec<Option<u16>> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut ports = Ports::new(nat);
        let mut taken = BTreeSet::new();
        let mut choose = |inner| {
            let port = ports.choose(nat, inner, &mut rng, |port| !taken.contains(&port));
            taken.extend(port);
            port
        };
        inner.into_iter().map(&mut choose).collect()
    }

    #[test]
    fn a_free_port_is_preserved_and_a_taken_one_replaced_by_the_next_in_turn() {
        let nat = Nat::new([]).port_range(2_000..=2_002);
        let given = given(&nat, [5_000, 5_000, 2_001, 5_000, 5_000, 6_000]);
        assert_eq!(given, [Some(5_000), Some(2_000), Some(2_001), Some(2_002), None, Some(6_000)]);
    }

    #[test]
    fn parity_is_kept_and_then_every_other_port_is_left() {
        let nat = Nat::new([]).port_range(2_000..=2_003).ports(false, Allocation::Sequential).parity(true);
        assert_eq!(given(&nat, [7, 9, 11, 8]), [Some(2_001), Some(2_003), None, Some(2_000)]);
    }

    #[test]
    fn random_ports_use_up_the_whole_range_without_order() {
        let nat = Nat::new([]).port_range(3_000..=3_099).ports(false, Allocation::Random);
        let ports = given(&nat, [5; 101]);
        assert_eq!(ports[100], None);
        let ports: Vec<_> = ports.into_iter().flatten().collect();
        let sorted: BTreeSet<_> = ports.iter().copied().collect();
        assert_eq!(sorted.len(), 100);
        assert!(ports.windows(2).filter(|two| two[1] == two[0] + 1).count() < 40, "{ports:?}");
    }
}
