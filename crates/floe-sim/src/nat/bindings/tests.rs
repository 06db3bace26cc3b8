//! The table of mappings.

use std::time::Duration;

use rand::SeedableRng as _;

use super::*;
use crate::{Allocation, Dependence};

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn bindings(nat: Nat) -> (Bindings, Instant) {
    (Bindings::new(nat, ChaCha20Rng::seed_from_u64(1)), Instant::now())
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn nat() -> Nat {
    Nat::new(["203.0.113.1".parse().unwrap(), "203.0.113.2".parse().unwrap()])
}

#[test]
fn paired_addresses_go_round_and_stay() {
    let (mut bindings, now) = bindings(nat());
    let seen = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:2", "10.0.0.2:2"]
        .map(|inner| bindings.outbound(now, at(inner), at("192.0.2.1:9")).unwrap().ip().to_string());
    assert_eq!(seen, ["203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.1", "203.0.113.2"]);
}

#[test]
fn a_family_without_address_gets_no_mapping() {
    let (mut bindings, now) = bindings(nat());
    let refused = bindings.outbound(now, at("[2001:db8::1]:1"), at("[2001:db8::2]:9"));
    assert_eq!(refused, Err(Refused::NoPort));
}

#[test]
fn ports_run_out_and_come_back_when_mappings_expire() {
    let range = nat().ports(false, Allocation::Sequential).port_range(4_000..=4_001);
    let (mut bindings, now) = bindings(range.timeout(Duration::from_secs(60)));
    let mut outbound = |after: u64, inner: &str| {
        bindings.outbound(now + Duration::from_secs(after), at(inner), at("192.0.2.1:9")).map(|at| at.port())
    };
    assert_eq!(outbound(0, "10.0.0.1:1"), Ok(4_000));
    assert_eq!(outbound(30, "10.0.0.1:2"), Ok(4_001));
    assert_eq!(outbound(59, "10.0.0.1:3"), Err(Refused::NoPort));
    assert_eq!(outbound(60, "10.0.0.1:3"), Ok(4_000), "that of the first");
    assert_eq!(outbound(61, "10.0.0.1:1"), Err(Refused::NoPort), "which has none now");
    assert_eq!(outbound(89, "10.0.0.1:2"), Ok(4_001));
    let end = now + Duration::from_secs(100);
    let mapped: Vec<_> =
        bindings.mapped(end).map(|mapped| (mapped.internal, mapped.external.port())).collect();
    assert_eq!(mapped, [(at("10.0.0.1:3"), 4_000), (at("10.0.0.1:2"), 4_001)]);
    assert_eq!(bindings.mapped(end).map(|mapped| mapped.expires).min(), Some(now + Duration::from_secs(120)));
    assert_eq!(bindings.by_internal.len(), bindings.by_external.len());
}

#[test]
fn a_mapping_per_remote_lets_in_that_remote_only() {
    let symmetric = nat().behaving(Dependence::AddressAndPort, Dependence::AddressAndPort);
    let (mut bindings, now) = bindings(symmetric);
    let inner = at("10.0.0.1:1");
    let [one, two] = ["192.0.2.1:9", "192.0.2.1:8"].map(at);
    let mapped = [one, two].map(|remote| bindings.outbound(now, inner, remote).unwrap());
    assert_ne!(mapped[0], mapped[1]);
    assert_eq!(bindings.inbound(now, mapped[0], one), Ok(inner));
    assert_eq!(bindings.inbound(now, mapped[0], two), Err(Refused::Filtered));
    assert_eq!(bindings.inbound(now, mapped[1], two), Ok(inner));
}
