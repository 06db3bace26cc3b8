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
