//! Looks at the network: which interfaces there are, and again whenever that may have changed (RFC 8445 5.1.1.4).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_core::{Interface, InterfaceAddress, address::is_ipv6_link_local};
use floe_net::Net;
use futures::{StreamExt as _, stream::BoxStream};

use super::{
    Done, Driver,
    command::After,
    nat64::{Answer, Networks},
    now,
};

/// From the first sign of a change until the interfaces are listed. An address that they lack then counts as there until
/// they have lacked it for so long: one that is taken away and put back meanwhile, as by a DHCP client or in roaming, voids
/// nothing.
const SETTLE: Duration = Duration::from_millis(500);
/// How long a listing may take. What has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a listing that failed there is another, so many seconds later: the more have failed in a row, the longer.
const RETRY: [u64; 7] = [1, 2, 4, 8, 16, 32, 60];

/// An address; a link-local one means something on its interface only.
type Place = (IpAddr, u32);

fn place(on: &Interface, at: InterfaceAddress) -> Place {
    (at.ip, if is_ipv6_link_local(at.ip) { on.index } else { 0 })
}

fn places(interfaces: &[Interface]) -> BTreeSet<Place> {
    interfaces.iter().flat_map(|on| on.addresses.iter().map(|at| place(on, *at))).collect()
}

/// What is known of the network, and who waits to know more. There is one look at a time.
///
/// ```text
///   Idle ──look──> Listing ──> (Asking for a NAT64) ──> handed on ──> Idle
///                     ^                                     └── another look was asked for ──┐
///                     └──────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Default)]
pub(super) struct Watch {
    /// What the session was told last.
    known: Option<Vec<Interface>>,
    /// What was told, and is not there any more: since when.
    missing: BTreeMap<Place, Instant>,
    networks: Networks,
    looks: bool,
    /// Those that wait for the look that is under way, and those that came after it had begun.
    waiting: Vec<After>,
    late: Vec<After>,
    /// Whether there is another look after this one.
    again: bool,
    /// When to look without being asked to.
    next: Option<Instant>,
    failures: usize,
}

impl Watch {
    /// When to look without being asked to.
    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Puts back what is missing since a short while ago, and says when to look whether it is back.
    fn bridge(&mut self, now: Instant, interfaces: &mut Vec<Interface>) {
        let here = places(interfaces);
        let known = self.known.as_deref().unwrap_or_default();
        self.missing.retain(|place, _| !here.contains(place));
        for on in known {
            for at in on.addresses.iter().filter(|at| !here.contains(&place(on, **at))) {
                let gone = *self.missing.entry(place(on, *at)).or_insert(now) + SETTLE;
                if now < gone {
                    put_back(interfaces, on, *at);
                    self.next = Some(self.next.map_or(gone, |next| next.min(gone)));
                }
            }
        }
    }

    /// What is left of what was told.
    fn remaining(&self, interfaces: &[Interface]) -> Option<Vec<Interface>> {
        let told = places(self.known.as_ref()?);
        let mut remaining = interfaces.to_vec();
        for on in &mut remaining {
            let addresses = std::mem::take(&mut on.addresses);
            on.addresses = addresses.into_iter().filter(|at| told.contains(&place(on, *at))).collect();
        }
        Some(remaining)
    }

    /// Whether this is news.
    fn learn(&mut self, interfaces: &[Interface]) -> bool {
        let is_new = self.known.as_deref() != Some(interfaces);
        if is_new {
            self.known = Some(interfaces.to_vec());
        }
        is_new
    }

    fn retry(&mut self) -> Duration {
        let wait = RETRY.get(self.failures).or(RETRY.last()).copied().unwrap_or_default();
        self.failures += 1;
        Duration::from_secs(wait)
    }
}

fn put_back(interfaces: &mut Vec<Interface>, on: &Interface, at: InterfaceAddress) {
    match interfaces.iter_mut().find(|interface| interface.index == on.index) {
        Some(interface) => interface.addresses.push(at),
        None => interfaces.push(Interface { addresses: vec![at], ..on.clone() }),
    }
}

async fn list(net: Arc<dyn Net>) -> io::Result<Vec<Interface>> {
    let listed = tokio::time::timeout(PATIENCE, net.interfaces()).await;
    listed.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the system does not answer")))
}

impl Driver {
    /// Waits for the next sign of a change, and then until it has settled.
    pub(super) fn watch(&self, mut changes: BoxStream<'static, ()>) {
        self.jobs.push(Box::pin(async move {
            let told = changes.next().await;
            tokio::time::sleep(SETTLE).await;
            Done::Changed(told.map(|()| changes))
        }));
    }

    pub(super) fn handle_changed(&mut self, changes: Option<BoxStream<'static, ()>>) {
        match changes {
            Some(changes) => {
                self.watch(changes);
                self.look(None);
            }
            None => tracing::debug!("changes of the interfaces are not told any more"),
        }
    }

    /// Looks at the network as it is now, and then goes on.
    pub(super) fn look(&mut self, after: Option<After>) {
        if self.watch.looks {
            self.watch.again = true;
            self.watch.late.extend(after);
        } else {
            self.watch.waiting.extend(after);
            self.begin_look();
        }
    }

    fn begin_look(&mut self) {
        self.watch.looks = true;
        let net = Arc::clone(&self.net);
        self.jobs.push(Box::pin(async move { Done::Listed(list(net).await) }));
    }

    fn end_look(&mut self) {
        self.watch.looks = false;
        if std::mem::take(&mut self.watch.again) {
            self.watch.waiting = std::mem::take(&mut self.watch.late);
            self.begin_look();
        }
    }

    /// Time has come to [`Watch::next`].
    pub(super) fn look_if_due(&mut self, now: Instant) {
        if self.watch.next.take_if(|at| *at <= now).is_some() {
            self.look(None);
        }
    }

    pub(super) fn handle_listed(&mut self, result: io::Result<Vec<Interface>>) {
        self.watch.next = None;
        let mut interfaces = match result {
            Ok(interfaces) => interfaces,
            Err(error) => return self.do_without(&error),
        };
        self.watch.failures = 0;
        // Whoever restarts wants the network as it is.
        let asked_for = !self.watch.waiting.is_empty();
        if asked_for {
            self.watch.missing.clear();
        } else {
            self.watch.bridge(now(), &mut interfaces);
        }
        if !self.watch.networks.wants(&interfaces, asked_for) {
            return self.take_list(&interfaces);
        }
        // What is gone is gone, whatever the resolver says.
        if let Some(remaining) = self.watch.remaining(&interfaces) {
            self.hand_on(&remaining);
        }
        let net = Arc::clone(&self.net);
        self.jobs.push(Box::pin(async move { Done::Nat64(interfaces, super::nat64::ask(&*net).await) }));
    }

    pub(super) fn handle_nat64(&mut self, interfaces: &[Interface], answer: Answer) {
        self.watch.networks.learn(interfaces, answer);
        self.take_list(interfaces);
    }

    fn take_list(&mut self, interfaces: &[Interface]) {
        if let Some(prefix) = self.watch.networks.nat64(interfaces) {
            self.session.set_nat64(prefix);
        }
        self.hand_on(interfaces);
        for after in std::mem::take(&mut self.watch.waiting) {
            self.go_on(after, Some(Ok(())));
        }
        self.end_look();
    }

    /// That the system does not tell does not mean that the addresses are gone. But whoever gathers first has none then, and
    /// the peer is told that there are no more.
    fn do_without(&mut self, error: &io::Error) {
        tracing::warn!(%error, "the interfaces cannot be listed");
        if self.watch.known.is_none() {
            self.hand_on(&[]);
        }
        for after in std::mem::take(&mut self.watch.waiting) {
            self.go_on(after, Some(Err(io::Error::new(error.kind(), error.to_string()))));
        }
        self.watch.next = Some(now() + self.watch.retry());
        self.end_look();
    }

    /// Tells the session what it does not know yet.
    fn hand_on(&mut self, interfaces: &[Interface]) {
        if self.watch.learn(interfaces) {
            self.session.handle_interfaces(now(), interfaces);
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_core::InterfaceAddress;

    use super::*;

    fn with(addresses: &[&str]) -> Vec<Interface> {
        let addresses = addresses.iter().map(|ip| InterfaceAddress::new(ip.parse().unwrap(), 24)).collect();
        vec![Interface { name: "eth0".to_owned(), index: 2, up: true, addresses }]
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn only_what_is_new_is_handed_on() {
        let mut watch = Watch::default();
        // Also that there is nothing, the first time.
        assert!(watch.learn(&[]));
        assert!(!watch.learn(&[]));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| with(&[ip]));
        assert!(watch.learn(&one));
        assert!(!watch.learn(&one));
        assert!(watch.learn(&other));
        assert!(watch.learn(&one));
    }

    /// What is handed on of what the system lists, so many milliseconds after the start; and when to look again.
    fn bridged(
        watch: &mut Watch,
        start: Instant,
        after: u64,
        addresses: &[&str],
    ) -> (Vec<String>, Option<u64>) {
        let mut interfaces = with(addresses);
        watch.next = None;
        watch.bridge(start + ms(after), &mut interfaces);
        watch.learn(&interfaces);
        let next = watch.next.map(|at| u64::try_from((at - start).as_millis()).unwrap());
        (interfaces[0].addresses.iter().map(|at| at.ip.to_string()).collect(), next)
    }

    #[test]
    fn each_address_is_gone_when_it_was_missing_for_a_while_and_a_new_one_is_there_at_once() {
        let start = now();
        let mut watch = Watch::default();
        let mut look = |after, addresses: &[&str]| bridged(&mut watch, start, after, addresses);
        let [one, two, three] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
        let seen = |addresses: &[&str], next| (addresses.iter().map(ToString::to_string).collect(), next);
        assert_eq!(look(0, &[one, two]), seen(&[one, two], None));
        assert_eq!(look(0, &[one]), seen(&[one, two], Some(500)));
        assert_eq!(look(490, &[three]), seen(&[three, one, two], Some(500)), "each has a time of its own");
        assert_eq!(look(500, &[three]), seen(&[three, one], Some(990)));
        assert_eq!(look(600, &[three, one]), seen(&[three, one], None), "one is back");
        assert_eq!(look(700, &[three]), seen(&[three, one], Some(1_200)));
        assert_eq!(look(1_200, &[three]), seen(&[three], None));
    }

    #[test]
    fn an_address_that_moves_to_another_interface_is_not_missing() {
        let mut watch = Watch::default();
        watch.learn(&with(&["192.0.2.1"]));
        let mut moved = with(&["192.0.2.1"]);
        moved[0].index = 9;
        let before = moved.clone();
        watch.bridge(now(), &mut moved);
        assert_eq!((moved, watch.next), (before, None));
    }

    #[test]
    fn what_goes_with_its_interface_is_put_back_with_it() {
        let mut watch = Watch::default();
        let known = with(&["192.0.2.1"]);
        watch.learn(&known);
        let mut listed = Vec::new();
        watch.bridge(now(), &mut listed);
        assert_eq!(listed, known);
    }

    #[test]
    fn what_remains_of_the_known_ones_has_nothing_new() {
        let mut watch = Watch::default();
        let now = with(&["192.0.2.2", "192.0.2.3"]);
        assert_eq!(watch.remaining(&now), None, "nothing was told");
        watch.learn(&with(&["192.0.2.1", "192.0.2.2"]));
        assert_eq!(watch.remaining(&now), Some(with(&["192.0.2.2"])));
    }

    #[test]
    fn listings_that_fail_are_repeated_ever_more_rarely() {
        let mut watch = Watch::default();
        let waits: Vec<_> = (0..9).map(|_| watch.retry().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
