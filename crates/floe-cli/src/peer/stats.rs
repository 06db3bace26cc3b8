//! The answer to `stats`, with the names of webrtc-stats.

use std::collections::BTreeMap;

use floe::{PairState, PairStats, Stats};
use serde::Serialize;

/// The statistics of an agent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsLine {
    /// The candidate pairs.
    pairs: Vec<PairLine>,
    /// The components.
    components: Vec<ComponentLine>,
    /// Datagrams that were dropped, by reason.
    packets_dropped: BTreeMap<String, u64>,
    /// Candidates of the peer that were refused, by reason.
    candidates_refused: BTreeMap<String, u64>,
    /// Datagrams of ICE's own that the system did not take.
    packets_unsent: u64,
    /// Lines that were answered with an error.
    lines_refused: u64,
}

/// A pair, with the names of `RTCIceCandidatePairStats`, and its candidates in place of their ids.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PairLine {
    id: String,
    component: u16,
    local: String,
    remote: String,
    state: &'static str,
    nominated: bool,
    in_use: bool,
    priority: u64,
    packets_sent: u64,
    packets_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    requests_received: u64,
    requests_sent: u64,
    responses_received: u64,
    responses_sent: u64,
    retransmissions_sent: u64,
    consent_requests_sent: u64,
    total_round_trip_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_round_trip_time: Option<f64>,
}

/// A component.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComponentLine {
    component: u16,
    packets_sent: u64,
    packets_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    /// Received, and dropped because nobody took them in time.
    packets_discarded_on_receive: u64,
}

impl StatsLine {
    pub(crate) fn new(stats: &Stats, lines_refused: u64) -> Self {
        let components = stats.components.iter().map(|stats| ComponentLine {
            component: stats.component.get(),
            packets_sent: stats.traffic.packets_sent,
            packets_received: stats.traffic.packets_received,
            bytes_sent: stats.traffic.bytes_sent,
            bytes_received: stats.traffic.bytes_received,
            packets_discarded_on_receive: stats.inbox_dropped,
        });
        Self {
            pairs: stats.pairs.iter().map(PairLine::new).collect(),
            components: components.collect(),
            packets_dropped: by_reason(&stats.dropped),
            candidates_refused: by_reason(&stats.refused),
            packets_unsent: stats.unsent,
            lines_refused,
        }
    }
}

fn by_reason(counts: &BTreeMap<impl ToString, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(why, count)| (why.to_string(), *count)).collect()
}

impl PairLine {
    fn new(stats: &PairStats) -> Self {
        let PairStats { pair, traffic, in_use, .. } = stats;
        let counters = &pair.counters;
        Self {
            id: pair.id.to_string(),
            component: pair.component.get(),
            local: pair.local.to_string(),
            remote: pair.remote.to_string(),
            state: state(pair.state),
            nominated: pair.nominated,
            in_use: *in_use,
            priority: pair.priority.get(),
            packets_sent: traffic.packets_sent,
            packets_received: traffic.packets_received,
            bytes_sent: traffic.bytes_sent,
            bytes_received: traffic.bytes_received,
            requests_received: counters.requests_received,
            requests_sent: counters.requests_sent,
            responses_received: counters.responses_received,
            responses_sent: counters.responses_sent,
            retransmissions_sent: counters.retransmissions_sent,
            consent_requests_sent: counters.consent_requests_sent,
            total_round_trip_time: counters.total_round_trip.as_secs_f64(),
            current_round_trip_time: counters.current_round_trip.map(|time| time.as_secs_f64()),
        }
    }
}

/// `RTCStatsIceCandidatePairState`.
const fn state(state: PairState) -> &'static str {
    match state {
        PairState::Frozen => "frozen",
        PairState::Waiting => "waiting",
        PairState::InProgress => "in-progress",
        PairState::Succeeded => "succeeded",
        PairState::Failed => "failed",
    }
}
