//! A TURN server over UDP on loopback: the one of the simulator, on real sockets.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use floe_sim::{Action, Node as _, Server};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Lets a datagram to the server through, or not.
pub(crate) type Filter = fn(&[u8]) -> bool;

type Heard = (SocketAddr, SocketAddr, Vec<u8>);

/// Starts a server that lives as long as the runtime, for the user `ann` with the password `secret`.
pub(crate) async fn serve(passes: Filter) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let (heard, hears) = mpsc::channel(1024);
    let mut relay = Relay {
        server: Server::new(at, "floe.example").user("ann", "secret"),
        sockets: BTreeMap::new(),
        heard,
        passes,
        at,
    };
    relay.open(socket);
    tokio::spawn(relay.run(hears));
    at
}

struct Relay {
    server: Server,
    sockets: BTreeMap<SocketAddr, (Arc<UdpSocket>, JoinHandle<()>)>,
    heard: mpsc::Sender<Heard>,
    passes: Filter,
    at: SocketAddr,
}

impl Relay {
    fn open(&mut self, socket: UdpSocket) -> SocketAddr {
        let (socket, at) = (Arc::new(socket), self.at);
        let local = socket.local_addr().unwrap();
        let (reads, heard, passes) = (Arc::clone(&socket), self.heard.clone(), self.passes);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 65_535];
            while let Ok((length, from)) = reads.recv_from(&mut buffer).await {
                let data = &buffer[..length];
                if (local != at || passes(data)) && heard.send((local, from, data.to_vec())).await.is_err() {
                    return;
                }
            }
        });
        self.sockets.insert(local, (socket, reader));
        local
    }

    async fn run(mut self, mut hears: mpsc::Receiver<Heard>) {
        loop {
            self.carry_out().await;
            let due = self.server.poll_timeout().map(Instant::from_std);
            tokio::select! {
                heard = hears.recv() => {
                    let Some((local, from, data)) = heard else { return };
                    self.server.handle_datagram(now(), local, from, &data);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.server.handle_timeout(now());
                }
            }
        }
    }

    async fn carry_out(&mut self) {
        while let Some(action) = self.server.poll_action() {
            match action {
                Action::Send { from, to, payload } => {
                    if let Some((socket, _)) = self.sockets.get(&from) {
                        let _ = socket.send_to(&payload, to).await;
                    }
                }
                Action::Bind { tag, address } if address == self.at => {
                    self.server.handle_bound(now(), tag, Ok(address));
                }
                Action::Bind { tag, address } => {
                    let local = self.open(UdpSocket::bind(address).await.unwrap());
                    self.server.handle_bound(now(), tag, Ok(local));
                }
                Action::Close(local) => {
                    if let Some((_, reader)) = self.sockets.remove(&local) {
                        reader.abort();
                    }
                }
            }
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
