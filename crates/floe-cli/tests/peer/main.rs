//! `floe peer --stdio`, as a program sees it: real processes, real sockets, lines in and lines out.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests of a program"
)]

#[path = "../common/coturn.rs"]
mod coturn;
mod process;
mod relay;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use process::{Peer, run, run_until, signal_until};
use serde_json::{Value, json};

const LOOPBACK: &str = "--include-loopback";

fn text(line: &Value) -> String {
    String::from_utf8(BASE64_STANDARD.decode(line["base64"].as_str().unwrap()).unwrap()).unwrap()
}

/// Two peers with a selected pair each.
async fn connected(options: &[&str]) -> (Peer, Peer) {
    let with = |role| [&["--role", role, LOOPBACK], options].concat();
    let mut a = Peer::start("controlling", &with("controlling"));
    let mut b = Peer::start("controlled", &with("controlled"));
    signal_until(&mut a, &mut b, |peer| peer.has_state("completed")).await;
    (a, b)
}

async fn close(mut peer: Peer) -> Vec<Value> {
    peer.say(&json!({"type": "close"})).await;
    let (status, lines) = peer.end().await;
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), &json!({"type": "state", "state": "closed"}));
    lines
}

#[tokio::test]
async fn two_processes_connect_and_talk_a_hundred_times_in_a_row() {
    for run in 0..100 {
        let (mut a, mut b) = connected(&["--no-ipv6"]).await;
        let (ping, pong) = (format!("ping {run}"), format!("pong {run}"));
        a.say(&json!({"type": "send", "component": 1, "text": ping})).await;
        assert_eq!(text(&b.wait_for("data").await), ping);
        b.say(&json!({"type": "send", "component": 1, "base64": BASE64_STANDARD.encode(&pong)})).await;
        assert_eq!(text(&a.wait_for("data").await), pong);
        for lines in [close(a).await, close(b).await] {
            assert!(lines.iter().all(|line| line["type"] != "error"), "run {run}: {lines:#?}");
        }
    }
}

#[tokio::test]
async fn the_lines_out_are_those_of_the_protocol() {
    let (a, b) = connected(&[]).await;
    for (role, lines) in [("controlling", close(a).await), ("controlled", close(b).await)] {
        let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
        let credentials = of("credentials");
        assert_eq!(credentials.len(), 1);
        assert_eq!(lines[0], *credentials[0]);
        assert_eq!(credentials[0]["options"], json!(["ice2", "trickle", "renomination"]));
        assert_eq!(credentials[0]["lite"], false);
        let ufrag = &credentials[0]["ufrag"];

        assert_eq!(of("role"), [&json!({"type": "role", "role": role})]);
        assert_eq!(of("end-of-candidates").len(), 1);
        let candidates = of("candidate");
        assert!(!candidates.is_empty());
        for candidate in candidates {
            assert!(candidate["candidate"].as_str().unwrap().starts_with("candidate:"), "{candidate}");
            assert_eq!((&candidate["sdpMid"], &candidate["sdpMLineIndex"]), (&json!("0"), &json!(0)));
            assert_eq!(candidate["usernameFragment"], *ufrag);
        }
        let selected = of("selected").pop().unwrap();
        assert_eq!(selected["component"], 1);
        for side in ["local", "remote"] {
            assert!(selected[side].as_str().unwrap().starts_with("candidate:"), "{selected}");
        }
        assert!(selected["elapsed_ms"].as_f64().unwrap() > 0.0, "{selected}");
        assert!(selected["rtt_ms"].is_f64(), "{selected}");

        let states: Vec<_> = of("state").iter().map(|line| line["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["new", "checking", "connected", "completed", "closed"]);
    }
}

#[tokio::test]
async fn a_lite_peer_says_so_and_talks_to_a_full_one_in_either_role() {
    for (full, lite) in [("controlling", "controlled"), ("controlled", "controlling")] {
        let mut a = Peer::start("full", &["--role", full, LOOPBACK, "--no-ipv6"]);
        let mut b = Peer::start("lite", &["--role", lite, LOOPBACK, "--no-ipv6", "--lite", "--echo"]);
        signal_until(&mut a, &mut b, |peer| peer.has_state("completed")).await;
        assert_eq!(b.seen[0]["lite"], true);
        a.say(&json!({"type": "send", "component": 1, "text": "there and back"})).await;
        assert_eq!(text(&a.wait_for("data").await), "there and back");
        b.say(&json!({"type": "stats"})).await;
        let stats = b.wait_for("stats").await;
        for pair in stats["pairs"].as_array().unwrap() {
            assert_eq!(pair["requestsSent"], 0, "{pair}");
            assert_eq!(pair["consentRequestsSent"], 0, "{pair}");
        }
        for (peer, role) in [(a, "controlling"), (b, "controlled")] {
            let lines = close(peer).await;
            let last = lines.iter().rfind(|line| line["type"] == "role").unwrap();
            assert_eq!(last["role"], role);
        }
    }
}

#[tokio::test]
async fn a_bad_line_is_answered_with_what_was_wrong_and_changes_nothing() {
    let mut a = Peer::start("controlling", &[LOOPBACK]);
    let mut b = Peer::start("controlled", &["--role", "controlled", LOOPBACK]);
    let bad = [
        ("{", "line 1: not JSON at column 1: the line ends too early"),
        (r#"{"type":"dance"}"#, r#"line 2: unknown type "dance""#),
        (
            r#"{"type":"credentials","ufrag":"x","pwd":"0123456789012345678901"}"#,
            "line 3: credentials: ufrag: a ufrag has 4 to 256 characters, this one 1",
        ),
        (
            r#"{"type":"candidate","candidate":"candidate:1 1 udp 1 192.0.2.300 5000 typ host"}"#,
            "line 4: candidate: candidate: address (byte 20): is no IP address",
        ),
        (
            r#"{"type":"send","component":1}"#,
            "line 5: send: one of text and base64 is expected, and there are none",
        ),
        (
            r#"{"type":"send","component":1,"text":"x"}"#,
            "line 6: send: component 1 has no path to the peer yet",
        ),
        (r#"{"type":"send","component":2,"text":"x"}"#, "line 7: send: component: there is no component 2"),
    ];
    for (line, message) in bad {
        a.say_text(line).await;
        assert_eq!(a.wait_for("error").await["message"], message);
    }
    a.say(&json!({"type": "stats"})).await;
    // Line 6 was good, there was only no path yet.
    assert_eq!(a.wait_for("stats").await["linesRefused"], bad.len() as u64 - 1);
    // What was said while waiting for the errors has to be handed on, too.
    for line in a.seen.clone() {
        if ["credentials", "candidate", "end-of-candidates"].iter().any(|kind| line["type"] == *kind) {
            b.say(&line).await;
        }
    }
    signal_until(&mut a, &mut b, |peer| peer.count("selected") > 0).await;
    a.say(&json!({"type": "send", "component": 1, "text": "still here"})).await;
    assert_eq!(text(&b.wait_for("data").await), "still here");
    close(a).await;
    close(b).await;
}

#[tokio::test]
async fn a_restart_of_either_side_has_new_credentials_and_a_new_pair_and_loses_no_connection() {
    let (mut a, mut b) = connected(&[]).await;
    for round in 1..=2 {
        let (first, second) = if round == 1 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        first.say(&json!({"type": "restart"})).await;
        first.say(&json!({"type": "send", "component": 1, "text": "meanwhile"})).await;
        signal_until(first, second, |peer| {
            (peer.count("restarted"), peer.count("selected")) == (round, round + 1)
        })
        .await;
        for (from, to) in [(&mut *first, &mut *second)] {
            from.say(&json!({"type": "send", "component": 1, "text": "after"})).await;
            while text(&to.wait_for("data").await) != "after" {}
        }
    }
    for lines in [close(a).await, close(b).await] {
        let states: Vec<_> = lines.iter().filter(|line| line["type"] == "state").collect();
        assert!(states.iter().all(|line| line["state"] != "disconnected"), "{states:?}");
        assert!(lines.iter().all(|line| line["type"] != "error"), "{lines:#?}");
        let ufrags: std::collections::BTreeSet<_> =
            lines.iter().filter_map(|line| line["ufrag"].as_str()).collect();
        assert_eq!(ufrags.len(), 3, "a new one each time");
    }
}

#[tokio::test]
async fn an_unknown_field_is_ignored() {
    let (mut a, mut b) = connected(&[]).await;
    a.say(&json!({"type": "send", "component": 1, "text": "x", "colour": {"deep": ["blue"]}})).await;
    assert_eq!(text(&b.wait_for("data").await), "x");
    close(a).await;
    close(b).await;
}

#[tokio::test]
async fn what_is_echoed_comes_back_and_is_counted() {
    const COUNT: u64 = 50;
    let mut a = Peer::start("controlling", &[LOOPBACK]);
    let mut b = Peer::start("controlled", &["--role", "controlled", LOOPBACK, "--echo"]);
    signal_until(&mut a, &mut b, |peer| peer.has_state("completed")).await;
    a.say(&json!({"type": "send-many", "component": 1, "count": COUNT, "size": 1200})).await;
    let mut numbers = Vec::new();
    for _ in 0..COUNT {
        let datagram = text(&a.wait_for("data").await);
        assert_eq!(datagram.len(), 1200);
        numbers.push(datagram[..8].parse::<u64>().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());

    for (peer, bytes_out) in [(&mut a, COUNT * 1200), (&mut b, COUNT * 1200)] {
        peer.say(&json!({"type": "stats"})).await;
        let stats = peer.wait_for("stats").await;
        let used: Vec<_> =
            stats["pairs"].as_array().unwrap().iter().filter(|pair| pair["nominated"] == true).collect();
        assert_eq!(used.len(), 1, "{stats:#}");
        let pair = used[0];
        assert_eq!((&pair["state"], &pair["inUse"]), (&json!("succeeded"), &json!(true)), "{stats:#}");
        assert_eq!(stats["components"][0]["bytesSent"], bytes_out);
        assert_eq!(stats["components"][0]["bytesReceived"], bytes_out);
        assert!(pair["requestsSent"].as_u64().unwrap() >= 1, "{stats:#}");
        assert!(pair["responsesReceived"].as_u64().unwrap() >= 1, "{stats:#}");
        assert!(pair["currentRoundTripTime"].as_f64().unwrap() > 0.0, "{stats:#}");
        assert!(pair["consentRequestsSent"].is_u64(), "{stats:#}");
    }
    close(a).await;
    close(b).await;
}

#[tokio::test]
async fn two_components_have_a_pair_each() {
    let mut a = Peer::start("controlling", &[LOOPBACK, "--components", "2", "--no-ipv6"]);
    let mut b =
        Peer::start("controlled", &["--role", "controlled", LOOPBACK, "--components", "2", "--no-ipv6"]);
    signal_until(&mut a, &mut b, |peer| peer.has_state("completed") && peer.count("selected") >= 2).await;
    for component in [1, 2] {
        let message = format!("over {component}");
        a.say(&json!({"type": "send", "component": component, "text": message})).await;
        let data = b.wait_for("data").await;
        assert_eq!((&data["component"], text(&data)), (&json!(component), message));
    }
    close(a).await;
    close(b).await;
}

#[tokio::test]
async fn every_way_to_nominate_connects() {
    for nomination in ["regular", "eager", "aggressive"] {
        let (a, b) = connected(&["--nomination", nomination, "--no-ipv6"]).await;
        close(a).await;
        close(b).await;
    }
}

#[tokio::test]
async fn two_peers_of_one_role_settle_it() {
    for role in ["controlling", "controlled"] {
        let mut a = Peer::start("one", &["--role", role, LOOPBACK, "--no-ipv6"]);
        let mut b = Peer::start("other", &["--role", role, LOOPBACK, "--no-ipv6"]);
        signal_until(&mut a, &mut b, |peer| peer.has_state("completed")).await;
        let last_role = |lines: &[Value]| {
            lines.iter().rfind(|line| line["type"] == "role").unwrap()["role"].as_str().unwrap().to_owned()
        };
        let mut roles = [last_role(&close(a).await), last_role(&close(b).await)];
        roles.sort();
        assert_eq!(roles, ["controlled", "controlling"]);
    }
}

#[tokio::test]
async fn the_end_of_input_ends_the_peer_well() {
    let mut peer = Peer::start("peer", &[LOOPBACK]);
    peer.wait_for("end-of-candidates").await;
    peer.hang_up();
    let (status, lines) = peer.end().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines.last().unwrap()["state"], "closed");
}

#[tokio::test]
async fn a_peer_that_is_closed_at_once_has_nothing_to_complain_of() {
    for input in ["{\"type\":\"close\"}", "{\"type\":\"close\"}\n{\"type\":\"close\"}", ""] {
        let mut peer = Peer::start("peer", &[LOOPBACK]);
        peer.say_text(input).await;
        peer.hang_up();
        let (status, lines) = peer.end().await;
        assert_eq!(status.code(), Some(0));
        let errors = lines.iter().filter(|line| line["type"] == "error").count();
        assert_eq!(errors, usize::from(input.is_empty()), "an empty line is malformed: {lines:#?}");
        assert_eq!(lines.last().unwrap()["state"], "closed");
    }
}

#[tokio::test]
async fn a_line_that_the_end_of_input_cuts_short_is_refused() {
    let mut peer = Peer::start("peer", &[LOOPBACK]);
    peer.wait_for("end-of-candidates").await;
    peer.say_raw(br#"{"type":"sta"#).await;
    peer.hang_up();
    let (status, lines) = peer.end().await;
    assert_eq!(status.code(), Some(0));
    let errors: Vec<_> = lines.iter().filter(|line| line["type"] == "error").collect();
    let message = "line 1: not JSON at column 12: the line ends too early";
    assert_eq!(errors, [&json!({"type": "error", "message": message})]);
}

#[tokio::test]
async fn without_a_candidate_the_log_says_why_and_in_plain_text() {
    let options = ["peer", "--stdio", "--interface", "no-such-interface"];
    let (status, out, err) = run_until(&options, "end-of-candidates").await;
    assert_eq!(status.code(), Some(0), "{out}");
    assert!(err.contains("no candidate to offer") && err.contains("lo: "), "{err}");
    assert!(!err.contains('\u{1b}'), "{err}");
}

#[tokio::test]
async fn a_peer_that_nobody_listens_to_ends() {
    let mut peer = Peer::start("peer", &[LOOPBACK]);
    peer.stop_listening();
    // Whatever it says now, it cannot.
    peer.say(&json!({"type": "stats"})).await;
    assert_eq!(peer.status().await.code(), Some(0));
}

#[tokio::test]
async fn a_failed_agent_ends_with_its_reason_and_status_1() {
    let mut peer = Peer::start("peer", &[LOOPBACK, "--candidate-timeout", "0.2"]);
    peer.say(&json!({"type": "credentials", "ufrag": "abcd", "pwd": "0123456789012345678901"})).await;
    peer.say(&json!({"type": "end-of-candidates"})).await;
    let (status, lines) = peer.end().await;
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["state"]), (&json!("state"), &json!("failed")));
    assert!(!last["reason"].as_str().unwrap().is_empty(), "{last}");
}

#[tokio::test]
async fn options_that_cannot_be_used_are_refused_by_name() {
    let peer = ["peer", "--stdio"];
    let later: [&[&str]; 5] =
        [&["--no-udp"], &["--ice-tcp"], &["--port-mapping"], &["--mdns"], &["--trace", "trace"]];
    let nonsense: [&[&str]; 12] = [
        &["--stun", "turn:192.0.2.1"],
        &["--stun", "stun://192.0.2.1"],
        &["--turn", "stun:192.0.2.1", "--turn-user", "u", "--turn-password", "p"],
        &["--turn", "turn:192.0.2.1"],
        &["--turn-user", "u", "--turn", "turn:192.0.2.1"],
        &["--turn-password", "p"],
        &["--tls-ca", "there-is-no-such-file.pem"],
        &["--role", "boss"],
        &["--components", "0"],
        &["--components", "257"],
        &["--candidate-timeout", "soon"],
        &["--frobnicate"],
    ];
    for option in later.into_iter().chain(nonsense) {
        let (status, out, err) = run(&[&peer, option].concat()).await;
        assert_eq!((status.code(), out.as_str()), (Some(2), ""), "{option:?}");
        let named = [option[0], option.last().unwrap(), "turn"].iter().any(|name| err.contains(name));
        assert!(named, "{option:?}: {err}");
    }
    assert_eq!(run(&["peer"]).await.0.code(), Some(2), "--stdio is required");
}
