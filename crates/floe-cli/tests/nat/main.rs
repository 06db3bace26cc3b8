//! `floe nat`, as a person and as a program see it: a real process, and a real server where coturn is installed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests of a program"
)]

#[path = "../common/coturn.rs"]
mod coturn;

use std::{
    net::{SocketAddr, UdpSocket},
    process::{Command, Output, Stdio},
    thread,
};

use coturn::Coturn;
use floe_stun::{
    Class, Message, MessageWriter,
    attribute::{ErrorCode, XorMappedAddress},
};
use serde_json::{Value, json};

fn floe(options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.arg("nat").args(options).env_remove("RUST_LOG").stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server on loopback that answers everything with this; where it listens.
fn serve(answer: impl Fn(&Message<'_>, SocketAddr, &mut [u8]) -> usize + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    thread::spawn(move || {
        let (mut request, mut buffer) = ([0; 65_535], [0; 548]);
        while let Ok((length, from)) = socket.recv_from(&mut request) {
            let length = answer(&Message::parse(&request[..length]).unwrap(), from, &mut buffer);
            socket.send_to(&buffer[..length], from).unwrap();
        }
    });
    at
}

#[test]
fn coturn_tells_all_of_a_host_without_a_nat_in_words_and_as_json() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("stun:{}", coturn.at);
    let output = floe(&["--stun", &url, "--json", "--lifetime", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let known = |value: &str| json!({"outcome": "known", "value": value});
    assert_eq!(report["server"], coturn.at.to_string());
    assert_eq!(report["mapped"], report["local"]);
    assert_eq!(report["translation"], "none", "{report:#}");
    assert_eq!(report["mapping"], known("endpoint-independent"));
    assert_eq!(report["filtering"], known("endpoint-independent"), "{report:#}");
    assert_eq!(report["hairpinning"], known("no-nat"));
    assert_eq!(report["large_requests"], known("pass"), "{report:#}");
    assert_eq!(report["lifetime"]["outcome"], "known", "{report:#}");
    assert_eq!(report["lifetime"]["value"], json!({"at_least_s": 1.0, "less_than_s": null}));
    assert_eq!(report["sentence"], "Calls to peers behind any NAT can be direct.");

    let output = floe(&["--stun", &url, "--bind", "127.0.0.1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let mapping = table.lines().find(|line| line.starts_with("mapping ")).unwrap();
    assert!(mapping.ends_with(" endpoint-independent"), "{table}");
    assert!(table.contains("\nNAT               no NAT\n"), "{table}");
    assert!(table.ends_with("\n\nCalls to peers behind any NAT can be direct.\n"), "{table}");
    assert_eq!(text(&output.stderr), "", "no bar where no person looks");
}

#[test]
fn a_server_with_one_address_says_what_it_can() {
    let server = serve(|request, from, buffer| {
        let writer = MessageWriter::respond(buffer, request, Class::Success).unwrap();
        writer.attribute(&XorMappedAddress(from)).unwrap().finish()
    });
    let output = floe(&["--stun", &format!("stun:localhost:{}", server.port()), "--bind", "127.0.0.1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("the server cannot tell: it has no second address"), "{table}");
    assert!(table.contains("likely to be direct"), "{table}");
}

#[test]
fn a_server_that_refuses_is_named_with_the_reason_and_the_status_is_1() {
    let server = serve(|request, _, buffer| {
        let writer = MessageWriter::respond(buffer, request, Class::Error).unwrap();
        writer.attribute(&ErrorCode::standard(ErrorCode::UNAUTHENTICATED)).unwrap().finish()
    });
    let output = floe(&["--stun", &format!("stun:{server}"), "--json"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    let said = text(&output.stderr);
    assert!(said.contains(&server.to_string()) && said.contains("401 Unauthenticated"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_named_and_the_status_is_1() {
    // Bound, so that nobody else has the port, and never read.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("stun:{}", silent.local_addr().unwrap());
    let output = floe(&["--stun", &url]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    let said = text(&output.stderr);
    assert!(said.contains(&url) && said.contains("did not answer"), "{said}");

    let output = floe(&["--stun", "stun:[::1]:9", "--bind", "127.0.0.1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no address of its family"), "{}", text(&output.stderr));
}

#[test]
fn options_that_cannot_be_used_are_named_and_the_status_is_2() {
    let server = "stun:127.0.0.1:9";
    let cases: [(&[&str], &str); 8] = [
        (&[], "--stun"),
        (&["--stun", "turn:example.org"], "stun:HOST"),
        (&["--stun", "stuns:example.org"], "UDP"),
        (&["--stun", server, "--lifetime", "0"], "--lifetime"),
        (&["--stun", server, "--mtu", "100"], "--mtu"),
        (&["--stun", server, "--bind", "127.0.0.1", "--interface", "lo"], "--interface"),
        (&["--stun", server, "--interface", "no such"], "there is none of this name"),
        (&["--stun", server, "--bind", "192.0.2.77"], "--bind 192.0.2.77 cannot be used"),
    ];
    for (options, said) in cases {
        let output = floe(options);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{options:?}");
        assert!(text(&output.stderr).contains(said), "{options:?}: {}", text(&output.stderr));
    }
}
