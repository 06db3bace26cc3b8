//! What an agent has opened and started is gone when it is gone. One test to a program, since it counts the program's own
//! descriptors.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "counts descriptors and tasks of this process"
)]

#[path = "agent/support.rs"]
mod support;

use std::time::Duration;

use support::{LIMIT, builder, pair, receive};
use tokio::{runtime::Handle, time::timeout};

/// Open sockets of this process, and tasks of this runtime.
fn open() -> (usize, usize) {
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok());
    let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:")).count();
    (sockets, Handle::current().metrics().num_alive_tasks())
}

/// Waits until nothing more is open than this. What a dropped handle ends, ends soon, but not at once.
async fn until(baseline: (usize, usize)) {
    let back = async {
        while open() != baseline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, back).await.unwrap_or_else(|_| panic!("{:?} are open, at first {baseline:?}", open()));
}

#[tokio::test]
async fn sockets_are_closed_and_tasks_ended_with_the_agent() {
    // The runtime opens what it needs with the first use.
    drop(pair().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let baseline = open();
    assert_eq!(baseline.1, 0);

    // Dropped without a word, with all kinds of handles.
    let ((alice, to_bob), (bob, to_alice)) = pair().await;
    to_bob.send(b"hello").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"hello");
    let (busy, events) = (open(), bob.events());
    assert!(busy.0 > baseline.0 && busy.1 > baseline.1, "{busy:?}");
    drop((alice, bob));
    // A connection is a handle, and so keeps its agent.
    to_bob.send(b"still").await.unwrap();
    assert_eq!(receive(&to_alice).await, b"still");
    drop((to_bob, to_alice));
    // A stream of events is none.
    until(baseline).await;
    drop(events);

    // Closed: its sockets are gone at once, whatever handles there are.
    let ((alice, to_bob), (bob, to_alice)) = pair().await;
    alice.close().await;
    bob.close().await;
    assert_eq!(open().0, baseline.0);
    until(baseline).await;
    drop((alice, bob, to_bob, to_alice));

    // Dropped while it is gathering.
    let agent = builder(floe::Role::Controlling).build().unwrap();
    let _ = futures::poll!(std::pin::pin!(agent.gather()));
    tokio::task::yield_now().await;
    drop(agent);
    until(baseline).await;
}
