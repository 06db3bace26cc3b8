//! The log as a capture file (pcapng), to be opened in Wireshark.

mod block;
mod packet;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::{Fate, HostId, Network, Record};

/// When a network's time begins in a capture, in seconds since 1970: 9 September 2001, 01:46:40 UTC. Virtual time has no
/// date, and this one is easily told from a real one.
const EPOCH: Duration = Duration::from_secs(1_000_000_000);

/// A datagram as it passes an interface.
struct Sight<'a> {
    at: Instant,
    host: HostId,
    record: &'a Record,
    inbound: bool,
}

impl Network {
    /// The log as a capture file in the format pcapng: raw IP with UDP headers and true checksums, in virtual time.
    ///
    /// Each host is an interface, named like its [`HostId`]: a datagram is seen where it was sent, with the addresses it
    /// had there, and again where it arrived. What did not arrive has a comment that says why.
    ///
    /// ```
    /// # let mut network = floe_sim::Network::new(std::time::Instant::now(), 1);
    /// // std::fs::write("failing.pcapng", network.capture())?;
    /// assert_eq!(network.capture()[..4], [0x0A, 0x0D, 0x0D, 0x0A]);
    /// ```
    #[must_use]
    pub fn capture(&self) -> Vec<u8> {
        let mut file = block::section();
        for host in 0..self.host_count() {
            file.extend(block::interface(&HostId(host).to_string()));
        }
        let mut sights: Vec<_> = self.log().iter().flat_map(sights).collect();
        sights.sort_by_key(|sight| sight.at);
        for sight in sights {
            let since = EPOCH + sight.at.duration_since(self.epoch());
            file.extend(block::packet(sight.host.0, since, sight.inbound, &bytes(&sight), &comment(&sight)));
        }
        file
    }
}

fn sights(record: &Record) -> impl Iterator<Item = Sight<'_>> {
    // A copy was sent once, by the network.
    let sender = record.sender.filter(|_| !record.copy);
    let sent = sender.map(|host| Sight { at: record.sent, host, record, inbound: false });
    let at = match record.fate {
        Fate::Delivered { at } | Fate::NoSocket { at } => Some(at),
        _ => None,
    };
    let arrived =
        at.zip(record.arrival).map(|(at, seen)| Sight { at, host: seen.host, record, inbound: true });
    sent.into_iter().chain(arrived)
}

fn bytes(sight: &Sight<'_>) -> Vec<u8> {
    let record = sight.record;
    let (from, to) = match record.arrival.filter(|_| sight.inbound) {
        Some(seen) => (seen.from, seen.to),
        None => (record.from, record.to),
    };
    packet::udp(from, to, &record.payload)
}

/// What became of it, where that cannot be seen.
fn comment(sight: &Sight<'_>) -> String {
    let copy = if sight.record.copy { "a copy" } else { "" };
    match sight.record.fate {
        Fate::Delivered { .. } => copy.to_owned(),
        _ if !sight.inbound => format!("{:?}", Words(sight.record.fate)),
        _ => "no socket".to_owned(),
    }
}

/// A fate without its time, which says nothing outside the program.
struct Words(Fate);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Fate::InFlight { .. } => f.write_str("on its way at the end"),
            Fate::Delivered { .. } => f.write_str("delivered"),
            Fate::Lost => f.write_str("lost"),
            Fate::TooLarge => f.write_str("larger than an MTU"),
            Fate::QueueFull => f.write_str("found a queue full"),
            Fate::Blocked { realm, .. } => write!(f, "blocked by the firewall of {realm}"),
            Fate::Filtered { realm, .. } => write!(f, "filtered by the NAT of {realm}"),
            Fate::NoHairpin { realm, .. } => write!(f, "the NAT of {realm} does not hairpin"),
            Fate::NoPort { realm, .. } => write!(f, "the NAT of {realm} had no port left"),
            Fate::NoSource => f.write_str("sent from no socket"),
            Fate::NoRoute => f.write_str("no route"),
            Fate::NoSocket { .. } => f.write_str("no socket there"),
        }
    }
}
