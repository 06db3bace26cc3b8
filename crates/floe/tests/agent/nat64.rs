//! An agent on a host that has IPv6 only, behind a NAT64 (RFC 8445 5.1.1.2).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use floe::{
    Agent, Arrival, DatagramSocket, Event, Interface, InterfaceAddress, Nat64Prefix, Net, Role, SystemNet,
};
use futures::{
    StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream::BoxStream,
};
use tokio::time::timeout;

use crate::support::{LIMIT, builder, connect, receive};

const PHONE: &str = "2001:db8::1";

fn prefix() -> Nat64Prefix {
    Nat64Prefix::from_answer("2001:db8:64::c000:aa".parse().unwrap()).unwrap()
}

/// A network of one IPv6 address, and a NAT64 to the loopback interface of the system.
#[derive(Debug)]
struct Phone {
    /// What is known of the NAT64; nothing where the resolver does not answer.
    nat64: Option<Option<Nat64Prefix>>,
    asked: AtomicUsize,
    listed: AtomicUsize,
    addresses: Mutex<Vec<IpAddr>>,
    changes: UnboundedSender<()>,
    told: Mutex<Option<UnboundedReceiver<()>>>,
    system: SystemNet,
}

impl Phone {
    fn new(nat64: Option<Option<Nat64Prefix>>) -> Arc<Self> {
        let (changes, told) = unbounded();
        let phone = Self {
            nat64,
            asked: AtomicUsize::new(0),
            listed: AtomicUsize::new(0),
            addresses: Mutex::new(vec![PHONE.parse().unwrap()]),
            changes,
            told: Mutex::new(Some(told)),
            system: SystemNet::new(),
        };
        Arc::new(phone)
    }

    /// It has these addresses from now on.
    fn change(&self, addresses: &[&str]) {
        *self.addresses.lock().unwrap() = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        self.changes.unbounded_send(()).unwrap();
    }
}

#[async_trait]
impl Net for Phone {
    async fn interfaces(&self) -> io::Result<Vec<Interface>> {
        let addresses = self.addresses.lock().unwrap().clone();
        self.listed.fetch_add(1, SeqCst);
        let addresses = addresses.into_iter().map(|ip| InterfaceAddress::new(ip, 64)).collect();
        Ok(vec![Interface { name: "mobile0".to_owned(), index: 2, up: true, addresses }])
    }

    fn interface_changes(&self) -> BoxStream<'static, ()> {
        self.told.lock().unwrap().take().expect("one agent listens").boxed()
    }

    async fn nat64(&self) -> io::Result<Option<Nat64Prefix>> {
        self.asked.fetch_add(1, SeqCst);
        match self.nat64 {
            Some(known) => Ok(known),
            None => std::future::pending().await,
        }
    }

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        assert_eq!(address.ip(), PHONE.parse::<IpAddr>().unwrap());
        let outside = self.system.bind_udp((Ipv4Addr::LOCALHOST, 0).into()).await?;
        Ok(Arc::new(Inside(outside)))
    }
}

/// A socket on the IPv6 address, as seen from there.
#[derive(Debug)]
struct Inside(Arc<dyn DatagramSocket>);

#[async_trait]
impl DatagramSocket for Inside {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::new(PHONE.parse().unwrap(), self.0.local_addr()?.port()))
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let arrival = ready!(self.0.poll_recv(cx, buffer))?;
        Poll::Ready(Ok(Arrival::new(arrival.len, prefix().embed_socket(arrival.from))))
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        let outside = prefix().extract_socket(to);
        if outside == to {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        self.0.try_send_to(payload, outside)
    }

    async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }
}

// proves: 8445-5.1.1.2-g
#[tokio::test]
async fn it_reaches_a_peer_that_has_ipv4_only_and_data_goes_both_ways() {
    let net = Phone::new(Some(Some(prefix())));
    let phone = Agent::builder().net(Arc::clone(&net) as Arc<dyn Net>).build().unwrap();
    let peer = builder(Role::Controlled).ipv6(false).build().unwrap();
    let (to_peer, to_phone) = connect(&phone, &peer).await;
    assert_eq!(net.asked.load(SeqCst), 1);
    let selected = to_peer.selected_pair().unwrap();
    assert!(selected.remote.socket_addr().unwrap().is_ipv4(), "as the peer has told it");
    to_peer.send(b"up").await.unwrap();
    assert_eq!(receive(&to_phone).await, b"up");
    to_phone.send(b"down").await.unwrap();
    assert_eq!(receive(&to_peer).await, b"down");
    // What came and went is counted for the pair.
    let stats = phone.stats().await.unwrap();
    let pair = stats.pairs.iter().find(|pair| pair.in_use).unwrap();
    assert_eq!((pair.traffic.packets_sent, pair.traffic.packets_received), (1, 1));
}

#[tokio::test]
async fn a_call_goes_on_when_the_host_has_ipv4_as_well_and_nobody_is_asked_again_after_that() {
    let net = Phone::new(Some(Some(prefix())));
    let phone = Agent::builder().net(Arc::clone(&net) as Arc<dyn Net>).build().unwrap();
    let peer = builder(Role::Controlled).build().unwrap();
    let (to_peer, to_phone) = connect(&phone, &peer).await;
    let mut events = phone.events();
    let new = ["192.0.2.55", "192.0.2.56", "192.0.2.57"];
    for address in new {
        net.change(&[PHONE, address]);
        let appeared = async {
            loop {
                match events.next().await.unwrap() {
                    Event::AddressAppeared { address: found, .. } if found.0.is_ipv4() => return found.0,
                    _ => {}
                }
            }
        };
        let appeared = timeout(LIMIT, appeared).await.expect("it is not seen");
        assert_eq!(appeared, address.parse::<IpAddr>().unwrap());
        // And has IPv6 only again: it is looked at once when it is told of, and once more whether that stays so.
        let listed = net.listed.load(SeqCst);
        net.change(&[PHONE]);
        let looks = async {
            while net.listed.load(SeqCst) < listed + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LIMIT, looks).await.expect("nobody looks");
        to_peer.send(b"up").await.unwrap();
        assert_eq!(receive(&to_phone).await, b"up");
        to_phone.send(b"down").await.unwrap();
        assert_eq!(receive(&to_peer).await, b"down");
    }
    assert_eq!(net.asked.load(SeqCst), 1);
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_or_knows_of_none_costs_no_candidate() {
    for nat64 in [None, Some(None)] {
        let net = Phone::new(nat64);
        let phone = Agent::builder().net(Arc::clone(&net) as Arc<dyn Net>).build().unwrap();
        let mut events = phone.events();
        phone.gather().await.unwrap();
        let candidate = async {
            loop {
                if let Event::Candidate { candidate, .. } = events.next().await.unwrap() {
                    return candidate;
                }
            }
        };
        let candidate = timeout(LIMIT, candidate).await.expect("nothing is gathered");
        assert_eq!(candidate.socket_addr().unwrap().ip(), PHONE.parse::<IpAddr>().unwrap());
        assert_eq!(net.asked.load(SeqCst), 1);
    }
}
