//! Worlds in words.

use std::fmt;

use super::{Attachment, World};
use crate::{Allocation, Dependence, Families, Firewall, Gateway, Inbound, Link, Nat, Outbound, Pooling};

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "World::random({}), unless it was changed:", self.seed)?;
        writeln!(f, "  internet: {}", Words(&self.core))?;
        writeln!(f, "  server: {}", if self.stun { "STUN" } else { "no STUN" })?;
        for gateway in &self.common {
            writeln!(f, "  common: {}", Words(gateway))?;
        }
        for ((name, end), turn) in ["a", "b"].iter().zip(&self.ends).zip(self.turn) {
            writeln!(f, "  {name}: {}", if turn { "with a relay" } else { "without relay" })?;
            for attachment in end {
                writeln!(f, "    {}", Words(attachment))?;
            }
        }
        Ok(())
    }
}

/// A part of a world in words.
struct Words<'a, T>(&'a T);

impl fmt::Display for Words<'_, Attachment> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.families {
            Families::V4 => "IPv4",
            Families::V6 => "IPv6",
            Families::Both => "IPv4 and IPv6",
        })?;
        if self.0.common {
            f.write_str(", behind the common ones")?;
        }
        self.0.chain.iter().try_for_each(|gateway| write!(f, ", behind {}", Words(gateway)))
    }
}

impl fmt::Display for Words<'_, Gateway> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.nat, &self.0.firewall) {
            (Some(nat), Some(firewall)) => write!(f, "{} and {}", Words(nat), Words(firewall))?,
            (Some(nat), None) => write!(f, "{}", Words(nat))?,
            (None, Some(firewall)) => write!(f, "{}", Words(firewall))?,
            (None, None) => f.write_str("a router")?,
        }
        write!(f, " (up {}; down {})", Words(&self.0.up), Words(&self.0.down))
    }
}

impl fmt::Display for Words<'_, Nat> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nat = self.0;
        f.write_str("a NAT")?;
        nat.nat64.iter().try_for_each(|prefix| write!(f, "64 of {prefix}"))?;
        write!(f, " [maps {}, filters {}", Words(&nat.mapping), Words(&nat.filtering))?;
        f.write_str(if nat.preserves_ports { ", preserves ports" } else { "" })?;
        f.write_str(if nat.preserves_parity { ", preserves parity" } else { "" })?;
        f.write_str(if nat.allocation == Allocation::Random { ", random ports" } else { "" })?;
        f.write_str(if nat.pooling == Pooling::Arbitrary { ", arbitrary pooling" } else { "" })?;
        f.write_str(if nat.hairpins { ", hairpins" } else { "" })?;
        let inbound = if nat.inbound_refreshes { ", refreshed by inbound, too" } else { "" };
        write!(f, ", {:?}{inbound}]", nat.timeout)
    }
}

impl fmt::Display for Words<'_, Dependence> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Dependence::EndpointIndependent => "independently",
            Dependence::Address => "by address",
            Dependence::AddressAndPort => "by address and port",
        })
    }
}

impl fmt::Display for Words<'_, Firewall> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.outbound {
            Outbound::Open => f.write_str("a firewall [out: all")?,
            Outbound::Ports(ports) => write!(f, "a firewall [out: ports {ports:?}")?,
            Outbound::Closed => f.write_str("a firewall [out: nothing")?,
        }
        match &self.0.inbound {
            Inbound::Open => f.write_str(", in: all]"),
            Inbound::Answers(dependence) => {
                write!(f, ", in: answers {}, {:?}]", Words(dependence), self.0.timeout)
            }
            Inbound::Closed => f.write_str(", in: nothing]"),
        }
    }
}

impl fmt::Display for Words<'_, Link> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.0;
        write!(f, "{:?}", link.delay)?;
        let shares = [("loss", link.loss), ("duplicated", link.duplicate), ("reordered", link.reorder)];
        if !link.jitter.is_zero() {
            write!(f, ", jitter {:?}", link.jitter)?;
        }
        for (name, share) in shares.iter().filter(|(_, share)| *share > 0.0) {
            write!(f, ", {name} {share}")?;
        }
        link.bursts.iter().try_for_each(|bursts| write!(f, ", {bursts:?}"))?;
        link.rate.iter().try_for_each(|rate| write!(f, ", {rate} bit/s, {} bytes of queue", link.queue))?;
        link.mtu.iter().try_for_each(|mtu| write!(f, ", MTU {mtu}"))
    }
}
