//! IPv6 bases behind a NAT64 (RFC 8445 5.1.1.2).

use floe_check::CheckConfig;
use floe_core::{CandidateKind, Nat64Prefix, Role};

use crate::common::*;

// proves: 8445-5.1.1.2-g
#[test]
fn behind_a_nat64_ipv6_bases_pair_with_ipv4_candidates_that_it_leads_to() {
    let remotes = [
        ("192.0.2.2:2", 1),
        ("[2001:db8::2]:2", 1),
        // The well-known prefix leads to no private network, nor does any to this host.
        ("10.0.0.2:2", 0),
        ("127.0.0.1:2", 0),
    ];
    for (remote, pairs) in remotes {
        for local in ["[2001:db8::1]:1", "10.0.0.1:1", "[fe80::1]:1"] {
            let with_v6 = local.starts_with("[2001");
            let with_v4 = local.starts_with("10") && remote != "[2001:db8::2]:2" && remote != "127.0.0.1:2";
            for prefix in [None, Some(Nat64Prefix::WELL_KNOWN)] {
                let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP])]);
                if let Some(prefix) = prefix {
                    bench.set.set_nat64(BASE, prefix);
                }
                bench.local(S0, &Cand::host(local));
                // A relay has no way through it, whatever its address.
                bench.local(S0, &Cand::relay("[2001:db8::9]:9"));
                let over = |bench: &Bench| {
                    bench.pairs().iter().filter(|pair| pair.local.kind() == CandidateKind::Host).count()
                };
                bench.describe(S0);
                bench.remote(S0, &Cand::host(remote));
                let over_nat64 = with_v6 && prefix.is_some() && pairs == 1;
                let same = with_v6 && remote.starts_with('[');
                let expected = usize::from(over_nat64 || same || with_v4);
                assert_eq!(over(&bench), expected, "{local} with {remote}, {prefix:?}");
                let relayed = bench.pairs().len() - expected;
                assert_eq!(relayed, usize::from(remote.starts_with('[')), "{remote}");
            }
        }
    }
}

#[test]
fn behind_a_nat64_the_mapped_address_is_of_the_other_family() {
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host("[2001:db8::1]:1000"));
    bench.describe(S0);
    bench.remote(S0, &Cand::host("[64:ff9b::a00:2]:2000"));
    let check = bench.next();
    let _ = bench.answer(&check, "192.0.2.1:4000");
    let valid = bench.valid();
    assert_eq!(valid.len(), 1);
    assert_eq!(bench.view(valid[0].id).local.socket_addr(), Some(addr("192.0.2.1:4000")));
    assert_eq!(bench.set.route(valid[0].id).unwrap().to, addr("[64:ff9b::a00:2]:2000"));
}
