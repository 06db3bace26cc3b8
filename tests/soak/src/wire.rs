//! What the agents sent, as the network saw it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use floe_sim::{Fate, HostId, Network};
use floe_stun::{Class, Message};
use floe_turn::{Data, method};

/// How many datagrams these hosts sent, those that the network doubled counted once.
pub(crate) fn count(network: &Network, hosts: [HostId; 2]) -> usize {
    let mine = |sender: Option<HostId>| sender.is_some_and(|sender| hosts.contains(&sender));
    network.log().iter().filter(|record| mine(record.sender) && !record.copy).count()
}

/// The first two new transactions of a host that are closer together than this, if there are any: the times of both.
/// Checks inside relays count like all others, when they leave. Refreshes do not: what gives an allocation back waits for
/// nobody (RFC 8445 14.2 paces gathering and checks).
pub(crate) fn too_close(network: &Network, host: HostId, ta: Duration) -> Option<[Instant; 2]> {
    let mut seen = BTreeSet::new();
    let mut last: Option<Instant> = None;
    for record in network.log().iter().filter(|record| record.sender == Some(host) && !record.copy) {
        let Ok(message) = Message::parse(inner(&record.payload).0) else { continue };
        let paced = message.class() == Class::Request && message.method() != method::REFRESH;
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

/// What a datagram carries, and whether that is inside a relay's message: a Send indication or ChannelData.
fn inner(payload: &[u8]) -> (&[u8], bool) {
    if let Ok(message) = Message::parse(payload) {
        let data = message.attribute::<Data<'_>>().ok().flatten();
        return data.map_or((payload, false), |data| (data.0, true));
    }
    match payload {
        [0x40..=0x4f, _, _, _, data @ ..] => (data, true),
        _ => (payload, false),
    }
}

/// All datagrams of these hosts in words, a line each.
pub(crate) fn words(network: &Network, start: Instant) -> impl Iterator<Item = (Instant, String)> + '_ {
    network.log().iter().filter(|record| !record.copy).map(move |record| {
        let (payload, relayed) = inner(&record.payload);
        let mut what = match Message::parse(payload) {
            Ok(message) => {
                format!("{:?} {:?} {:?}", message.method(), message.class(), message.transaction_id())
            }
            Err(_) => format!("{} bytes", payload.len()),
        };
        if relayed {
            what += " relayed";
        }
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
