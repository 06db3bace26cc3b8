//! The options of `floe serve`, and what follows from them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use floe::{Net as _, SystemNet};

/// A STUN and TURN server for trying things out; production uses coturn.
///
/// It answers STUN requests of anybody and relays for one user, over UDP and TCP, and prints its URLs and the user's
/// credentials. Loopback addresses, and this machine's own services at the relay's address, are no peers.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen, over UDP and TCP; may be repeated.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:3478")]
    listen: Vec<SocketAddr>,
    /// The address that relays get, one for each IP version; without it, the one listened on, or this machine's.
    #[arg(long, value_name = "IP")]
    relay_ip: Vec<IpAddr>,
    /// The realm of the credentials.
    #[arg(long, value_name = "REALM", default_value = "floe", value_parser = plain)]
    realm: String,
    /// The user; without it, a name is made up.
    #[arg(long, value_name = "USER", value_parser = plain)]
    user: Option<String>,
    /// The user's password; without it, one is made up.
    #[arg(long, value_name = "PASSWORD", value_parser = plain)]
    password: Option<String>,
    /// How many allocations there may be at once.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_allocations: usize,
    /// Let clients send to loopback addresses: for tests on one machine.
    #[arg(long)]
    allow_loopback_peers: bool,
    /// Print one line of JSON instead of text.
    #[arg(long)]
    pub(super) json: bool,
}

/// What the server works by.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) listen: Vec<SocketAddr>,
    /// At most one for each IP version.
    pub(super) relay_ips: Vec<IpAddr>,
    /// The addresses of this machine.
    pub(super) own: Vec<IpAddr>,
    pub(super) realm: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) max_allocations: usize,
    pub(super) allow_loopback_peers: bool,
}

/// Why options cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// Two relay addresses of one IP version.
    #[error("--relay-ip takes one address of each IP version")]
    TwoRelayAddresses,
    /// A relay has to have an address that peers can send to.
    #[error("--relay-ip {0} is not an address that anybody can send to")]
    NoRelayAddress(IpAddr),
    /// This machine's address was to be found and was not.
    #[error("this machine seems to have no address towards the internet; name one by --relay-ip")]
    NoAddress,
    /// The system has no randomness for credentials.
    #[error("the system gives no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

/// Credentials are ASCII, which every client prepares alike (RFC 8489 9.2.2).
fn plain(text: &str) -> Result<String, String> {
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && !text.contains(['"', '\'', ':']) {
        return Ok(text.to_owned());
    }
    Err("1 to 128 printable ASCII characters are expected, none of them a space, a quote or a colon"
        .to_owned())
}

impl Options {
    /// What the server works by.
    pub(super) fn settings(&self) -> Result<Settings, Unusable> {
        let made_up = |given: &Option<String>, bytes| given.clone().map_or_else(|| random_text(bytes), Ok);
        Ok(Settings {
            listen: self.listen.clone(),
            relay_ips: self.relay_ips()?,
            own: own_addresses(),
            realm: self.realm.clone(),
            user: made_up(&self.user, 6)?,
            password: made_up(&self.password, 18)?,
            max_allocations: self.max_allocations,
            allow_loopback_peers: self.allow_loopback_peers,
        })
    }

    fn relay_ips(&self) -> Result<Vec<IpAddr>, Unusable> {
        let families = [IpAddr::is_ipv4, IpAddr::is_ipv6];
        if let Some(ip) = self.relay_ip.iter().find(|ip| ip.is_unspecified() || ip.is_multicast()) {
            return Err(Unusable::NoRelayAddress(*ip));
        }
        if families.iter().any(|of| self.relay_ip.iter().filter(|ip| of(ip)).count() > 1) {
            return Err(Unusable::TwoRelayAddresses);
        }
        let ips = families.iter().filter_map(|of| self.relay_ip_of(*of));
        let ips: Vec<_> = ips.collect();
        if ips.is_empty() { Err(Unusable::NoAddress) } else { Ok(ips) }
    }

    /// The relays' address of one IP version, if they have one: what was said, what is listened on, or, where that is
    /// all addresses, the one that this machine reaches the internet from.
    fn relay_ip_of(&self, family: fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let given = self.relay_ip.iter().copied().find(family);
        let listened = || self.listen.iter().map(SocketAddr::ip).find(family);
        given.or_else(|| listened().and_then(|ip| if ip.is_unspecified() { outward(ip) } else { Some(ip) }))
    }
}

/// All addresses of this machine, as far as the system tells.
fn own_addresses() -> Vec<IpAddr> {
    let list = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(SystemNet::new().interfaces())
    };
    let interfaces = list().unwrap_or_default();
    interfaces.iter().flat_map(|interface| &interface.addresses).map(|address| address.ip).collect()
}

/// The address from which this machine would send to the internet. Nothing is sent.
fn outward(any: IpAddr) -> Option<IpAddr> {
    // RFC 5737, RFC 3849: addresses that nobody has, on the other side of the default route.
    let somewhere: IpAddr = match any {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((somewhere, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn random_text(bytes: usize) -> Result<String, Unusable> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(Unusable::NoRandomness)?;
    // Digits and letters only: nothing that a shell or an option parser would take for something else.
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(words: &[&str]) -> Result<Options, clap::Error> {
        Command::try_parse_from(["serve"].iter().chain(words)).map(|command| command.options)
    }

    #[test]
    fn relays_are_where_it_listens_unless_told_otherwise() {
        let ips = |words: &[&str]| options(words).unwrap().relay_ips().unwrap();
        assert_eq!(ips(&["--listen", "192.0.2.7:3478"]), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        let both = ips(&["--listen", "192.0.2.7:3478", "--listen", "[2001:db8::7]:3478"]);
        assert_eq!(both, ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
        let told = ips(&["--listen", "0.0.0.0:3478", "--relay-ip", "198.51.100.7"]);
        assert_eq!(told, ["198.51.100.7".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn relay_addresses_that_cannot_be_are_refused() {
        let settings = |words: &[&str]| options(words).unwrap().settings();
        let two = settings(&["--relay-ip", "192.0.2.7", "--relay-ip", "192.0.2.8"]);
        assert!(matches!(two, Err(Unusable::TwoRelayAddresses)));
        let any = settings(&["--relay-ip", "0.0.0.0"]);
        assert!(matches!(any, Err(Unusable::NoRelayAddress(_))));
    }

    #[test]
    fn credentials_are_made_up_anew_each_time() {
        let options = options(&["--listen", "192.0.2.7:3478"]).unwrap();
        let (first, second) = (options.settings().unwrap(), options.settings().unwrap());
        assert_ne!((first.user, &first.password), (second.user, &second.password));
        assert_eq!(first.password.len(), 36);
        assert!(first.password.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn credentials_that_clients_prepare_differently_are_refused() {
        for text in ["", "a b", "a:b", "na\u{ef}ve", "\"a\""] {
            assert!(options(&["--user", text]).is_err(), "{text:?}");
        }
        assert!(options(&["--user", "ann", "--password", "s3cret!"]).is_ok());
    }
}
