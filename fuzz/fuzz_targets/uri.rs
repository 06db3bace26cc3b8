//! Any text as the URI of a server, and any answers of the DNS about it: what is read is shown as something that reads the
//! same, and however the DNS answers, a resolution ends, within its bounds.
#![no_main]

use std::net::IpAddr;

use floe_core::{
    ServerTransport,
    dns::{NaptrRecord, SrvRecord},
};
use floe_gather::{Question, Resolution, ServerUri};
use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::ChaCha20Rng};

/// A record of any kind: three numbers, and an index into the names.
type Record = (u16, u16, u8);

const SUPPORTED: [ServerTransport; 4] =
    [ServerTransport::Udp, ServerTransport::Tls, ServerTransport::Tcp, ServerTransport::Dtls];
const NAMES: [&str; 6] = ["a.org", "B.org", "c.org", "_turn._udp.a.org", "_turns._tcp.b.org", ""];
const SERVICES: [&str; 4] =
    ["RELAY:turn.udp", "RELAY:turn.tcp:turn.tls:turn.dtls", "relay:TURN.UDP", "SIP+D2U"];
const FLAGS: [&str; 4] = ["", "S", "A", "U"];

fuzz_target!(|input: (&str, Vec<Vec<Record>>)| {
    let (text, answers) = input;
    let Ok(uri) = text.parse::<ServerUri>() else { return };
    assert_eq!(uri.to_string().parse(), Ok(uri.clone()));
    let Ok(mut resolution) = Resolution::new(&uri, &SUPPORTED, ChaCha20Rng::seed_from_u64(1)) else { return };
    let mut answers = answers.into_iter();
    let mut asked = 0;
    while let Some(question) = resolution.poll_question() {
        asked += 1;
        answer(&mut resolution, &question, answers.next());
    }
    assert!(asked <= 64);
    let result = resolution.poll_result().expect("all is answered");
    if let Ok(targets) = result {
        assert!((1..=32).contains(&targets.len()));
    }
});

fn answer(resolution: &mut Resolution, question: &Question, answer: Option<Vec<Record>>) {
    let answer = answer.ok_or_else(|| "no answer".to_owned());
    match question {
        Question::Naptr(name) => resolution.handle_naptr(name, answer.map(|records| all(&records, naptr))),
        Question::Srv(name) => resolution.handle_srv(name, answer.map(|records| all(&records, srv))),
        Question::Addresses(name) => {
            resolution.handle_addresses(name, answer.map(|records| all(&records, ip)))
        }
    }
}

fn all<T>(records: &[Record], read: impl Fn(&Record) -> T) -> Vec<T> {
    records.iter().map(read).collect()
}

fn pick(table: &[&str], at: u8) -> String {
    table.get(usize::from(at) % table.len()).map(|text| (*text).to_owned()).unwrap_or_default()
}

fn naptr(&(order, preference, at): &Record) -> NaptrRecord {
    NaptrRecord {
        order,
        preference,
        flags: pick(&FLAGS, at >> 4),
        services: pick(&SERVICES, at >> 6),
        regexp: String::new(),
        replacement: pick(&NAMES, at & 0x0F),
    }
}

fn srv(&(priority, weight, at): &Record) -> SrvRecord {
    SrvRecord { priority, weight, port: u16::from(at), target: pick(&NAMES, at) }
}

fn ip(&(high, low, at): &Record) -> IpAddr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    if at & 1 == 0 { [a, b, c, d].into() } else { [high, low, 0, 0, 0, 0, 0, u16::from(at)].into() }
}
