//! What gathering has come to so far.

use floe::{IceServer, ServerId};

/// What came of the servers and of the host.
#[derive(Debug)]
pub(super) struct Tally {
    servers: Vec<Server>,
    /// How many candidates there are.
    pub(super) candidates: usize,
    /// Why addresses give none.
    pub(super) refused: Vec<String>,
}

/// A server, and what it has done.
#[derive(Debug)]
struct Server {
    /// As the user named it.
    name: String,
    candidates: usize,
    errors: usize,
}

impl Tally {
    pub(super) fn new(servers: &[IceServer]) -> Self {
        let name = |server: &IceServer| server.uri().map(ToString::to_string).unwrap_or_default();
        let server = |server| Server { name: name(server), candidates: 0, errors: 0 };
        Self { servers: servers.iter().map(server).collect(), candidates: 0, refused: Vec::new() }
    }

    /// A candidate of this server, or of the host's own; the server's name.
    pub(super) fn candidate(&mut self, server: Option<ServerId>) -> Option<&str> {
        self.candidates += 1;
        let server = self.server(server?)?;
        server.candidates += 1;
        Some(&server.name)
    }

    /// An error of this server; its name.
    pub(super) fn error(&mut self, server: ServerId) -> &str {
        self.server(server).map_or("", |server| {
            server.errors += 1;
            &server.name
        })
    }

    /// Whether this server has had an error already.
    pub(super) fn has_failed(&self, server: ServerId) -> bool {
        let known = usize::try_from(server.0).ok().and_then(|index| self.servers.get(index));
        known.is_some_and(|server| server.errors > 0)
    }

    fn server(&mut self, id: ServerId) -> Option<&mut Server> {
        self.servers.get_mut(usize::try_from(id.0).ok()?)
    }

    /// How many servers have failed, be it from one of many addresses.
    pub(super) fn failed(&self) -> usize {
        self.servers.iter().filter(|server| server.errors > 0).count()
    }

    /// The servers of which nothing was heard: neither a candidate nor an error.
    pub(super) fn without_result(&self) -> Vec<&str> {
        let quiet = self.servers.iter().filter(|server| server.candidates == 0 && server.errors == 0);
        quiet.map(|server| server.name.as_str()).collect()
    }

    /// Whether this is what was wanted: candidates, and no server that failed.
    pub(super) fn is_good(&self) -> bool {
        self.candidates > 0 && self.failed() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_counted_for_itself() {
        let servers = ["stun:a.example.org", "stun:b.example.org", "turn:c.example.org"];
        let servers = servers.map(|uri| IceServer::new(uri.parse().unwrap()));
        let mut tally = Tally::new(&servers);
        assert!(!tally.is_good(), "there is no candidate yet");
        assert_eq!(tally.without_result().len(), 3);

        assert_eq!(tally.candidate(None), None);
        assert_eq!(tally.candidate(Some(ServerId(0))), Some("stun:a.example.org"));
        assert!(tally.is_good());
        assert_eq!(tally.without_result(), ["stun:b.example.org", "turn:c.example.org"]);

        // Twice the same server, such as from two addresses.
        assert!(!tally.has_failed(ServerId(2)));
        assert_eq!(tally.error(ServerId(2)), "turn:c.example.org");
        tally.error(ServerId(2));
        assert!(tally.has_failed(ServerId(2)) && !tally.has_failed(ServerId(1)));
        assert_eq!((tally.candidates, tally.failed(), tally.is_good()), (2, 1, false));
        assert_eq!(tally.without_result(), ["stun:b.example.org"]);
    }
}
