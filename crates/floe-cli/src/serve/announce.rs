//! What it prints: its URLs, the credentials, and a line to paste.

use std::{fmt::Write as _, net::SocketAddr};

use serde_json::json;

use super::options::Settings;

/// What somebody needs to use the server that listens on these addresses.
#[derive(Debug)]
pub(super) struct Announcement<'a> {
    settings: &'a Settings,
    stun: Vec<String>,
    turn: Vec<String>,
}

impl<'a> Announcement<'a> {
    pub(super) fn new(settings: &'a Settings, listening: &[SocketAddr]) -> Self {
        let places: Vec<_> = listening.iter().filter_map(|at| settings.reachable(*at)).collect();
        let stun = places.iter().map(|place| format!("stun:{place}"));
        let turn = places
            .iter()
            .flat_map(|place| ["udp", "tcp"].map(|transport| format!("turn:{place}?transport={transport}")));
        Self { settings, stun: stun.collect(), turn: turn.collect() }
    }

    /// One line of JSON; `iceServers` has the names of RTCIceServer.
    pub(super) fn json(&self) -> String {
        let Settings { user, password, realm, .. } = self.settings;
        let servers = json!([
            {"urls": self.stun},
            {"urls": self.turn, "username": user, "credential": password},
        ]);
        json!({"type": "serving", "iceServers": servers, "realm": realm, "command": self.command("peer --stdio")})
            .to_string()
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let Settings { user, password, realm, .. } = self.settings;
        let mut text =
            String::from("STUN and TURN for trying things out; production uses coturn. Ctrl-C ends it.\n\n");
        for url in self.stun.iter().chain(&self.turn) {
            let _ = writeln!(text, "  {url}");
        }
        let _ = write!(text, "\n  user      {user}\n  password  {password}\n  realm     {realm}\n\n");
        let _ = write!(text, "  {}\n  {}\n", self.command("gather"), self.command("peer --stdio"));
        text
    }

    /// A command that uses the server, with the first URL of each kind.
    fn command(&self, subcommand: &str) -> String {
        let Settings { user, password, .. } = self.settings;
        let mut command = format!("floe {subcommand}");
        if let Some(url) = self.stun.first() {
            let _ = write!(command, " --stun '{url}'");
        }
        if let Some(url) = self.turn.first() {
            let _ = write!(command, " --turn '{url}' --turn-user '{user}' --turn-password '{password}'");
        }
        command
    }
}

impl Settings {
    /// The address to name to clients: where it listens on all addresses, that of the relays.
    fn reachable(&self, at: SocketAddr) -> Option<SocketAddr> {
        if !at.ip().is_unspecified() {
            return Some(at);
        }
        let ip = self.relay_ips.iter().find(|ip| ip.is_ipv4() == at.is_ipv4())?;
        Some(SocketAddr::new(*ip, at.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            listen: Vec::new(),
            relay_ips: vec!["192.0.2.7".parse().unwrap()],
            own: Vec::new(),
            realm: "floe".to_owned(),
            user: "ann".to_owned(),
            password: "secret".to_owned(),
            max_allocations: 1,
            allow_loopback_peers: false,
        }
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        let settings = settings();
        let text = Announcement::new(&settings, &["0.0.0.0:3478".parse().unwrap()]).text();
        let command = "floe gather --stun 'stun:192.0.2.7:3478' --turn 'turn:192.0.2.7:3478?transport=udp' \
                       --turn-user 'ann' --turn-password 'secret'";
        assert!(text.contains(command), "{text}");
        assert!(text.contains("turn:192.0.2.7:3478?transport=tcp"), "{text}");
    }

    #[test]
    fn the_line_of_json_has_what_a_browser_takes() {
        let settings = settings();
        let line = Announcement::new(&settings, &["[2001:db8::7]:3478".parse().unwrap()]).json();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["iceServers"][0]["urls"][0], "stun:[2001:db8::7]:3478");
        assert_eq!(line["iceServers"][1]["urls"][1], "turn:[2001:db8::7]:3478?transport=tcp");
        assert_eq!(line["iceServers"][1]["credential"], "secret");
    }
}
