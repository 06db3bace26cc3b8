//! Changes of the interfaces, as a real kernel tells them: in a network namespace of the test's own.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test of the system; its helpers may panic too"
)]

use std::{
    env, io,
    net::{IpAddr, Ipv4Addr},
    process::{Command, Stdio},
    time::Duration,
};

use floe_net::{Net, SystemNet};
use futures::{StreamExt as _, stream::BoxStream};
use tokio::time::timeout;

/// Set for the test that runs in the namespace.
const INSIDE: &str = "FLOE_TEST_INSIDE_NAMESPACE";

/// Less than after what time the system is looked at that tells nothing.
const LIMIT: Duration = Duration::from_secs(4);

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

/// The command that runs another in a namespace, which anybody may make who is root in it.
fn unshare(arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(arguments);
    command
}

/// What runs a program in a network namespace, with the tools to change it.
fn namespace() -> Result<Command, String> {
    let tries = |command: &mut Command| match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{command:?}: {error}")),
    };
    let mut refused = Vec::new();
    for arguments in [&["--net"][..], &["--user", "--map-root-user", "--net"]] {
        match tries(unshare(arguments).args(["ip", "link", "set", "lo", "up"])) {
            Ok(()) => return Ok(unshare(arguments)),
            Err(why) => refused.push(why),
        }
    }
    Err(refused.join("; "))
}

/// Runs the test of this name again, in a namespace. Where there is none to be had: on a machine of somebody's there is
/// nothing to test, on a machine that tests for all it is an error.
fn run_inside(test: &str) {
    let mut command = match namespace() {
        Ok(command) => command,
        Err(why) if env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no network namespace: {why}"),
        Err(why) => return println!("skipped: no network namespace: {why}"),
    };
    command.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(INSIDE, "yes");
    assert!(command.status().unwrap().success(), "the test failed in the namespace");
}

fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Changes the namespace.
fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

async fn has_address() -> bool {
    let interfaces = SystemNet::new().interfaces().await.unwrap();
    interfaces.iter().flat_map(|interface| &interface.addresses).any(|address| address.ip == ADDRESS)
}

async fn expect(changes: &mut BoxStream<'static, ()>, what: &str) {
    let told = timeout(LIMIT, changes.next()).await;
    assert_eq!(told.unwrap_or_else(|_| panic!("not told: {what}")), Some(()));
}

async fn expect_none(changes: &mut BoxStream<'static, ()>) {
    assert!(timeout(Duration::from_millis(200), changes.next()).await.is_err(), "told of nothing");
}

#[tokio::test]
async fn the_system_tells_when_an_address_comes_and_when_it_goes() {
    if !is_inside() {
        return run_inside("the_system_tells_when_an_address_comes_and_when_it_goes");
    }
    ip("link set lo up");
    // It listens from here on, and not from the first poll on.
    let mut changes = SystemNet::new().interface_changes();
    assert!(!has_address().await);
    ip("addr add 192.0.2.9/24 dev lo");
    expect(&mut changes, "an address has come").await;
    assert!(has_address().await);
    expect_none(&mut changes).await;

    ip("addr del 192.0.2.9/24 dev lo");
    expect(&mut changes, "the address has gone").await;
    assert!(!has_address().await);
    expect_none(&mut changes).await;

    ip("link set lo down");
    expect(&mut changes, "the interface is down").await;
}

#[tokio::test]
async fn more_changes_than_the_system_can_hold_are_told_as_a_few_and_the_next_one_is_told_too() {
    if !is_inside() {
        return run_inside(
            "more_changes_than_the_system_can_hold_are_told_as_a_few_and_the_next_one_is_told_too",
        );
    }
    ip("link set lo up");
    let mut changes = SystemNet::new().interface_changes();
    let many: String = (0..4_000)
        .map(|number| format!("addr add 10.0.{}.{}/32 dev lo\n", number / 250, number % 250))
        .collect();
    let mut batch = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    io::Write::write_all(&mut batch.stdin.take().unwrap(), many.as_bytes()).unwrap();
    assert!(batch.wait().unwrap().success());
    expect(&mut changes, "many addresses have come").await;
    let mut further = 0;
    while timeout(Duration::from_millis(200), changes.next()).await.is_ok() {
        further += 1;
    }
    assert!(further < 20, "{further}");
    ip("addr add 192.0.2.9/24 dev lo");
    expect(&mut changes, "another one has come").await;
}

#[tokio::test]
async fn who_does_not_watch_hears_nothing() {
    if !is_inside() {
        return run_inside("who_does_not_watch_hears_nothing");
    }
    let mut changes = SystemNet::new().watch(false).interface_changes();
    ip("link set lo up");
    expect_none(&mut changes).await;
}
