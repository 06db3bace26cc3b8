//! `floe gather`, as a person and as a program see it: a real process, and a real server where coturn is installed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests of a program"
)]

#[path = "../common/coturn.rs"]
mod coturn;

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    process::{Command, Output, Stdio},
};

use coturn::{Coturn, PASSWORD, USER};
use serde_json::{Value, json};

/// Loopback only: the same on every machine.
const LOOPBACK: [&str; 4] = ["--interface", "lo", "--include-loopback", "--no-ipv6"];

fn command(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    // A program that hangs shall not hang the test.
    let bound: &[&str] = if options.contains(&"--timeout") { &[] } else { &["--timeout", "60"] };
    command.arg("gather").args(options).args(bound).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn floe(options: &[&str]) -> Output {
    command(options).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs it on loopback with `--json`: the exit status and the lines.
fn json(options: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = floe(&[&LOOPBACK[..], &["--json"], options].concat());
    assert_eq!(text(&output.stderr), "");
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines)
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// The last line, which is always the end.
fn done(lines: &[Value]) -> &Value {
    let done = lines.last().unwrap();
    assert_eq!((&done["type"], of(lines, "done").len()), (&json!("done"), 1), "{lines:#?}");
    done
}

fn socket_addr(candidate: &Value) -> SocketAddr {
    let ip: std::net::IpAddr = candidate["address"].as_str().unwrap().parse().unwrap();
    SocketAddr::new(ip, candidate["port"].as_u64().unwrap().try_into().unwrap())
}

fn turn(server: &str) -> [&str; 6] {
    ["--turn", server, "--turn-user", USER, "--turn-password", PASSWORD]
}

/// A port that is free, and stays so for a while.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn candidates_of_the_host_and_of_servers_are_objects_with_all_that_is_known() {
    let Some(coturn) = Coturn::start() else { return };
    let stun = format!("stun:{}", coturn.at);
    let [udp, tcp] = ["udp", "tcp"].map(|transport| format!("turn:{}?transport={transport}", coturn.at));
    let (status, lines) = json(&[&["--stun", &stun][..], &turn(&udp)[..], &["--turn", &tcp]].concat());
    assert_eq!(status, Some(0), "{lines:#?}");
    let candidates = of(&lines, "candidate");
    let [host, relays @ ..] = &candidates[..] else { panic!("{lines:#?}") };

    assert_eq!(host["kind"], "host");
    assert_eq!((&host["server"], &host["related"]), (&Value::Null, &Value::Null));
    assert_eq!(host["base"], socket_addr(host).to_string());
    let givers: Vec<_> = relays.iter().map(|relay| (&relay["kind"], &relay["server"])).collect();
    assert_eq!(givers, [(&json!("relay"), &json!(udp)), (&json!("relay"), &json!(tcp))]);
    for relay in relays {
        assert_eq!(relay["base"], socket_addr(relay).to_string());
    }
    // What coturn sees of the socket, since no NAT is between.
    assert_eq!(relays[0]["related"], host["base"]);

    for candidate in candidates {
        let part = |name: &str| candidate[name].as_u64().unwrap();
        let parts = ["type_preference", "local_preference", "component_preference"].map(part);
        assert_eq!(part("priority"), (parts[0] << 24) + (parts[1] << 8) + parts[2]);
        assert_eq!((parts[2], &candidate["component"]), (255, &json!(1)));
        assert_eq!(candidate["protocol"], "udp");
        let (foundation, address) = (candidate["foundation"].as_str().unwrap(), socket_addr(candidate));
        let text =
            format!("candidate:{foundation} 1 udp {} {} {}", part("priority"), address.ip(), address.port());
        assert!(candidate["candidate"].as_str().unwrap().starts_with(&text), "{candidate}");
        assert!(candidate["time_ms"].is_f64(), "{candidate}");
    }
    let done = done(&lines);
    assert_eq!((&done["complete"], &done["candidates"]), (&json!(true), &json!(3)));
    assert_eq!(done["failed_servers"], 0);
    // It sees the address of the host candidate.
    assert_eq!(done["without_result"], json!([stun]));
}

#[test]
fn a_person_reads_a_table_and_what_it_took() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turn:{}?transport=udp", coturn.at);
    let output = floe(&[&LOOPBACK[..], &turn(&url)[..], &["--components", "2"]].concat());
    let table = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{table}");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].trim_start().starts_with("time "), "{table}");
    for (kind, server) in [("host", ""), ("relay", url.as_str())] {
        for (component, preference) in [("1", " | 255"), ("2", " | 254")] {
            let found = lines.iter().filter(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.get(1..3) == Some(&[component, kind])
                    && line.contains(preference)
                    && line.ends_with(server)
            });
            assert_eq!(found.count(), 1, "{kind} {component}: {table}");
        }
    }
    let last = lines.last().unwrap();
    assert!(last.starts_with("Done after ") && last.ends_with(" s: 4 candidates"), "{table}");
}

#[test]
fn with_the_policy_relay_nothing_else_is_listed() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turn:{}", coturn.at);
    let (status, lines) = json(&[&turn(&url)[..], &["--policy", "relay"]].concat());
    assert_eq!(status, Some(0), "{lines:#?}");
    let [relay] = of(&lines, "candidate")[..] else { panic!("{lines:#?}") };
    assert_eq!((&relay["kind"], &relay["server"]), (&json!("relay"), &json!(url)));
    assert_eq!(relay["related"], Value::Null, "{relay}");
}

#[test]
fn a_wrong_password_is_told_of_its_server_and_the_others_go_on() {
    let Some(coturn) = Coturn::start() else { return };
    let [bad, good] = ["udp", "tcp"].map(|transport| format!("turn:{}?transport={transport}", coturn.at));
    let wrong = ["--turn-user", USER, "--turn-password", "not the password"];
    let (status, lines) = json(&[&["--turn", &bad][..], &wrong[..], &turn(&good)].concat());
    assert_eq!(status, Some(1), "{lines:#?}");
    let [error] = of(&lines, "server-error")[..] else { panic!("{lines:#?}") };
    assert_eq!((&error["server"], &error["component"]), (&json!(bad), &json!(1)));
    let reason = error["reason"].as_str().unwrap();
    assert!(reason.contains("the server does not take") && !reason.contains("not the password"), "{reason}");
    let relays: Vec<_> = of(&lines, "candidate").into_iter().filter(|line| line["kind"] == "relay").collect();
    assert_eq!(relays.iter().map(|relay| &relay["server"]).collect::<Vec<_>>(), [&json!(good)]);
    assert_eq!((&done(&lines)["complete"], &done(&lines)["failed_servers"]), (&json!(true), &json!(1)));
}

#[test]
fn a_server_that_refuses_the_connection_is_an_error_and_host_candidates_are_there() {
    let url = format!("turn:{}?transport=tcp", nobody());
    let (status, lines) = json(&turn(&url));
    assert_eq!((status, of(&lines, "candidate").len()), (Some(1), 1), "{lines:#?}");
    let [error] = of(&lines, "server-error")[..] else { panic!("{lines:#?}") };
    assert_eq!((&error["server"], &error["from"]), (&json!(url), &of(&lines, "candidate")[0]["base"]));
    assert!(error["reason"].as_str().unwrap().contains("refused"), "{error}");
    assert_eq!((&done(&lines)["complete"], &done(&lines)["failed_servers"]), (&json!(true), &json!(1)));

    let output = floe(&[&LOOPBACK[..], &turn(&url)[..]].concat());
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains(&format!("  error  {url} from 127.0.0.1:")), "{table}");
    assert!(table.trim_end().ends_with(" s: 1 candidate, 1 server failed"), "{table}");
}

#[test]
fn a_name_that_nobody_knows_is_told_once() {
    // RFC 6761 6.4: it never exists.
    let (status, lines) = json(&["--stun", "stun:floe.invalid", "--components", "2"]);
    assert_eq!((status, of(&lines, "candidate").len()), (Some(1), 2), "{lines:#?}");
    let [error] = of(&lines, "server-error")[..] else { panic!("{lines:#?}") };
    assert_eq!((&error["server"], &error["from"]), (&json!("stun:floe.invalid"), &Value::Null));
    assert!(error["reason"].as_str().unwrap().starts_with("its name "), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_past_the_timeout() {
    // Bound, so that nobody else has the port, and never read; and a port that nobody has.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for server in [silent.local_addr().unwrap(), nobody()] {
        let url = format!("stun:{server}");
        let (status, lines) = json(&["--stun", &url, "--timeout", "0.5"]);
        assert_eq!((status, of(&lines, "candidate").len()), (Some(1), 1), "{lines:#?}");
        let done = done(&lines);
        assert_eq!((&done["complete"], &done["without_result"]), (&json!(false), &json!([url])));

        let output = floe(&[&LOOPBACK[..], &["--stun", &url, "--timeout", "0.5"]].concat());
        let table = text(&output.stdout);
        assert!(table.contains(&format!("\n{url}: no answer yet\nStopped after ")), "{table}");
    }
}

#[test]
fn where_there_is_no_candidate_every_address_says_why() {
    let options = ["--interface", "lo", "--no-ipv6"];
    let output = floe(&options);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("\n127.0.0.1 of lo: it belongs to a loopback interface\n"), "{table}");
    assert!(table.ends_with(" s: 0 candidates\n"), "{table}");

    let output = floe(&[&options[..], &["-v", "--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = of(&lines, "refused");
    let lo = refused.iter().find(|line| line["address"] == "127.0.0.1").unwrap();
    assert_eq!(
        (&lo["interface"], &lo["reason"]),
        (&json!("lo"), &json!("it belongs to a loopback interface"))
    );
}

#[test]
fn who_stops_reading_ends_it() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("stun:{}", silent.local_addr().unwrap());
    let mut command = command(&[&LOOPBACK[..], &["--stun", &url, "--timeout", "2"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), ""));
}

#[test]
fn options_that_cannot_be_used_are_named_and_the_status_is_2() {
    let server = "turn:127.0.0.1:9";
    let cases: [(&[&str], &str); 9] = [
        (&["--stun", server], "no STUN server"),
        (&["--turn", "stun:127.0.0.1:9"], "no TURN server"),
        (&["--stun", "http://example.org"], "--stun"),
        (&["--turn", server], "--turn-user"),
        (&["--stun", "stun:127.0.0.1:9", "--turn-user", "ann"], "more users or passwords"),
        (&["--components", "0"], "--components"),
        (&["--timeout", "soon"], "a number of seconds"),
        (&["--interface", "no such"], "there is none of this name"),
        (&["--tls-ca", "no such.pem"], "no such.pem"),
    ];
    for (options, said) in cases {
        let output = floe(options);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{options:?}");
        assert!(text(&output.stderr).contains(said), "{options:?}: {}", text(&output.stderr));
    }
}
