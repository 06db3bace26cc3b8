//! Agents of one program on real sockets.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests on real sockets: tasks, timeouts, and networks of their own"
)]

mod nat64;
mod network;
mod support;
mod watching;

use std::{
    io,
    net::UdpSocket as StdUdpSocket,
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    AddRemoteError, Agent, BuildError, Closed, ComponentId, ConnectError, Connection, Credentials,
    DropReason, Event, Events, GatherError, IceState, Reason, RecvError, RemoteDescription, Role, SendError,
    SetRemoteError,
};
use futures::{FutureExt as _, StreamExt as _};
use network::Breakable;
use support::{LIMIT, builder, connect, pair, receive, signal};
use tokio::time::timeout;

#[tokio::test]
async fn data_flows_both_ways_and_is_counted() {
    let ((alice, to_bob), (_bob, to_alice)) = pair().await;
    for number in 0..10_u8 {
        to_bob.send(&[200, number]).await.unwrap();
        assert_eq!(receive(&to_alice).await, [200, number]);
        to_alice.try_send(&[number; 1200]).unwrap();
        assert_eq!(receive(&to_bob).await, [number; 1200]);
    }
    let stats = to_bob.stats().await.unwrap();
    assert_eq!((stats.traffic.packets_sent, stats.traffic.bytes_sent), (10, 20));
    assert_eq!((stats.traffic.packets_received, stats.traffic.bytes_received), (10, 12_000));
    let all = alice.stats().await.unwrap();
    let used: Vec<_> = all.pairs.iter().filter(|pair| pair.in_use).collect();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].traffic, used[0].pair.id), (stats.traffic, to_bob.selected_pair().unwrap().pair));
}

#[tokio::test]
async fn after_close_every_call_is_answered_with_an_error() {
    let ((alice, to_bob), _bob) = pair().await;
    let mut events = alice.events();
    let (waiting, other) = (to_bob.clone(), to_bob.clone());
    let receiving = tokio::spawn(async move { waiting.recv(&mut [0; 10]).await });
    let receiving_too = tokio::spawn(async move { other.recv(&mut [0; 10]).await });
    tokio::task::yield_now().await;

    alice.close().await;
    for receiving in [receiving, receiving_too] {
        assert_eq!(timeout(LIMIT, receiving).await.unwrap().unwrap(), Err(RecvError::Closed(Closed)));
    }
    assert_eq!(to_bob.recv(&mut [0; 10]).await, Err(RecvError::Closed(Closed)));
    assert!(matches!(to_bob.send(b"x").await, Err(SendError::Closed(Closed))));
    assert!(matches!(to_bob.try_send(b"x"), Err(SendError::Closed(Closed))));
    assert!(matches!(alice.connect(ComponentId::RTP).await, Err(ConnectError::Closed(Closed))));
    assert!(matches!(alice.gather().await, Err(GatherError::Closed(Closed))));
    assert!(alice.stats().await.is_err() && to_bob.stats().await.is_err());
    alice.close().await;

    let rest: Vec<_> = timeout(LIMIT, (&mut events).collect()).await.unwrap();
    assert!(matches!(rest.last(), Some(Event::State { state: IceState::Closed, .. })), "{rest:?}");
    assert_eq!(alice.events().next().await, None);
}

#[tokio::test]
async fn a_dropped_recv_loses_nothing() {
    let ((_alice, to_bob), (_bob, to_alice)) = pair().await;
    let mut received = Vec::new();
    for number in 0..200_u8 {
        // A receiver that gives up now and then, before and after something came.
        assert!(to_alice.recv(&mut [0; 10]).now_or_never().is_none());
        to_bob.send(&[number, 1]).await.unwrap();
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let mut buffer = [0; 10];
        if let Ok(length) = timeout(Duration::from_micros(50), to_alice.recv(&mut buffer)).await {
            received.push(buffer[..length.unwrap()].to_vec());
        }
        while received.len() < usize::from(number) + 1 {
            received.push(receive(&to_alice).await);
        }
    }
    assert_eq!(received, (0..200).map(|number| vec![number, 1]).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_inbox_that_nobody_empties_stays_bounded_and_counts() {
    let alice = builder(Role::Controlling).build().unwrap();
    let bob = builder(Role::Controlled).inbox_capacity(8).build().unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    for number in 0..100_u8 {
        to_bob.send(&[number]).await.unwrap();
    }
    // An answer to the last: all others were read before.
    let stats = timeout(LIMIT, async {
        loop {
            let stats = to_alice.stats().await.unwrap();
            if stats.traffic.packets_received == 100 {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let stats = stats.await.unwrap();
    assert_eq!((stats.inbox_waiting, stats.inbox_dropped), (8, 92));
    for number in 0..8 {
        assert_eq!(receive(&to_alice).await, [number]);
    }
    to_bob.send(b"and now?").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"and now?");
}

#[tokio::test]
async fn events_that_nobody_reads_hold_up_nothing_and_lose_no_candidate_and_no_result() {
    let alice = builder(Role::Controlling).event_capacity(1).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let (mut unread, read) = (alice.events(), alice.events());
    // The other stream is read as it comes.
    let reading = tokio::spawn(read.collect::<Vec<_>>());
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    to_bob.send(b"hello").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"hello");
    alice.close().await;

    let missed = unread.missed();
    let unread: Vec<_> = timeout(LIMIT, (&mut unread).collect()).await.unwrap();
    let read = timeout(LIMIT, reading).await.unwrap().unwrap();
    assert!(missed > 0 && unread.len() as u64 + missed >= read.len() as u64, "{missed} {unread:?}");
    let kept = |events: &[Event]| {
        let mut kept = events.to_vec();
        kept.retain(|event| {
            matches!(event, Event::Candidate { .. } | Event::EndOfCandidates { .. } | Event::Selected { .. })
        });
        kept
    };
    assert_eq!(kept(&unread), kept(&read));
    assert!(matches!(unread.last(), Some(Event::State { state: IceState::Closed, .. })), "{unread:?}");
}

#[tokio::test]
async fn bytes_of_strangers_are_dropped_and_counted() {
    let ((alice, to_bob), (_bob, to_alice)) = pair().await;
    let address = to_bob.selected_pair().unwrap().local.socket_addr().unwrap();
    let stranger = StdUdpSocket::bind((address.ip(), 0)).unwrap();
    stranger.send_to(b"let me in", address).unwrap();
    // A binding request without credentials.
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend_from_slice(&[7; 12]);
    stranger.send_to(&request, address).unwrap();
    stranger.send_to(&[], address).unwrap();
    let counted = timeout(LIMIT, async {
        loop {
            let dropped = alice.stats().await.unwrap().dropped;
            let strange = dropped.get(&DropReason::Stranger).copied().unwrap_or_default();
            let all: u64 = dropped.values().sum();
            if (strange, all) == (2, 3) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    counted.await.expect("all three are counted");
    to_alice.send(b"from a friend").await.unwrap();
    assert_eq!(receive(&to_bob).await, b"from a friend");
}

#[tokio::test]
async fn an_empty_datagram_of_the_peer_is_never_received() {
    let ((_alice, to_bob), (bob, to_alice)) = pair().await;
    assert!(matches!(to_bob.send(b"").await, Err(SendError::Empty)));
    // The peer itself cannot send one; so its address is used once it is gone.
    let pair = to_bob.selected_pair().unwrap();
    let (here, there) = (pair.local.socket_addr().unwrap(), pair.remote.socket_addr().unwrap());
    bob.close().await;
    drop((bob, to_alice));
    let peer = StdUdpSocket::bind(there).unwrap();
    peer.send_to(b"", here).unwrap();
    peer.send_to(b"something", here).unwrap();
    assert_eq!(receive(&to_bob).await, b"something");
}

#[tokio::test]
async fn a_full_send_buffer_is_waited_for_and_told_to_those_who_do_not_wait() {
    let net = Arc::new(Breakable::default());
    let alice = builder(Role::Controlling).net(Arc::clone(&net) as Arc<dyn floe::Net>).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    net.fill_buffers(true);
    assert!(matches!(to_bob.try_send(b"now"), Err(SendError::Full)));
    let sending = tokio::spawn({
        let to_bob = to_bob.clone();
        async move { to_bob.send(b"later").await }
    });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    net.fill_buffers(false);
    timeout(LIMIT, sending).await.unwrap().unwrap().unwrap();
    assert_eq!(receive(&to_alice).await, b"later");
}

#[tokio::test]
async fn a_send_that_waits_ends_with_the_agent() {
    let net = Arc::new(Breakable::default());
    let alice = builder(Role::Controlling).net(Arc::clone(&net) as Arc<dyn floe::Net>).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let (to_bob, _to_alice) = connect(&alice, &bob).await;
    net.fill_buffers(true);
    let sending = tokio::spawn(async move { to_bob.send(b"never").await });
    tokio::task::yield_now().await;
    alice.close().await;
    let sent = timeout(LIMIT, sending).await.unwrap().unwrap();
    assert!(matches!(sent, Err(SendError::Closed(Closed))), "{sent:?}");
}

#[tokio::test]
async fn checks_wait_for_a_full_send_buffer_and_are_not_lost() {
    let net = Arc::new(Breakable::default());
    let alice = builder(Role::Controlling).net(Arc::clone(&net) as Arc<dyn floe::Net>).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let mut events = alice.events();
    alice.gather().await.unwrap();
    let gathered = async { while !matches!(events.next().await, Some(Event::EndOfCandidates { .. })) {} };
    timeout(LIMIT, gathered).await.unwrap();
    net.fill_buffers(true);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        net.fill_buffers(false);
    });
    let mut bobs = bob.events();
    bob.gather().await.unwrap();
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        to.set_remote(RemoteDescription::new(from.local().credentials.clone())).await.unwrap();
    }
    let signalling = async {
        while let Some(event) = bobs.next().await {
            if let Event::Candidate { candidate, .. } = event {
                alice.add_remote_candidate(candidate).await.unwrap();
            }
        }
    };
    let connected = async { alice.connect(ComponentId::RTP).await.unwrap() };
    tokio::select! {
        () = signalling => panic!("bob is gone"),
        connected = timeout(LIMIT, connected) => drop(connected.unwrap()),
    }
    assert_eq!(alice.stats().await.unwrap().unsent, 0);
}

#[tokio::test]
async fn a_datagram_that_does_not_fit_is_an_error_and_harms_nothing() {
    let ((_alice, to_bob), (_bob, to_alice)) = pair().await;
    assert!(matches!(to_bob.send(&[1; 65_536]).await, Err(SendError::Io(_))));
    to_bob.send(b"short").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"short");
}

#[tokio::test]
async fn an_agent_whose_sockets_break_fails_with_the_reason() {
    let net = Arc::new(Breakable::default());
    let alice = builder(Role::Controlling).net(Arc::clone(&net) as Arc<dyn floe::Net>).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let (to_bob, _to_alice) = connect(&alice, &bob).await;
    let mut events = alice.events();
    net.break_sockets();
    let lost = async {
        loop {
            if let Some(Event::State { state: IceState::Failed, reason }) = events.next().await {
                return reason.expect("a bad state has a reason").to_string();
            }
        }
    };
    let reason = timeout(LIMIT, lost).await.expect("it is noticed");
    assert!(reason.contains("the socket fell off"), "{reason}");
    let sent = to_bob.send(b"x").await;
    assert!(matches!(&sent, Err(SendError::Failed(Some(why))) if why.to_string() == reason), "{sent:?}");
    let received = to_bob.recv(&mut [0; 10]).await;
    assert!(
        matches!(&received, Err(RecvError::Failed(Some(why))) if why.to_string() == reason),
        "{received:?}"
    );
}

/// Sends a datagram now and then until the agent comes into this state; says why it did.
async fn send_until(connection: &Connection, events: &mut Events, wanted: IceState) -> Option<Reason> {
    let sending = async {
        loop {
            connection.send(b"is anybody there?").await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = async {
        loop {
            match events.next().await {
                Some(Event::State { state, reason }) if state == wanted => return reason,
                Some(_) => {}
                None => panic!("the agent is gone"),
            }
        }
    };
    tokio::select! {
        () = sending => None,
        reason = timeout(LIMIT, reached) => reason.unwrap_or_else(|_| panic!("never {wanted}")),
    }
}

#[tokio::test]
async fn an_agent_that_sends_into_silence_is_disconnected_and_sends_on_until_something_is_heard() {
    let net = Arc::new(Breakable::default());
    let alice = builder(Role::Controlling).net(Arc::clone(&net) as Arc<dyn floe::Net>).build().unwrap();
    let bob = builder(Role::Controlled).build().unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    let mut events = alice.events();
    // Bob never sends data: it is the answers to probes that are missing.
    net.mute(true);
    let why = send_until(&to_bob, &mut events, IceState::Disconnected).await;
    assert!(matches!(why, Some(Reason::Silent { component: ComponentId::RTP, .. })), "{why:?}");
    net.mute(false);
    assert_eq!(send_until(&to_bob, &mut events, IceState::Completed).await, None);
    assert_eq!(receive(&to_alice).await, b"is anybody there?");
}

#[tokio::test]
async fn without_interfaces_gathering_says_so_and_ends() {
    let net = Breakable { no_interfaces: true, ..Breakable::default() };
    let agent = builder(Role::Controlling).net(Arc::new(net)).build().unwrap();
    let mut events = agent.events();
    let error = agent.gather().await.unwrap_err();
    assert!(error.to_string().contains("the wires were cut"), "{error}");
    let ended = async { while !matches!(events.next().await, Some(Event::EndOfCandidates { .. })) {} };
    timeout(LIMIT, ended).await.unwrap();
    assert!(matches!(agent.gather().await, Err(GatherError::AlreadyStarted)));
}

#[tokio::test]
async fn a_socket_that_cannot_be_had_is_named_and_the_end_of_candidates_comes() {
    let net = Breakable { no_sockets: true, ..Breakable::default() };
    let agent = builder(Role::Controlling).net(Arc::new(net)).build().unwrap();
    let events = agent.events();
    agent.gather().await.unwrap();
    let until_end = events.take_while(|event| {
        let goes_on = !matches!(event, Event::EndOfCandidates { .. });
        async move { goes_on }
    });
    let events: Vec<_> = timeout(LIMIT, until_end.collect()).await.unwrap();
    let reasons: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::GatherRefused { why, .. } => Some(why.to_string()),
            Event::Candidate { candidate, .. } => panic!("{candidate}"),
            _ => None,
        })
        .collect();
    assert!(reasons.iter().any(|why| why.contains("no socket today")), "{reasons:?}");
}

#[tokio::test]
async fn an_agent_without_hope_fails_with_its_reason() {
    let agent = builder(Role::Controlling).patience(Duration::from_millis(50)).build().unwrap();
    let connecting = agent.connect(ComponentId::RTP);
    let remote = Credentials::new("abcd", "0123456789012345678901").unwrap();
    agent.gather().await.unwrap();
    agent.set_remote(RemoteDescription::new(remote)).await.unwrap();
    agent.end_of_remote_candidates(None).await.unwrap();
    let failed = timeout(LIMIT, connecting).await.unwrap();
    let Err(ConnectError::Failed(Some(reason))) = failed else { panic!("{failed:?}") };
    assert!(!reason.to_string().is_empty());
}

#[tokio::test]
async fn a_connection_waits_until_data_can_flow() {
    let (alice, bob) =
        (builder(Role::Controlling).build().unwrap(), builder(Role::Controlled).build().unwrap());
    assert!(alice.connect(ComponentId::RTP).now_or_never().is_none());
    let connecting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.connect(ComponentId::RTP).await }
    });
    signal(&alice, &bob).await;
    let connection: Connection = timeout(LIMIT, connecting).await.unwrap().unwrap().unwrap();
    connection.try_send(b"x").unwrap();
    let none = alice.connect(ComponentId::RTCP).await;
    assert!(matches!(none, Err(ConnectError::UnknownComponent(ComponentId::RTCP))), "{none:?}");
}

#[tokio::test]
async fn many_components_all_have_room() {
    const COMPONENTS: u16 = 70;
    let build = |role| {
        let builder = builder(role).interfaces(["lo", "lo0"]).components(COMPONENTS);
        builder.ta(Duration::from_millis(5)).build().unwrap()
    };
    let (alice, bob) = (build(Role::Controlling), build(Role::Controlled));
    signal(&alice, &bob).await;
    for id in (1..=COMPONENTS).map(|id| ComponentId::new(id).unwrap()) {
        let connecting = async {
            let to_bob = alice.connect(id).await.unwrap();
            let to_alice = bob.connect(id).await.unwrap();
            to_bob.send(&id.get().to_be_bytes()).await.unwrap();
            assert_eq!(receive(&to_alice).await, id.get().to_be_bytes());
        };
        timeout(LIMIT, connecting).await.unwrap_or_else(|_| panic!("component {id} has no path"));
    }
}

#[tokio::test]
async fn what_is_refused_of_the_peer_is_counted_and_changes_nothing() {
    let ((alice, to_bob), (bob, to_alice)) = pair().await;
    // One ufrag has one password (RFC 8839 5.4).
    let other = Credentials::new(bob.local().credentials.ufrag(), "0123456789012345678901").unwrap();
    let refused = alice.set_remote(RemoteDescription::new(other)).await;
    assert!(matches!(refused, Err(SetRemoteError::Refused(_))), "{refused:?}");
    let late = "2 1 udp 1 192.0.2.1 0 typ host".parse().unwrap();
    assert!(matches!(alice.add_remote_candidate(late).await, Err(AddRemoteError::Refused(_))));
    assert_eq!(alice.stats().await.unwrap().refused.values().sum::<u64>(), 1);
    to_alice.send(b"still here").await.unwrap();
    assert_eq!(receive(&to_bob).await, b"still here");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    assert!(matches!(Agent::builder().components(0).build(), Err(BuildError::Components(0))));
    assert!(matches!(Agent::builder().components(257).build(), Err(BuildError::Components(257))));
    let fast = Duration::from_micros(4999);
    assert!(matches!(Agent::builder().ta(fast).build(), Err(BuildError::Ta(ta)) if ta == fast));
    let off_tokio = std::thread::spawn(|| Agent::builder().build().map(drop));
    assert!(matches!(off_tokio.join().unwrap(), Err(BuildError::NoRuntime)));
}

#[tokio::test]
async fn secrets_differ_from_agent_to_agent_unless_a_seed_is_given() {
    let local = |builder: floe::AgentBuilder| builder.build().unwrap().local().credentials.clone();
    assert_ne!(local(Agent::builder()), local(Agent::builder()));
    let seed = [7; 32];
    assert_eq!(local(Agent::builder().insecure_seed(seed)), local(Agent::builder().insecure_seed(seed)));
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_no_password_and_no_address() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let ((alice, to_bob), (bob, to_alice)) = pair().await;
    to_bob.send(b"hello").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"hello");
    // Loopback addresses are shown, and some machines have no other: this one comes from the peer.
    let carol = builder(Role::Controlling).build().unwrap();
    carol
        .add_remote_candidate("1 1 udp 1 203.0.113.77 9 typ host ufrag other".parse().unwrap())
        .await
        .unwrap();
    let remote = Credentials::new("abcd", "0123456789012345678901").unwrap();
    carol.set_remote(RemoteDescription::new(remote)).await.unwrap();
    let pairs = alice.stats().await.unwrap().pairs;
    let secrets = [&alice, &bob].map(|agent| agent.local().credentials.pwd().to_owned());
    alice.close().await;
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Selected"), "{log}");
    assert!(log.contains("203.x.x.x") && !log.contains("203.0.113"), "{log}");
    assert!(!log.contains("0123456789012345678901"), "{log}");
    assert!(secrets.iter().all(|secret| !log.contains(secret)));
    for address in pairs.iter().filter_map(|pair| pair.pair.local.socket_addr()) {
        assert!(address.ip().is_loopback() || !log.contains(&address.ip().to_string()), "{address}: {log}");
    }
}
