//! Redundant candidates (RFC 8445 5.1.3).

use floe_core::LocalCandidate;

/// Whether two candidates of a component are one and the same to the peer and to the network: equal transport address
/// and equal base. The same address by another base is not redundant: its checks take another path.
#[must_use]
pub fn is_redundant(one: &LocalCandidate, other: &LocalCandidate) -> bool {
    one.base == other.base
        && one.candidate.component() == other.candidate.component()
        && one.candidate.transport() == other.candidate.transport()
        && one.candidate.address() == other.candidate.address()
}

/// Leaves of redundant candidates the one with the highest priority, and the others as they are.
///
/// All candidates are of one stream. Where candidates are signalled one by one, a candidate that was signalled is no
/// longer taken back: there a new one is left out if [`is_redundant`] says so of any that is known.
pub fn eliminate_redundant(candidates: &mut Vec<LocalCandidate>) {
    let mut kept: Vec<LocalCandidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates.drain(..) {
        match kept.iter_mut().find(|other| is_redundant(other, &candidate)) {
            Some(other) if other.candidate.priority() < candidate.candidate.priority() => *other = candidate,
            Some(_) => {}
            None => kept.push(candidate),
        }
    }
    *candidates = kept;
}

#[cfg(test)]
mod tests {
    use floe_core::{
        BaseId, Candidate, CandidateKind, ComponentId, Foundation, Priority, Transport, TypePreference,
    };

    use super::*;

    fn candidate(kind: CandidateKind, address: &str, base: u32) -> LocalCandidate {
        let base_address = "10.0.0.1:5000".parse().unwrap();
        let builder =
            Candidate::builder(kind, Transport::Udp, address.parse::<std::net::SocketAddr>().unwrap())
                .component(ComponentId::RTP)
                .priority(Priority::new(TypePreference::from(kind), 65_535, ComponentId::RTP))
                .foundation(Foundation::from(1));
        let builder = if kind == CandidateKind::Host { builder } else { builder.related(base_address) };
        LocalCandidate { candidate: builder.build().unwrap(), base: BaseId(base), base_address }
    }

    // proves: 8445-5.1.3-a
    #[test]
    fn of_equal_address_and_base_the_lower_priority_goes() {
        use CandidateKind::{Host, ServerReflexive};
        let host = candidate(Host, "10.0.0.1:5000", 0);
        // Without a NAT the server sees the host's own address.
        let not_translated = candidate(ServerReflexive, "10.0.0.1:5000", 0);
        for mut candidates in
            [[host.clone(), not_translated.clone()].to_vec(), [not_translated, host.clone()].to_vec()]
        {
            eliminate_redundant(&mut candidates);
            assert_eq!(candidates, [host.clone()].as_slice());
        }

        // One address by two bases: both stay, as does another address by one base.
        let different = vec![
            candidate(ServerReflexive, "203.0.113.1:6000", 0),
            candidate(ServerReflexive, "203.0.113.1:6000", 1),
            candidate(ServerReflexive, "203.0.113.1:6001", 0),
        ];
        let mut candidates = different.clone();
        eliminate_redundant(&mut candidates);
        assert_eq!(candidates, different);
    }
}
