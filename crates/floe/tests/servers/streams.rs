//! Servers over TCP and TLS that misbehave: each ends by name and reason, and the other candidates come all the same.

use std::{net::SocketAddr, sync::Arc};

use floe::{Event, IceServer, Role, ServerId, ServerKind, ServerTransport, SystemNet, Target};
use futures::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    relay::serve,
    spy::Spy,
    support::{LIMIT, builder},
};

/// What a server does with a connection.
#[derive(Debug, Clone, Copy)]
enum Bad {
    /// Hears the client out and closes it.
    Closes,
    /// Says nothing, ever.
    Silent,
    /// Says something that is no STUN, nor TLS.
    Garbage,
    /// Begins a message and closes.
    Cuts,
    /// Announces the longest message and never sends it.
    Announces,
}

impl Bad {
    async fn treat(self, mut client: TcpStream) {
        let mut heard = [0; 2048];
        let _ = client.read(&mut heard).await;
        let says: &[u8] = match self {
            Self::Closes | Self::Silent => &[],
            Self::Garbage => b"\xff\xfeno such protocol here\r\n",
            // The header of an Allocate error response of 64 bytes.
            Self::Cuts => &[0x01, 0x13, 0, 64, 0x21, 0x12, 0xa4, 0x42, 1, 2],
            Self::Announces => &[0x40, 0, 0xff, 0xff],
        };
        let _ = client.write_all(says).await;
        if matches!(self, Self::Closes | Self::Cuts) {
            return;
        }
        // Until the client has enough.
        while client.read(&mut heard).await.is_ok_and(|length| length > 0) {}
    }

    async fn listen(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(self.treat(client));
            }
        });
        at
    }
}

/// A certificate authority that has never signed anything.
const ROOT: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUFUBF/Zsdu8y6+fo213GHJTjuTKowCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOZmxvZS10ZXN0LXJvb3QwIBcNMjYxMTI4MTE0MDU5WhgPMjEy
NjExMDQxMTQwNTlaMBkxFzAVBgNVBAMMDmZsb2UtdGVzdC1yb290MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEQD76sTCyVR1D1v5atNJ7L/pnPt9/nXwZzd3xFVIn
nwREt5YSmI/hD8kzWyC5zkYW8RkiPBl1HgrlEwieCGdwUaNTMFEwHQYDVR0OBBYE
FCIvLL0yFbq+e3Ky5OvIc/ajszMkMB8GA1UdIwQYMBaAFCIvLL0yFbq+e3Ky5OvI
c/ajszMkMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgNxDFmA67
/6vXNAlYUIJEgRM6nk8vAwNqOWJTTwe8wHUCIFqMfnIZtz1vafw8bWkiSPium1kC
N0s4tnP/gs2+NVxf
-----END CERTIFICATE-----
";

/// Why the bad server gives nothing, while a good one does.
async fn outcome(bad: Bad, transport: ServerTransport) -> String {
    let good = serve(|_| true).await;
    let target = Target::new(bad.listen().await, transport).name(Some("turn.example.org".to_owned()));
    let bad = IceServer::at(ServerKind::Turn, [target]).user("ann", "secret");
    let net = Arc::new(Spy::over(SystemNet::new().trust(ROOT).unwrap()));
    let servers = [bad, IceServer::turn(good, "ann", "secret")];
    let agent = builder(Role::Controlling, net).servers(servers).build().unwrap();
    let mut events = agent.events();
    agent.gather().await.unwrap();
    let (mut kinds, mut failed) = (Vec::new(), Vec::new());
    let gathering = async {
        while let Some(event) = events.next().await {
            match event {
                Event::Candidate { candidate, .. } => kinds.push(candidate.kind().to_string()),
                Event::ServerFailed { server: ServerId(0), why, .. } => failed.push(why.to_string()),
                Event::ServerFailed { server, why, .. } => panic!("{server}: {why}"),
                Event::EndOfCandidates { .. } => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(LIMIT, gathering).await.expect("the candidates come to their end");
    assert!(kinds.contains(&"host".to_owned()) && kinds.contains(&"relay".to_owned()), "{kinds:?}");
    failed.dedup();
    let [why] = &failed[..] else { panic!("{failed:?}") };
    agent.close().await;
    why.clone()
}

#[tokio::test]
async fn a_server_that_closes_garbles_or_cuts_a_stream_is_said_to_do_so() {
    for (bad, why) in [
        (Bad::Closes, "the server closed the connection"),
        (Bad::Cuts, "the stream ended 10 bytes into a message"),
        (Bad::Garbage, "a first byte of 0xff is neither STUN nor ChannelData"),
    ] {
        let said = outcome(bad, ServerTransport::Tcp).await;
        assert_eq!(said, format!("the allocation failed: {why}"));
        let said = outcome(bad, ServerTransport::Tls).await;
        assert!(
            said.starts_with("the allocation failed: the handshake failed: "),
            "{bad:?} over TLS: {said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_or_never_what_it_announced_is_given_up_in_time() {
    for (bad, transport, why) in [
        (Bad::Silent, ServerTransport::Tcp, "the allocation failed: the server does not answer"),
        (Bad::Announces, ServerTransport::Tcp, "the allocation failed: the server does not answer"),
        (Bad::Silent, ServerTransport::Tls, "the allocation failed: no connection within 10s"),
    ] {
        let said = outcome(bad, transport).await;
        assert_eq!(said, why, "{bad:?} over {transport}");
    }
}
