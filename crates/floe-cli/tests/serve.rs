//! `floe serve` as a process, and two `floe peer` that meet through it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests: processes, and helpers that others of them use"
)]

#[path = "peer/process.rs"]
mod process;

use process::{LIMIT, Peer, run, signal_until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A server on loopback, and what it said of itself.
struct Server {
    _child: Child,
    announced: Value,
}

impl Server {
    async fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--json"]).args(options).kill_on_drop(true);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(LIMIT, lines.next_line()).await.expect("it is silent").unwrap().unwrap();
        Self { _child: child, announced: serde_json::from_str(&line).unwrap() }
    }

    /// Its TURN server as options of a peer.
    fn options(&self, transport: &str) -> Vec<String> {
        let server = &self.announced["iceServers"][1];
        let urls = server["urls"].as_array().unwrap();
        let url = urls.iter().find(|url| url.as_str().unwrap().ends_with(transport)).unwrap();
        let values = [url, &server["username"], &server["credential"]].map(|value| value.as_str().unwrap());
        let names = ["--turn", "--turn-user", "--turn-password"];
        names.iter().zip(values).flat_map(|(name, value)| [(*name).to_owned(), value.to_owned()]).collect()
    }
}

/// Two peers that use relays only.
fn pair(server: &Server, transport: &str) -> (Peer, Peer) {
    let servers = server.options(transport);
    let start = |name, role| {
        let mut options = vec!["--policy", "relay", "--include-loopback", "--no-ipv6", "--role", role];
        options.extend(servers.iter().map(String::as_str));
        Peer::start(name, &options)
    };
    (start("a", "controlling"), start("b", "controlled"))
}

async fn relays_data_over(transport: &str) {
    let server = Server::start(&["--allow-loopback-peers"]).await;
    let (mut a, mut b) = pair(&server, transport);
    signal_until(&mut a, &mut b, |peer| peer.count("selected") > 0).await;
    send_through_relay(&mut a, &mut b).await;
    send_through_relay(&mut b, &mut a).await;
}

async fn send_through_relay(from: &mut Peer, to: &mut Peer) {
    let selected = from.seen.iter().find(|line| line["type"] == "selected").unwrap();
    assert!(selected["local"].as_str().unwrap().contains("typ relay"), "{selected}");
    from.say(&json!({"type": "send", "component": 1, "text": "through the relay"})).await;
    assert_eq!(to.wait_for("data").await["base64"], "dGhyb3VnaCB0aGUgcmVsYXk=");
}

#[tokio::test]
async fn two_peers_meet_through_its_relays_over_udp() {
    relays_data_over("transport=udp").await;
}

#[tokio::test]
async fn two_peers_meet_through_its_relays_over_tcp() {
    relays_data_over("transport=tcp").await;
}

#[tokio::test]
async fn an_allocation_too_many_is_refused() {
    let server = Server::start(&["--max-allocations", "1"]).await;
    let (mut a, mut b) = pair(&server, "transport=udp");
    // Each reaches its end; one of them has a candidate.
    a.wait_for("end-of-candidates").await;
    b.wait_for("end-of-candidates").await;
    assert_eq!(a.count("candidate") + b.count("candidate"), 1, "{:#?} {:#?}", a.seen, b.seen);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = Server::start(&[]).await;
    let url = server.announced["iceServers"][0]["urls"][0].as_str().unwrap().to_owned();
    let taken = url.strip_prefix("stun:").unwrap();
    let (status, out, err) = run(&["serve", "--listen", taken]).await;
    assert_eq!((status.code(), out.as_str()), (Some(1), ""));
    assert!(err.contains(&format!("cannot listen at {taken}")), "{err}");
}

#[tokio::test]
async fn what_a_person_reads_names_coturn_for_production() {
    let (status, out, _) = run(&["serve", "--help"]).await;
    assert!(status.success());
    assert!(out.contains("production uses coturn"), "{out}");
}
