//! Interfaces that come and go while an agent runs (RFC 8445 5.1.1.4).

use std::{net::IpAddr, sync::Arc, time::Duration};

use floe::{Agent, Candidate, Connection, Event, Events, IceState, Net, Reason, RemoteDescription, Role};
use futures::{FutureExt as _, StreamExt as _};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    network::Changing,
    support::{LIMIT, builder, connect, receive},
};

/// From the first sign of a change until the agent looks.
const SETTLE: Duration = Duration::from_millis(500);

fn on(net: &Arc<Changing>) -> Agent {
    builder(Role::Controlling).net(Arc::clone(net) as Arc<dyn Net>).build().unwrap()
}

/// An agent on this network and its peer, connected; and what the agent tells from now on.
async fn pair_on(net: &Arc<Changing>) -> ((Agent, Connection), (Agent, Connection), Events) {
    let (alice, bob) = (on(net), builder(Role::Controlled).build().unwrap());
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    let events = alice.events();
    ((alice, to_bob), (bob, to_alice), events)
}

fn ip(candidate: &Candidate) -> IpAddr {
    candidate.socket_addr().unwrap().ip()
}

fn loopback(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

/// Waits for an event of which this makes something.
async fn first<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = events.next().await.expect("the agent is gone");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(LIMIT, found).await.expect("it never happens")
}

async fn candidate(events: &mut Events) -> Candidate {
    let candidate = |event| match event {
        Event::Candidate { candidate, .. } if ip(&candidate).is_loopback() => Some(candidate),
        _ => None,
    };
    first(events, candidate).await
}

/// Why the agent failed.
async fn failed(events: &mut Events) -> Reason {
    let reason = |event| match event {
        Event::State { state: IceState::Failed, reason } => reason,
        _ => None,
    };
    first(events, reason).await
}

/// Up to now no socket was lost and no address has appeared, and data flows.
async fn assert_untouched(events: &mut Events, from: &Connection, to: &Connection) {
    while let Some(Some(event)) = events.next().now_or_never() {
        let touches = matches!(event, Event::SocketLost { .. } | Event::AddressAppeared { .. });
        assert!(!touches, "{event:?}");
    }
    from.send(b"still here").await.unwrap();
    assert_eq!(receive(to).await, b"still here");
}

/// No time passes, and every task does what it can.
async fn let_all_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_that_goes_takes_its_candidates_along_and_one_that_comes_is_there_for_a_restart() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((alice, to_bob), (bob, to_alice), mut events) = pair_on(&net).await;
    net.change(&[]);
    let lost = |event| matches!(event, Event::SocketLost { .. }).then_some(());
    first(&mut events, lost).await;
    let reason = failed(&mut events).await;
    assert!(matches!(reason, Reason::SocketLost(_)), "{reason:?}");

    net.change(&["127.0.0.2"]);
    let appeared = |event| match event {
        Event::AddressAppeared { address, .. } => Some(address.0),
        _ => None,
    };
    assert_eq!(first(&mut events, appeared).await, loopback(2));
    let mut bobs = bob.events();
    let local = alice.restart().await.unwrap();
    bob.set_remote(RemoteDescription::new(local.credentials.clone())).await.unwrap();
    alice.set_remote(RemoteDescription::new(bob.local().credentials.clone())).await.unwrap();
    bob.add_remote_candidate(candidate(&mut events).await).await.unwrap();
    alice.add_remote_candidate(candidate(&mut bobs).await).await.unwrap();
    let selected = |event| match event {
        Event::Selected { local, .. } => Some(ip(&local)),
        _ => None,
    };
    assert_eq!(first(&mut events, selected).await, loopback(2));
    to_bob.send(b"here again").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"here again");
}

#[tokio::test]
async fn an_address_that_comes_before_the_end_of_candidates_gives_one() {
    let mut net = Changing::new(&["127.0.0.1"]);
    net.no_socket_on = Some(loopback(1));
    let net = Arc::new(net);
    let agent = on(&net);
    let mut events = agent.events();
    agent.gather().await.unwrap();
    net.change(&["127.0.0.1", "127.0.0.2"]);
    assert_eq!(ip(&candidate(&mut events).await), loopback(2));
}

#[tokio::test]
async fn an_address_that_is_put_back_before_it_has_settled_keeps_its_candidates() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((_alice, to_bob), (_bob, to_alice), mut events) = pair_on(&net).await;
    tokio::time::pause();
    net.change(&[]);
    let_all_run().await;
    tokio::time::advance(SETTLE - Duration::from_millis(10)).await;
    let_all_run().await;
    net.change(&["127.0.0.1"]);
    tokio::time::resume();
    net.listed(2).await;
    assert_untouched(&mut events, &to_bob, &to_alice).await;
}

#[tokio::test]
async fn an_address_that_is_away_when_the_interfaces_are_listed_and_back_soon_after_keeps_its_candidates() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((_alice, to_bob), (_bob, to_alice), mut events) = pair_on(&net).await;
    tokio::time::pause();
    net.change(&[]);
    let_all_run().await;
    tokio::time::advance(SETTLE + Duration::from_millis(2)).await;
    let_all_run().await;
    assert_eq!(net.count(), 2, "it was away when they were listed");
    net.set(&["127.0.0.1"]);
    tokio::time::resume();
    net.listed(3).await;
    assert_untouched(&mut events, &to_bob, &to_alice).await;
}

#[tokio::test]
async fn one_address_that_is_gone_takes_none_along_that_was_only_away() {
    let net = Arc::new(Changing::new(&["127.0.0.1", "127.0.0.2"]));
    let agent = on(&net);
    let mut events = agent.events();
    agent.gather().await.unwrap();
    for _ in 0..2 {
        candidate(&mut events).await;
    }
    tokio::time::pause();
    net.change(&["127.0.0.2"]);
    let_all_run().await;
    tokio::time::advance(SETTLE + Duration::from_millis(2)).await;
    let_all_run().await;
    // The other one is away for a moment when the first is found to be gone.
    net.set(&[]);
    tokio::time::advance(SETTLE + Duration::from_millis(2)).await;
    let_all_run().await;
    assert_eq!(net.count(), 3);
    net.set(&["127.0.0.2"]);
    tokio::time::advance(SETTLE + Duration::from_millis(2)).await;
    let_all_run().await;
    tokio::time::resume();
    net.listed(4).await;
    let mut lost = 0;
    while let Some(Some(event)) = events.next().now_or_never() {
        lost += usize::from(matches!(event, Event::SocketLost { .. }));
    }
    assert_eq!(lost, 1);
}

#[tokio::test]
async fn interfaces_that_cannot_be_listed_are_taken_for_what_they_were() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((_alice, to_bob), (_bob, to_alice), mut events) = pair_on(&net).await;
    net.fail();
    net.listed(2).await;
    assert_untouched(&mut events, &to_bob, &to_alice).await;
    // It is tried again, without another sign.
    net.set(&[]);
    assert!(matches!(failed(&mut events).await, Reason::SocketLost(_)));
}

#[tokio::test]
async fn a_restart_where_the_interfaces_cannot_be_listed_goes_on_with_what_is_known() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((alice, to_bob), (_bob, to_alice), mut events) = pair_on(&net).await;
    net.fail();
    alice.restart().await.unwrap();
    assert_eq!(ip(&candidate(&mut events).await), loopback(1));
    to_bob.send(b"still here").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"still here");
    let lost = |event: Event| matches!(event, Event::SocketLost { .. });
    while let Some(Some(event)) = events.next().now_or_never() {
        assert!(!lost(event));
    }
}

#[tokio::test]
async fn a_restart_that_waits_for_the_interfaces_holds_up_no_close() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((alice, _to_bob), _bob, _events) = pair_on(&net).await;
    let (_never, slow) = oneshot::channel();
    *net.slow.lock().unwrap() = Some(slow);
    let restarting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.restart().await }
    });
    while net.slow.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    let asking = tokio::spawn({
        let alice = alice.clone();
        async move { alice.stats().await }
    });
    timeout(LIMIT, alice.close()).await.unwrap();
    assert!(restarting.await.unwrap().is_err() && asking.await.unwrap().is_err());
}

#[tokio::test]
async fn a_change_during_a_listing_is_looked_at_after_it() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let (end, slow) = oneshot::channel();
    *net.slow.lock().unwrap() = Some(slow);
    let agent = on(&net);
    let mut events = agent.events();
    let gathering = tokio::spawn({
        let agent = agent.clone();
        async move { agent.gather().await }
    });
    while net.slow.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    net.change(&["127.0.0.2"]);
    tokio::time::sleep(SETTLE * 2).await;
    assert_eq!(net.count(), 0, "one at a time");
    end.send(()).unwrap();
    // What the first one has begun to say counts first.
    assert_eq!(ip(&candidate(&mut events).await), loopback(1));
    timeout(LIMIT, gathering).await.unwrap().unwrap().unwrap();
    let found = |event| match event {
        Event::AddressAppeared { address, .. } => Some(address.0),
        Event::Candidate { candidate, .. } => Some(ip(&candidate)),
        _ => None,
    };
    assert_eq!(first(&mut events, found).await, loopback(2));
}

#[tokio::test]
async fn a_restart_during_a_look_has_a_look_of_its_own_and_what_comes_after_it_waits() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((alice, _to_bob), _bob, mut events) = pair_on(&net).await;
    let (end, slow) = oneshot::channel();
    *net.slow.lock().unwrap() = Some(slow);
    net.change(&["127.0.0.1", "127.0.0.2"]);
    while net.slow.lock().unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // From now on there is one more, which the look that is under way has not seen.
    net.set(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let restarting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.restart().await.unwrap() }
    });
    let_all_run().await;
    let asking = tokio::spawn({
        let alice = alice.clone();
        async move { alice.stats().await.unwrap() }
    });
    let_all_run().await;
    assert!(!restarting.is_finished() && !asking.is_finished());
    end.send(()).unwrap();
    timeout(LIMIT, restarting).await.unwrap().unwrap();
    let stats = timeout(LIMIT, asking).await.unwrap().unwrap();
    assert!(stats.pairs.iter().all(|pair| pair.in_use), "those of before are gone by then");
    let mut gathered = Vec::new();
    while gathered.len() < 3 {
        gathered.push(ip(&candidate(&mut events).await));
    }
    gathered.sort_unstable();
    assert_eq!(gathered, [1, 2, 3].map(loopback));
}

#[tokio::test]
async fn a_loss_is_seen_in_time_though_many_listings_have_failed_before() {
    let net = Arc::new(Changing::new(&["127.0.0.1"]));
    let ((_alice, _to_bob), _bob, mut events) = pair_on(&net).await;
    net.fail();
    // The next try is four seconds away by then.
    net.listed(4).await;
    let start = tokio::time::Instant::now();
    net.change(&[]);
    assert!(matches!(failed(&mut events).await, Reason::SocketLost(_)));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
