//! Two agents over a wire with delay, NATs and blocked paths: where a path exists both end on the same one, and where
//! none does both say so.

use floe_check::{CheckConfig, Event, ListState};
use floe_core::Role;
use proptest::prelude::*;

use crate::common::*;

/// A world for two agents.
#[derive(Debug, Clone)]
struct World {
    roles: [bool; 2],
    seed: u64,
    /// How many hosts each has; host `n` has port `1000 + n`.
    hosts: [u16; 2],
    /// Bit `4 * n + m`: nothing passes between host `n` of one and host `m` of the other.
    blocked: u16,
    nat: [bool; 2],
    delay: u64,
    /// When each learns of the other.
    told: [u64; 2],
}

impl World {
    fn strategy() -> impl Strategy<Value = Self> {
        let hosts = [1..=3_u16, 1..=3_u16];
        let blocked = prop_oneof![Just(0), any::<u16>(), Just(u16::MAX)];
        (
            any::<[bool; 2]>(),
            any::<u64>(),
            hosts,
            blocked,
            any::<[bool; 2]>(),
            1..150_u64,
            [0..400_u64, 0..400],
        )
            .prop_map(|(roles, seed, hosts, blocked, nat, delay, told)| Self {
                roles,
                seed,
                hosts,
                blocked,
                nat,
                delay,
                told,
            })
    }

    fn is_blocked(blocked: u16, n: u16, m: u16) -> bool {
        blocked >> (4 * n + m) & 1 == 1
    }

    /// Only host candidates are signalled, so of two NATs neither lets a check in.
    fn has_path(&self) -> bool {
        let open = |n| (0..self.hosts[1]).any(|m| !Self::is_blocked(self.blocked, n, m));
        self.nat != [true, true] && (0..self.hosts[0]).any(open)
    }

    fn run(&self) -> Duo {
        let role = |controlling| if controlling { Role::Controlling } else { Role::Controlled };
        let mut duo = Duo::new(self.roles.map(|r| CheckConfig::default().role(role(r))), self.seed);
        for side in 0..2_usize {
            for n in 0..self.hosts[side] {
                let host = Cand::host(&format!("10.{}.{n}.1:{}", side + 1, 1000 + n));
                duo.host(side, S0, &host.preference(60_000 - 1000 * n));
            }
            if self.nat[side] {
                duo.nat(side, &format!("203.0.113.{}", side + 1));
            }
        }
        duo.delay = ms(self.delay);
        let blocked = self.blocked;
        duo.lost = Box::new(move |packet, _| {
            let (from, to) = (packet.from.port() - 1000, packet.to.port() - 1000);
            let (n, m) = if packet.from_side == 0 { (from, to) } else { (to, from) };
            World::is_blocked(blocked, n, m)
        });
        let first = usize::from(self.told[0] > self.told[1]);
        for side in [first, 1 - first] {
            duo.run_until(self.told[side]);
            duo.signal(side);
        }
        duo.end_of_candidates();
        duo.run_until(300_000);
        duo
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_end_on_the_same_pair_where_there_is_a_path_and_fail_where_there_is_none(
        world in World::strategy(),
    ) {
        let duo = world.run();
        if !world.has_path() {
            prop_assert_eq!(duo.states(), [ListState::Failed; 2]);
            for side in &duo.sides {
                let failed = |(_, event): &(_, Event)| matches!(event, Event::ListFailed { .. });
                prop_assert_eq!(side.events.iter().filter(|event| failed(event)).count(), 1);
            }
            return Ok(());
        }
        prop_assert_eq!(duo.states(), [ListState::Completed; 2]);
        prop_assert_eq!(duo.roles()[0], duo.roles()[1].opposite());
        let (left, right) = (duo.selected(0).unwrap(), duo.selected(1).unwrap());
        prop_assert_eq!(left.local.socket_addr(), right.remote.socket_addr());
        prop_assert_eq!(left.remote.socket_addr(), right.local.socket_addr());
        for side in &duo.sides {
            let nominations: Vec<_> = side
                .events
                .iter()
                .filter(|(_, event)| matches!(event, Event::Nominated { .. }))
                .collect();
            prop_assert_eq!(nominations.len(), 1, "one pair is nominated, once");
        }
    }
}
