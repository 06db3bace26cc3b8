//! The operating system's network, on the loopback interface of the machine that the tests run on.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test of sockets; its helpers may panic too"
)]

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
};

use floe_core::{Interface, address::is_ipv6_link_local};
use floe_net::{Arrival, DatagramSocket, Net, SystemNet, Trouble, trouble};

const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

async fn bind(address: SocketAddr) -> Arc<dyn DatagramSocket> {
    SystemNet::new().bind_udp(address).await.unwrap()
}

async fn recv(socket: &Arc<dyn DatagramSocket>, buffer: &mut [u8]) -> Arrival {
    poll_fn(|cx| socket.poll_recv(cx, buffer)).await.unwrap()
}

async fn interfaces() -> Vec<Interface> {
    SystemNet::new().interfaces().await.unwrap()
}

/// Whether the machine has IPv6 at all; tests of it have nothing to test where it has not.
async fn has_ipv6() -> bool {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let found =
        interfaces().await.iter().flat_map(|interface| &interface.addresses).any(|a| a.ip == loopback);
    if !found {
        println!("skipped: this machine has no IPv6");
    }
    found
}

async fn a_datagram_crosses(address: SocketAddr) {
    let (a, b) = (bind(address).await, bind(address).await);
    a.try_send_to(b"one", b.local_addr().unwrap()).unwrap();
    a.try_send_to(b"", b.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    let first = recv(&b, &mut buffer).await;
    assert_eq!((&buffer[..first.len], first.from), (&b"one"[..], a.local_addr().unwrap()));
    let second = recv(&b, &mut buffer).await;
    assert_eq!(second, Arrival::new(0, a.local_addr().unwrap()));
}

#[tokio::test]
async fn datagrams_cross_between_ipv4_sockets() {
    a_datagram_crosses(V4).await;
}

#[tokio::test]
async fn datagrams_cross_between_ipv6_sockets() {
    if has_ipv6().await {
        a_datagram_crosses(V6).await;
    }
}

#[tokio::test]
async fn a_socket_has_the_address_it_was_bound_to_and_a_port() {
    let local = bind(V4).await.local_addr().unwrap();
    assert_eq!(local.ip(), V4.ip());
    assert_ne!(local.port(), 0);
}

#[tokio::test]
async fn an_address_of_another_host_cannot_be_bound() {
    let foreign = SocketAddr::from(([198, 51, 100, 77], 0));
    let error = SystemNet::new().bind_udp(foreign).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
async fn an_ipv6_socket_leaves_ipv4_alone() {
    if !has_ipv6().await {
        return;
    }
    // A socket for both families would hold the port in both. Another process may hold one port: try some.
    for _ in 0..16 {
        let v6 = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).await;
        let port = v6.local_addr().unwrap().port();
        if SystemNet::new().bind_udp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await.is_ok() {
            return;
        }
    }
    panic!("no port of an IPv6 socket was free for IPv4");
}

#[tokio::test]
async fn datagrams_to_a_closed_port_do_not_end_reading() {
    let (a, b) = (bind(V4).await, bind(V4).await);
    let closed = bind(V4).await.local_addr().unwrap();
    for _ in 0..8 {
        a.try_send_to(b"nobody there", closed).unwrap();
    }
    b.try_send_to(b"here", a.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(recv(&a, &mut buffer).await, Arrival::new(4, b.local_addr().unwrap()));
}

#[tokio::test]
async fn a_datagram_too_long_is_refused_and_the_socket_goes_on() {
    let (a, b) = (bind(V4).await, bind(V4).await);
    let to = b.local_addr().unwrap();
    let error = a.try_send_to(&vec![0; 70_000], to).unwrap_err();
    assert_eq!(trouble(&error), Trouble::Path, "{error}");
    a.try_send_to(b"short", to).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(recv(&b, &mut buffer).await.len, 5);
}

#[tokio::test]
async fn dropping_the_last_reference_closes_the_socket() {
    let socket = bind(V4).await;
    let address = socket.local_addr().unwrap();
    let taken = SystemNet::new().bind_udp(address).await.unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(socket);
    bind(address).await;
}

#[tokio::test]
async fn an_idle_socket_is_writable_for_all_who_wait() {
    let socket = bind(V4).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let socket = Arc::clone(&socket);
            tokio::spawn(async move { socket.writable().await })
        })
        .collect();
    for task in waiting {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_interfaces_contain_loopback_with_its_prefix() {
    let interfaces = interfaces().await;
    let loopback = interfaces
        .iter()
        .find(|interface| interface.addresses.iter().any(|address| address.ip == V4.ip()))
        .expect("every machine has a loopback interface");
    assert!(loopback.up);
    assert_ne!(loopback.index, 0);
    let address = loopback.addresses.iter().find(|address| address.ip == V4.ip()).unwrap();
    assert_eq!(address.prefix_length, 8);
    assert!(!address.temporary && !address.unusable);
}

#[tokio::test]
async fn the_interfaces_come_in_the_order_of_their_indices() {
    let indices: Vec<_> = interfaces().await.iter().map(|interface| interface.index).collect();
    assert!(indices.is_sorted(), "{indices:?}");
}

#[tokio::test]
async fn every_usable_address_can_be_bound() {
    for interface in interfaces().await.iter().filter(|interface| interface.up) {
        for address in interface.addresses.iter().filter(|address| !address.unusable) {
            let local = match address.ip {
                IpAddr::V6(ip) if is_ipv6_link_local(address.ip) => {
                    SocketAddrV6::new(ip, 0, 0, interface.index).into()
                }
                ip => SocketAddr::new(ip, 0),
            };
            let bound = bind(local).await.local_addr().unwrap();
            assert_eq!(bound.ip(), address.ip, "on {}", interface.name);
        }
    }
}

#[tokio::test]
async fn the_systems_own_names_have_addresses() {
    let found = SystemNet::new().lookup_addresses("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    let found = SystemNet::new().lookup_addresses("192.0.2.1").await.unwrap();
    assert_eq!(found, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
}
