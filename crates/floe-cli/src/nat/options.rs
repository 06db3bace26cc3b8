//! The options of `floe nat`.

use std::{net::IpAddr, time::Duration};

use floe::ServerTransport;
use floe_nat::Config;
use floe_stun::RetransmitPolicy;

/// How the NATs between this host and a STUN server behave (RFC 5780), and what that means for calls.
///
/// It takes some 16 seconds where something does not get through, and less otherwise. The exit status is 0 where the server
/// answered, 1 where it did not, and 2 for options that cannot be used.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server: stun:HOST or stun:HOST:PORT (RFC 7064). One with two addresses, as coturn has them, tells most.
    #[arg(long, value_name = "URL", value_parser = Url::parse)]
    pub(crate) stun: Url,
    /// Find out how long a binding lives, up to so many seconds. It takes at least that long, and up to six times.
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

/// A STUN server, as RFC 7064 writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Url {
    /// Reads `stun:host[:port]` (RFC 7064 3.1).
    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "stun:HOST or stun:HOST:PORT is expected";
        let (scheme, rest) = text.split_once(':').ok_or(FORM)?;
        match scheme.to_ascii_lowercase().as_str() {
            "stun" => {}
            "stuns" => return Err("NATs are tested over UDP: stun:, not stuns:".to_owned()),
            _ => return Err(FORM.to_owned()),
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(literal) => {
                let (host, port) = literal.split_once(']').ok_or("the IPv6 address has no ]")?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| "[] hold an IPv6 address")?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(FORM)?) })
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() || host.contains(['/', '?', '@', '#', ' ']) {
            return Err(FORM.to_owned());
        }
        let port = port.map_or(Ok(ServerTransport::Udp.default_port()), |port| match port.parse() {
            Ok(0) | Err(_) => Err("a port is 1 to 65535".to_owned()),
            Ok(port) => Ok(port),
        })?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "stun:[{host}]:{port}") } else { write!(f, "stun:{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_perhaps_a_port() {
        let cases = [
            ("stun:stun.example.org", "stun:stun.example.org:3478"),
            ("STUN:192.0.2.1:5349", "stun:192.0.2.1:5349"),
            ("stun:[2001:db8::1]", "stun:[2001:db8::1]:3478"),
            ("stun:[2001:db8::1]:19302", "stun:[2001:db8::1]:19302"),
        ];
        for (text, shown) in cases {
            assert_eq!(Url::parse(text).unwrap().to_string(), shown);
        }
    }

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
            "stun:example.org:",
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
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
