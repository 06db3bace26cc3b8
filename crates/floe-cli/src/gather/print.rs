//! The lines: for a person or for a program.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe::{Candidate, CandidateAddress};
use serde::Serialize;

/// Something that is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Line {
    /// A candidate.
    Candidate(CandidateLine),
    /// A server gives no candidate to some socket, or not all that it might.
    ServerError { time_ms: f64, component: u16, server: String, from: Option<SocketAddr>, reason: String },
    /// An address of the host gives no candidate.
    Refused { time_ms: f64, interface: String, address: IpAddr, reason: String },
    /// That was all.
    Done(DoneLine),
}

/// A candidate and where it comes from.
#[derive(Debug, Serialize)]
pub(super) struct CandidateLine {
    time_ms: f64,
    component: u16,
    kind: &'static str,
    foundation: String,
    protocol: &'static str,
    address: String,
    port: u16,
    base: SocketAddr,
    related: Option<SocketAddr>,
    priority: u32,
    type_preference: u32,
    local_preference: u32,
    component_preference: u32,
    server: Option<String>,
    /// As the peer is told of it (RFC 8839 5.1).
    candidate: String,
}

/// How it ended.
#[derive(Debug, Serialize)]
pub(super) struct DoneLine {
    pub(super) time_ms: f64,
    /// Whether there was an end of candidates; else the time was up.
    pub(super) complete: bool,
    pub(super) candidates: usize,
    pub(super) failed_servers: usize,
    /// The servers that gave neither a candidate nor an error.
    pub(super) without_result: Vec<String>,
    /// Why there is no candidate, where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) why_none: Vec<String>,
}

impl CandidateLine {
    pub(super) fn new(time: Duration, candidate: &Candidate, base: SocketAddr, server: Option<&str>) -> Self {
        // RFC 8445 5.1.2.1: three numbers in one.
        let priority = candidate.priority().get();
        let address = candidate.address();
        let host = match address {
            CandidateAddress::Ip(at) => at.ip().to_string(),
            CandidateAddress::Mdns { name, .. } => name.to_string(),
        };
        Self {
            time_ms: milliseconds(time),
            component: candidate.component().get(),
            kind: candidate.kind().as_str(),
            foundation: candidate.foundation().as_str().to_owned(),
            protocol: candidate.transport().as_str(),
            address: host,
            port: address.port(),
            base,
            related: candidate.related().filter(|related| !related.ip().is_unspecified()),
            priority,
            type_preference: priority >> 24,
            local_preference: (priority >> 8) & 0xffff,
            component_preference: priority & 0xff,
            server: server.map(ToOwned::to_owned),
            candidate: candidate.to_string(),
        }
    }

    /// The columns of the table, but for the time and the server.
    fn columns(&self) -> [String; 7] {
        let at = match self.address.parse() {
            Ok(ip) => SocketAddr::new(ip, self.port).to_string(),
            Err(_) => format!("{}:{}", self.address, self.port),
        };
        let Self { type_preference, local_preference, component_preference, .. } = self;
        [
            self.component.to_string(),
            self.kind.to_owned(),
            self.foundation.clone(),
            self.protocol.to_owned(),
            at,
            self.related.unwrap_or(self.base).to_string(),
            format!("{type_preference} | {local_preference} | {component_preference}"),
        ]
    }
}

/// Milliseconds, with three digits of their fraction.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Writes lines, one after the other.
#[derive(Debug)]
pub(super) struct Printer<W> {
    out: W,
    json: bool,
}

/// The heads of the columns.
const HEADS: [&str; 7] =
    ["component", "type", "foundation", "protocol", "address", "base or related address", "priority"];

impl<W: Write> Printer<W> {
    /// For a table it begins with the heads of the columns.
    pub(super) fn new(mut out: W, json: bool) -> io::Result<Self> {
        if !json {
            writeln!(out, "{}", row("time", &HEADS, "server"))?;
        }
        Ok(Self { out, json })
    }

    /// Writes a line, whole and at once.
    pub(super) fn print(&mut self, line: &Line) -> io::Result<()> {
        let text = if self.json { serde_json::to_string(line)? } else { text(line) };
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }
}

/// A line for a person.
fn text(line: &Line) -> String {
    match line {
        Line::Candidate(line) => {
            row(&seconds(line.time_ms), &line.columns(), line.server.as_deref().unwrap_or(""))
        }
        Line::ServerError { time_ms, component, server, from, reason } => {
            let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
            format!("{:>7}  {component:<9}  error  {server}{from}: {reason}", seconds(*time_ms))
        }
        Line::Refused { time_ms, interface, address, reason } => {
            format!("{:>7}  {:<9}  none   {address} of {interface}: {reason}", seconds(*time_ms), "")
        }
        Line::Done(line) => ending(line),
    }
}

/// A row of the table. What is longer than its column moves the rest of its row.
fn row<T: AsRef<str>>(time: &str, columns: &[T; 7], server: &str) -> String {
    let [component, kind, foundation, protocol, address, base, priority] =
        columns.each_ref().map(AsRef::as_ref);
    let row = format!(
        "{time:>7}  {component:<9}  {kind:<5}  {foundation:<10}  {protocol:<8}  {address:<23}  {base:<23}  \
         {priority:<17}  {server}"
    );
    row.trim_end().to_owned()
}

fn ending(line: &DoneLine) -> String {
    let DoneLine { candidates, failed_servers, .. } = line;
    let mut text = String::new();
    let quiet = if line.complete {
        "nothing new: it sees an address that is known already, or none here can reach it"
    } else {
        "no answer yet"
    };
    for server in &line.without_result {
        text += &format!("{server}: {quiet}\n");
    }
    for why in &line.why_none {
        text += &format!("{why}\n");
    }
    let end = if line.complete { "Done" } else { "Stopped" };
    text += &format!("{end} after {} s: {}", seconds(line.time_ms), counted(*candidates, "candidate"));
    if *failed_servers > 0 {
        text += &format!(", {} failed", counted(*failed_servers, "server"));
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn seconds(milliseconds: f64) -> String {
    format!("{:.3}", milliseconds / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "1 1 udp 2130706431 192.0.2.1 50000 typ host";
    const REFLEXIVE: &str = "2 2 udp 1694498814 203.0.113.1 6000 typ srflx raddr 192.0.2.1 rport 50001";
    const RELAYED: &str = "3 1 udp 16777215 2001:db8::5 49152 typ relay raddr 0.0.0.0 rport 9";

    fn lines() -> Vec<Line> {
        let line = |millis, text: &str, base: &str, server| {
            let time = Duration::from_millis(millis);
            let candidate = text.parse().unwrap();
            Line::Candidate(CandidateLine::new(time, &candidate, base.parse().unwrap(), server))
        };
        vec![
            line(1, HOST, "192.0.2.1:50000", None),
            line(51, REFLEXIVE, "192.0.2.1:50001", Some("stun:stun.example.org")),
            line(1_051, RELAYED, "[2001:db8::5]:49152", Some("turn:turn.example.org")),
            Line::ServerError {
                time_ms: 39_500.0,
                component: 1,
                server: "stun:192.0.2.9".to_owned(),
                from: Some(([192, 0, 2, 1], 50_000).into()),
                reason: "no answer".to_owned(),
            },
            Line::Refused {
                time_ms: 2.0,
                interface: "lo".to_owned(),
                address: IpAddr::from([127, 0, 0, 1]),
                reason: "it belongs to a loopback interface".to_owned(),
            },
        ]
    }

    fn done(complete: bool) -> DoneLine {
        let without_result = vec!["stun:192.0.2.8".to_owned()];
        let (candidates, failed_servers, why_none) = (3, 1, Vec::new());
        DoneLine { time_ms: 39_501.0, complete, candidates, failed_servers, without_result, why_none }
    }

    fn printed(json: bool, lines: &[Line]) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, json).unwrap();
        lines.iter().for_each(|line| printer.print(line).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_person_reads_a_table() {
        let mut lines = lines();
        lines.push(Line::Done(done(true)));
        // A line break after the quote would take the first blanks away.
        let text = "   time  component  type   foundation  protocol  address                  base or related address  priority           server
  0.001  1          host   1           udp       192.0.2.1:50000          192.0.2.1:50000          126 | 65535 | 255
  0.051  2          srflx  2           udp       203.0.113.1:6000         192.0.2.1:50001          100 | 65535 | 254  stun:stun.example.org
  1.051  1          relay  3           udp       [2001:db8::5]:49152      [2001:db8::5]:49152      0 | 65535 | 255    turn:turn.example.org
 39.500  1          error  stun:192.0.2.9 from 192.0.2.1:50000: no answer
  0.002             none   127.0.0.1 of lo: it belongs to a loopback interface
stun:192.0.2.8: nothing new: it sees an address that is known already, or none here can reach it
Done after 39.501 s: 3 candidates, 1 server failed
";
        assert_eq!(printed(false, &lines), text);
    }

    #[test]
    fn a_program_reads_an_object_a_line() {
        let mut lines = lines();
        lines.remove(0);
        lines.push(Line::Done(done(false)));
        let text = r#"{"type":"candidate","time_ms":51.0,"component":2,"kind":"srflx","foundation":"2","protocol":"udp","address":"203.0.113.1","port":6000,"base":"192.0.2.1:50001","related":"192.0.2.1:50001","priority":1694498814,"type_preference":100,"local_preference":65535,"component_preference":254,"server":"stun:stun.example.org","candidate":"candidate:2 2 udp 1694498814 203.0.113.1 6000 typ srflx raddr 192.0.2.1 rport 50001"}
{"type":"candidate","time_ms":1051.0,"component":1,"kind":"relay","foundation":"3","protocol":"udp","address":"2001:db8::5","port":49152,"base":"[2001:db8::5]:49152","related":null,"priority":16777215,"type_preference":0,"local_preference":65535,"component_preference":255,"server":"turn:turn.example.org","candidate":"candidate:3 1 udp 16777215 2001:db8::5 49152 typ relay raddr 0.0.0.0 rport 9"}
{"type":"server-error","time_ms":39500.0,"component":1,"server":"stun:192.0.2.9","from":"192.0.2.1:50000","reason":"no answer"}
{"type":"refused","time_ms":2.0,"interface":"lo","address":"127.0.0.1","reason":"it belongs to a loopback interface"}
{"type":"done","time_ms":39501.0,"complete":false,"candidates":3,"failed_servers":1,"without_result":["stun:192.0.2.8"]}
"#;
        assert_eq!(printed(true, &lines), text);
    }

    #[test]
    fn an_end_without_a_candidate_says_why() {
        let why_none = vec!["lo 127.0.0.1: it belongs to a loopback interface".to_owned()];
        let done =
            DoneLine { candidates: 0, failed_servers: 0, without_result: Vec::new(), why_none, ..done(true) };
        let text = "lo 127.0.0.1: it belongs to a loopback interface\nDone after 39.501 s: 0 candidates";
        assert_eq!(ending(&done), text);
        let stopped = DoneLine { complete: false, candidates: 1, failed_servers: 2, ..done };
        assert!(ending(&stopped).ends_with("Stopped after 39.501 s: 1 candidate, 2 servers failed"));
    }
}
