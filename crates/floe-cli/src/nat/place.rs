//! Which address of the server is asked, and from which address of the host.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use floe::{Net as _, ServerHost, ServerTransport, SystemNet};
use tokio::net::UdpSocket;

use super::{Failure, Options};

/// How many addresses of a server are asked at most.
const MOST: usize = 4;

/// A server and the address that datagrams to it leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) server: SocketAddr,
    pub(super) local: IpAddr,
}

impl Place {
    /// All that may be asked, in the order of the resolver; at least one.
    pub(super) async fn find(options: &Options) -> Result<Vec<Self>, Failure> {
        let sources = sources(options).await?;
        let url = &options.stun;
        let port = url.port().unwrap_or(ServerTransport::Udp.default_port());
        let found = match url.host() {
            ServerHost::Ip(ip) => Ok(vec![*ip]),
            ServerHost::Name(name) => SystemNet::new().lookup_addresses(name).await,
        };
        let found = found.map_err(|error| Failure::Server(format!("{url}: no address: {error}")))?;
        let (mut places, mut why) = (Vec::<Self>::new(), "it has no address".to_owned());
        for server in found.into_iter().take(MOST).map(|ip| SocketAddr::new(ip, port)) {
            match local_towards(server, sources.as_deref()).await {
                Ok(local) if places.iter().all(|place| place.server != server) => {
                    places.push(Self { server, local });
                }
                Ok(_) => {}
                Err(error) => why = format!("{server}: {error}"),
            }
        }
        if places.is_empty() { Err(Failure::Server(format!("{url}: {why}"))) } else { Ok(places) }
    }
}

/// The addresses to ask from; `None`: whichever the system takes.
async fn sources(options: &Options) -> Result<Option<Vec<IpAddr>>, Failure> {
    if let Some(ip) = options.bind {
        let usable = UdpSocket::bind((ip, 0)).await;
        usable.map_err(|error| Failure::Options(format!("--bind {ip} cannot be used: {error}")))?;
        return Ok(Some(vec![ip]));
    }
    let Some(name) = &options.interface else { return Ok(None) };
    let interfaces = SystemNet::default().interfaces().await?;
    let found = interfaces.into_iter().find(|interface| interface.name == *name);
    let Some(interface) = found else {
        return Err(Failure::Options(format!(
            "--interface {name} cannot be used: there is none of this name"
        )));
    };
    let usable = interface.addresses.iter().filter(|address| !address.unusable);
    Ok(Some(usable.map(|address| address.ip).collect()))
}

/// The address that a datagram to the server leaves from. Nothing is sent to find it out.
async fn local_towards(server: SocketAddr, sources: Option<&[IpAddr]>) -> io::Result<IpAddr> {
    let unspecified: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let from = match sources {
        Some(sources) => sources.iter().copied().find(|ip| ip.is_ipv4() == server.is_ipv4()),
        None => Some(unspecified),
    };
    let from = from.ok_or_else(|| io::Error::other("there is no address of its family to ask from"))?;
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}
