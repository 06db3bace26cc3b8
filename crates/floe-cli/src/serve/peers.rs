//! Who may be a client, and who a peer (RFC 8656 21.4).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use floe_stun::{
    Class, Key, KeyDerivation, Message, TransactionId,
    attribute::{ErrorCode, decode_xor_address},
    rules,
};
use floe_turn::method::{CHANNEL_BIND, CREATE_PERMISSION};

use super::options::Settings;

/// XOR-PEER-ADDRESS (RFC 8656 18.3).
const XOR_PEER_ADDRESS: u16 = 0x0012;
const FORBIDDEN: ErrorCode<'static> = ErrorCode::new(403, "Forbidden");

/// The rules for addresses.
#[derive(Debug)]
pub(super) struct Peers {
    /// This server's addresses, behind which are its machine's other services.
    own: Vec<IpAddr>,
    allow_loopback: bool,
    /// The user's, by each way to derive one.
    keys: [Key; 2],
}

impl Peers {
    pub(super) fn new(settings: &Settings) -> Self {
        let listening = settings.listen.iter().map(SocketAddr::ip);
        let Settings { user, realm, password, .. } = settings;
        let key = |derivation| Key::long_term(derivation, user, realm, password);
        Self {
            own: listening
                .chain(settings.relay_ips.iter().copied())
                .chain(settings.own.iter().copied())
                .collect(),
            allow_loopback: settings.allow_loopback_peers,
            keys: [key(KeyDerivation::Md5), key(KeyDerivation::Sha256)],
        }
    }

    /// Whether nothing is relayed to or from this address, whatever the port.
    fn forbids_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            return !self.allow_loopback;
        }
        let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        // Link-local ones are this host's neighbours, and those that tell a machine in a cloud its secrets.
        let neighbour = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        ip.is_unspecified() || ip.is_multicast() || broadcast || neighbour || is_tunnelled(ip)
    }

    /// Whether nothing is relayed to or from this peer. This machine's own addresses are peers only where another
    /// client's relay is, `is_relay`: two who use one server meet there.
    pub(super) fn forbids(&self, peer: SocketAddr, is_relay: bool) -> bool {
        self.forbids_ip(peer.ip()) || (!is_relay && self.own.contains(&peer.ip().to_canonical()))
    }

    /// Whether this address may not use the server at all.
    pub(super) fn forbids_client(client: SocketAddr) -> bool {
        is_tunnelled(client.ip().to_canonical())
    }

    /// The 403 for an authentic request that wants a permission or a channel for a peer that may not be (RFC 8656 9.2,
    /// 11.2); nothing where the request is fine, or for the library to judge.
    pub(super) fn refusal(&self, bytes: &[u8], is_relay: impl Fn(SocketAddr) -> bool) -> Option<Vec<u8>> {
        let message = Message::parse(bytes).ok()?;
        let forbids = |peer: SocketAddr| match message.method() {
            // RFC 8656 9.2: a permission is for an address; what is behind it is judged datagram by datagram.
            CREATE_PERMISSION => self.forbids_ip(peer.ip()),
            CHANNEL_BIND => self.forbids(peer, is_relay(peer)),
            _ => false,
        };
        if message.class() != Class::Request || !peers(&message).any(forbids) {
            return None;
        }
        let mut authentic =
            self.keys.iter().filter_map(|key| Some((message.verify_integrity(key).ok()?, key)));
        let mut response = vec![0; 256];
        let length = rules::write_error(&mut response, &message, FORBIDDEN, Some(authentic.next()?)).ok()?;
        response.truncate(length);
        Some(response)
    }
}

/// The peers that a request names.
fn peers<'a>(message: &Message<'a>) -> impl Iterator<Item = SocketAddr> + use<'a> {
    let id: TransactionId = message.transaction_id();
    let named = message.attributes().filter(|attribute| attribute.kind.get() == XOR_PEER_ADDRESS);
    named.filter_map(move |attribute| decode_xor_address(attribute.value, id).ok())
}

/// Whether it is of 6to4 or Teredo (RFC 8656 21.4): IPv6 in IPv4, which could carry packets in circles.
const fn is_tunnelled(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => is_6to4(ip) || is_teredo(ip),
    }
}

const fn is_6to4(ip: Ipv6Addr) -> bool {
    ip.segments()[0] == 0x2002
}

const fn is_teredo(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    first == 0x2001 && second == 0
}

#[cfg(test)]
mod tests {
    use floe_stun::{MessageWriter, Method};
    use floe_turn::XorPeerAddress;

    use super::*;

    fn peers(allow_loopback_peers: bool) -> Peers {
        Peers::new(&Settings {
            listen: vec!["192.0.2.7:3478".parse().unwrap()],
            relay_ips: vec!["192.0.2.8".parse().unwrap()],
            own: Vec::new(),
            realm: "floe".to_owned(),
            user: "ann".to_owned(),
            password: "secret".to_owned(),
            max_allocations: 1,
            allow_loopback_peers,
        })
    }

    fn request(method: Method, peer: &str, password: &str) -> Vec<u8> {
        let id = TransactionId::new([7; 12]);
        let key = Key::long_term(KeyDerivation::Md5, "ann", "floe", password);
        let mut bytes = vec![0; 256];
        let writer = MessageWriter::new(&mut bytes, Class::Request, method, id).unwrap();
        let writer = writer.attribute(&XorPeerAddress(peer.parse().unwrap())).unwrap();
        let length = writer.integrity(&key).unwrap().finish();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn loopback_own_and_tunnelled_addresses_are_no_peers() {
        let forbidden = [
            "127.0.0.1:53",
            "[::1]:53",
            "[::ffff:127.0.0.1]:53",
            "0.0.0.0:53",
            "224.0.0.1:53",
            "255.255.255.255:53",
            "192.0.2.7:3478",
            "192.0.2.8:22",
            "[2002:c000:207::1]:53",
            "[2001:0:c000:207::1]:53",
        ];
        for peer in forbidden {
            assert!(peers(false).forbids(peer.parse().unwrap(), false), "{peer}");
        }
        for peer in ["198.51.100.1:53", "10.0.0.1:53", "[2001:db8::1]:53"] {
            assert!(!peers(false).forbids(peer.parse().unwrap(), false), "{peer}");
        }
    }

    #[test]
    fn another_clients_relay_is_a_peer_and_so_is_loopback_where_it_is_allowed() {
        assert!(!peers(false).forbids("192.0.2.8:50000".parse().unwrap(), true));
        assert!(!peers(true).forbids("127.0.0.1:53".parse().unwrap(), false));
    }

    #[test]
    fn clients_behind_6to4_and_teredo_are_not_served() {
        assert!(Peers::forbids_client("[2002:c000:207::1]:53".parse().unwrap()));
        assert!(Peers::forbids_client("[2001:0:c000:207::1]:53".parse().unwrap()));
        assert!(!Peers::forbids_client("[2001:db8::1]:53".parse().unwrap()));
    }

    #[test]
    fn a_permission_for_a_forbidden_peer_is_answered_with_403() {
        let refused = |bytes: &[u8]| peers(false).refusal(bytes, |_| false);
        for method in [CREATE_PERMISSION, CHANNEL_BIND] {
            let response = refused(&request(method, "127.0.0.1:53", "secret")).unwrap();
            let response = Message::parse(&response).unwrap();
            assert_eq!(response.attribute::<ErrorCode<'_>>().unwrap().unwrap().code(), 403);
            let key = Key::long_term(KeyDerivation::Md5, "ann", "floe", "secret");
            assert!(response.verify_integrity(&key).is_ok());
            assert_eq!(refused(&request(method, "198.51.100.1:53", "secret")), None);
        }
        // A channel is for a port, a permission for an address that another client's relay may be at.
        assert!(refused(&request(CHANNEL_BIND, "192.0.2.8:22", "secret")).is_some());
        assert_eq!(refused(&request(CREATE_PERMISSION, "192.0.2.8:22", "secret")), None);
    }

    #[test]
    fn who_does_not_know_the_password_is_told_nothing_of_peers() {
        assert_eq!(peers(false).refusal(&request(CHANNEL_BIND, "127.0.0.1:53", "guess"), |_| false), None);
    }
}
