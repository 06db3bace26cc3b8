//! The options of `floe nat`.

use std::{net::IpAddr, time::Duration};

use floe::{ServerKind, ServerUri, UriError};
use floe_nat::Config;
use floe_stun::RetransmitPolicy;

/// How the NATs between this host and a STUN server behave (RFC 5780), and what that means for calls.
///
/// It takes some 16 seconds where something does not get through, and less otherwise. The exit status is 0 where the server
/// answered, 1 where it did not, and 2 for options that cannot be used.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server: stun:HOST or stun:HOST:PORT (RFC 7064). One with two addresses, as coturn has them, tells most.
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) stun: ServerUri,
    /// Find out how long a binding lives, up to so many seconds. It takes at least that long, and
    /// again for each time that the search is halved.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "300",
        value_parser = clap::value_parser!(u16).range(1..=3_600))]
    lifetime: Option<u16>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask from this interface.
    #[arg(long, value_name = "NAME", conflicts_with = "bind")]
    pub(crate) interface: Option<String>,
    /// Ask from this address of the host.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// How many bytes a packet may have on the way out; larger ones are sent to see whether fragments get through.
    #[arg(long, value_name = "BYTES", default_value_t = 1_500,
        value_parser = clap::value_parser!(u16).range(576..=9_000))]
    mtu: u16,
}

impl Options {
    /// What is asked, and how patiently: a person waits, so that five sends have to do instead of seven. The last is waited
    /// for as long as RFC 8489 6.2.1 wants it, sixteen RTOs.
    pub(crate) fn config(&self) -> Config {
        let config = Config::default().retransmit(RetransmitPolicy::default().rc(5)).mtu(self.mtu);
        match self.lifetime {
            Some(seconds) => config.lifetime(Duration::from_secs(seconds.into())),
            None => config,
        }
    }
}

/// A STUN server over UDP, which is what NATs are tested by.
fn server(text: &str) -> Result<ServerUri, String> {
    let uri: ServerUri = text.parse().map_err(|error: UriError| error.to_string())?;
    match (uri.kind(), uri.secure()) {
        (ServerKind::Stun, false) => Ok(uri),
        (ServerKind::Stun, true) => Err("NATs are tested over UDP: stun:, not stuns:".to_owned()),
        (ServerKind::Turn, _) => Err("stun:HOST or stun:HOST:PORT is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_of_a_stun_server_over_udp_is_refused() {
        let cases = [
            "",
            "stun",
            "stun:",
            "stun::3478",
            "stuns:example.org",
            "turn:example.org",
            "http://example.org",
            "stun:example.org:0",
            "stun:example.org:65536",
            "stun:example.org:x",
            "stun:example.org?transport=udp",
            "stun://example.org",
            "stun:user@example.org",
            "stun:2001:db8::1",
            "stun:[2001:db8::1",
            "stun:[2001:db8::1]3478",
            "stun:[192.0.2.1]",
        ];
        for text in cases {
            assert!(server(text).is_err(), "{text}");
        }
        assert!(server("STUN:[2001:db8::1]:19302").is_ok());
    }
}
