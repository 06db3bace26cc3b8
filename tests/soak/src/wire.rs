//! What the agents sent, as the network saw it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use floe_sim::{Fate, HostId, Network};
use floe_stun::{Class, Message, Method};

/// The number of the method Refresh (RFC 8656 17).
const REFRESH: u16 = 4;

/// How many datagrams these hosts sent, those that the network doubled counted once.
pub(crate) fn count(network: &Network, hosts: [HostId; 2]) -> usize {
    let mine = |sender: Option<HostId>| sender.is_some_and(|sender| hosts.contains(&sender));
    network.log().iter().filter(|record| mine(record.sender) && !record.copy).count()
}

/// The first two new transactions of a host that are closer together than this, if there are any: the times of both.
///
/// A check that goes over a relay is not seen here: it spends its slot when the relay's client is given it, and leaves
/// later where the permission is not there yet. Refreshes do not count: what gives an allocation back waits for nobody (RFC
/// 8445 14.2 paces gathering and checks).
pub(crate) fn too_close(network: &Network, host: HostId, ta: Duration) -> Option<[Instant; 2]> {
    let mut seen = BTreeSet::new();
    let mut last: Option<Instant> = None;
    for record in network.log().iter().filter(|record| record.sender == Some(host) && !record.copy) {
        let Ok(message) = Message::parse(&record.payload) else { continue };
        let paced = message.class() == Class::Request && Some(message.method()) != Method::new(REFRESH);
        if !paced || !seen.insert(*message.transaction_id().as_bytes()) {
            continue;
        }
        if let Some(before) = last.filter(|&before| record.sent < before + ta) {
            return Some([before, record.sent]);
        }
        last = Some(record.sent);
    }
    None
}

/// All datagrams of these hosts in words, a line each.
pub(crate) fn words(network: &Network, start: Instant) -> impl Iterator<Item = (Instant, String)> + '_ {
    network.log().iter().filter(|record| !record.copy).map(move |record| {
        let what = match Message::parse(&record.payload) {
            Ok(message) => {
                format!("{:?} {:?} {:?}", message.method(), message.class(), message.transaction_id())
            }
            Err(_) => format!("{} bytes", record.payload.len()),
        };
        let sender = record.sender.map_or_else(String::new, |host| host.to_string());
        let (from, to, fate) = (record.from, record.to, fate(record, start));
        (record.sent, format!("{sender} {from} > {to}: {what}: {fate}"))
    })
}

fn fate(record: &floe_sim::Record, start: Instant) -> String {
    match record.fate {
        Fate::Delivered { at } => format!("delivered at {:?}", at - start),
        other => format!("{other:?}"),
    }
}
