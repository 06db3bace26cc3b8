//! Two peers that meet at a TURN server: coturn, where it is installed.

use serde_json::{Value, json};

use crate::{
    LOOPBACK, close,
    coturn::{Coturn, PASSWORD, USER},
    process::{Peer, signal_until},
    text,
};

async fn connected_by(server: &str) -> (Peer, Peer) {
    let peer = |role| {
        // One interface: the server can be asked from the others as well.
        let to = ["--role", role, LOOPBACK, "--interface", "lo", "--no-ipv6", "--policy", "relay"];
        let server = ["--turn", server, "--turn-user", USER, "--turn-password", PASSWORD];
        Peer::start(role, &[&to[..], &server[..]].concat())
    };
    let (mut a, mut b) = (peer("controlling"), peer("controlled"));
    signal_until(&mut a, &mut b, |peer| peer.has_state("completed")).await;
    (a, b)
}

fn candidates(lines: &[Value]) -> impl Iterator<Item = &str> {
    let candidates = lines.iter().filter(|line| line["type"] == "candidate");
    candidates.map(|line| line["candidate"].as_str().unwrap())
}

#[tokio::test]
async fn two_peers_talk_over_a_turn_server_and_show_nothing_else() {
    let Some(coturn) = Coturn::start() else { return };
    for transport in ["udp", "tcp"] {
        let server = format!("turn:{}?transport={transport}", coturn.at);
        let (mut a, mut b) = connected_by(&server).await;
        a.say(&json!({"type": "send", "component": 1, "text": "ping"})).await;
        assert_eq!(text(&b.wait_for("data").await), "ping", "{transport}");
        b.say(&json!({"type": "send", "component": 1, "text": "pong"})).await;
        assert_eq!(text(&a.wait_for("data").await), "pong", "{transport}");
        for lines in [close(a).await, close(b).await] {
            assert_eq!(candidates(&lines).count(), 1, "{lines:#?}");
            let hidden = |text: &str| text.contains("typ relay raddr 0.0.0.0 rport 9");
            assert!(candidates(&lines).all(hidden), "{lines:#?}");
            let selected = lines.iter().rfind(|line| line["type"] == "selected").unwrap();
            for side in ["local", "remote"] {
                assert!(selected[side].as_str().unwrap().contains("typ relay"), "{selected}");
            }
        }
    }
}
