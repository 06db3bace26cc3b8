//! Relayed candidates only: the peer learns nothing else, and nothing goes past the server (RFC 8445 19.1).

use std::sync::Arc;

use floe::{Event, Role};
use futures::StreamExt as _;

use crate::{
    relay::serve,
    spy::Spy,
    support::{connect, receive, relayed},
};

#[tokio::test]
async fn nothing_leaves_but_to_the_server_and_no_candidate_tells_of_the_host() {
    let server = serve(|_| true).await;
    let spies = [(); 2].map(|()| Arc::new(Spy::default()));
    let [alice, bob] = [Role::Controlling, Role::Controlled];
    let (one, other) = (relayed(alice, spies[0].clone(), server), relayed(bob, spies[1].clone(), server));
    let events = [one.events(), other.events()];
    let (to_other, to_one) = connect(&one, &other).await;
    to_other.send(b"hello").await.unwrap();
    assert_eq!(receive(&to_one).await, b"hello");
    one.close().await;
    other.close().await;
    for (spy, events) in spies.iter().zip(events) {
        let bound = spy.log.bound.lock().unwrap().clone();
        assert!(!bound.is_empty());
        let whole = spy.log.whole.lock().unwrap().clone();
        assert!(whole.len() > 5 && whole.iter().all(|(to, _)| *to == server), "all goes to the server");
        // All of the program has one address: it is the port that tells.
        let ports: Vec<_> = bound.iter().map(|bound| bound.port().to_string()).collect();
        for event in events.collect::<Vec<_>>().await {
            let shown = format!("{event:?}");
            let line = match &event {
                Event::Candidate { candidate, .. } => candidate.to_string(),
                _ => String::new(),
            };
            assert!(!ports.iter().any(|port| shown.contains(port) || line.contains(port)), "{shown} {line}");
        }
    }
}
