//! What was on the wire, as STUN.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_sim::{HostId, Network};
use floe_stun::{Class, Message, TransactionId, attribute::UseCandidate};

use crate::world::{Side, World};

/// A STUN message that a side sent, retransmissions among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) class: Class,
    pub(crate) id: TransactionId,
    pub(crate) use_candidate: bool,
}

impl World {
    /// All STUN messages that a side sent, in their order.
    pub(crate) fn sent(&self, side: Side) -> Vec<Sent> {
        let own: Vec<_> = self.simulation.network().host(self.host(side)).unwrap().interfaces().to_vec();
        let is_own = |at: SocketAddr| {
            own.iter().flat_map(|interface| &interface.addresses).any(|address| address.ip == at.ip())
        };
        let log = self.simulation.network().log().iter();
        let sent = log.filter(|record| !record.copy && is_own(record.from)).filter_map(|record| {
            let message = Message::parse(&record.payload).ok()?;
            Some(Sent {
                at: self.since_start(record.sent),
                from: record.from,
                to: record.to,
                class: message.class(),
                id: message.transaction_id(),
                use_candidate: message.attribute::<UseCandidate>().unwrap().is_some(),
            })
        });
        sent.collect()
    }

    /// The first datagram of every transaction that a side started.
    pub(crate) fn started(&self, side: Side) -> Vec<Sent> {
        let mut seen = BTreeSet::new();
        let mut sent = self.sent(side);
        sent.retain(|sent| sent.class == Class::Request && seen.insert(*sent.id.as_bytes()));
        sent
    }

    /// RFC 8445 14.2: no two new transactions of a side are closer than this.
    pub(crate) fn assert_paced(&self, side: Side, ta: Duration) {
        for two in self.started(side).windows(2) {
            let gap = two[1].at - two[0].at;
            assert!(gap >= ta, "{side:?} started two transactions within {gap:?}: {two:#?}");
        }
    }

    /// The pairs that a side nominated, each as often as it started a nominating check for it.
    pub(crate) fn nominated(&self, side: Side) -> Vec<(SocketAddr, SocketAddr)> {
        let nominating = self.started(side).into_iter().filter(|sent| sent.use_candidate);
        nominating.map(|sent| (sent.from, sent.to)).collect()
    }
}

/// The first datagram of every transaction: whose it was, and when.
pub(crate) fn first_requests(network: &Network) -> impl Iterator<Item = (HostId, Instant)> + '_ {
    let mut seen = BTreeSet::new();
    network.log().iter().filter(|record| !record.copy).filter_map(move |record| {
        let message = Message::parse(&record.payload).ok()?;
        let new = message.class() == Class::Request && seen.insert(*message.transaction_id().as_bytes());
        new.then_some((record.sender?, record.sent))
    })
}
