//! What the agents sent, as the network saw it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use floe_sim::{HostId, Network};
use floe_stun::{Class, Message};

/// How many datagrams these hosts sent, those that the network doubled counted once.
pub(crate) fn count(network: &Network, hosts: [HostId; 2]) -> usize {
    let mine = |sender: Option<HostId>| sender.is_some_and(|sender| hosts.contains(&sender));
    network.log().iter().filter(|record| mine(record.sender) && !record.copy).count()
}

/// The first two new transactions of a host that are closer together than this, if there are any: the times of both.
pub(crate) fn too_close(network: &Network, host: HostId, ta: Duration) -> Option<[Instant; 2]> {
    let mut seen = BTreeSet::new();
    let mut last: Option<Instant> = None;
    for record in network.log().iter().filter(|record| record.sender == Some(host) && !record.copy) {
        let Ok(message) = Message::parse(&record.payload) else { continue };
        if message.class() != Class::Request || !seen.insert(message.transaction_id().as_bytes().to_vec()) {
            continue;
        }
        if let Some(before) = last.filter(|&before| record.sent < before + ta) {
            return Some([before, record.sent]);
        }
        last = Some(record.sent);
    }
    None
}
