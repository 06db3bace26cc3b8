//! NAPTR records of the service `RELAY` (RFC 3958, RFC 5928 3 step 4).

use floe_core::{ServerTransport, dns::NaptrRecord};

/// Where a record leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Naptr,
    Srv,
    Addresses,
}

/// `None`: nowhere that S-NAPTR goes, which knows no substitutions and no other flags (RFC 3958 6.4).
pub(super) fn step(record: &NaptrRecord) -> Option<Step> {
    if !record.regexp.is_empty() || record.replacement.is_empty() {
        return None;
    }
    match &*record.flags {
        "" => Some(Step::Naptr),
        "S" | "s" => Some(Step::Srv),
        "A" | "a" => Some(Step::Addresses),
        _ => None,
    }
}

/// Whether a record is about TURN at all.
pub(super) fn is_relay(record: &NaptrRecord) -> bool {
    let service = record.services.split(':').next().unwrap_or_default();
    service.eq_ignore_ascii_case("RELAY")
}

/// Whether a record is about TURN servers that are reached by this (RFC 5928 3 step 4, RFC 7350 4.6.2).
pub(super) fn offers(record: &NaptrRecord, transport: ServerTransport) -> bool {
    let tag = match transport {
        ServerTransport::Udp => "turn.udp",
        ServerTransport::Dtls => "turn.dtls",
        ServerTransport::Tcp => "turn.tcp",
        ServerTransport::Tls => "turn.tls",
    };
    is_relay(record) && record.services.split(':').skip(1).any(|protocol| protocol.eq_ignore_ascii_case(tag))
}

/// Which transports are tried, and in which order: as the first records rank them, and those of one rank as the caller does.
pub(super) fn ranked(records: &[NaptrRecord], supported: &[ServerTransport]) -> Vec<ServerTransport> {
    let rank = |transport: ServerTransport| {
        let offering = records.iter().filter(|record| offers(record, transport) && step(record).is_some());
        offering.map(|record| (record.order, record.preference)).min()
    };
    let mut ranked: Vec<_> =
        supported.iter().filter_map(|transport| Some((rank(*transport)?, *transport))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, transport)| transport).collect()
}
