//! Interfaces that come and go (RFC 8445 5.1.1.4).

use std::{io, sync::Arc, time::Duration};

use floe_core::Interface;
use futures::{StreamExt as _, stream::BoxStream};

use super::{Done, Driver, now};

/// From the first sign of a change until the interfaces are listed: an address that is taken away and put back meanwhile,
/// as a DHCP client or a roaming interface does, voids nothing.
const SETTLE: Duration = Duration::from_millis(500);

/// The number of a listing of the interfaces, in the order in which they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Listing(u64);

/// Which listings there were. Several may be under way, and end in any order.
#[derive(Debug, Default)]
pub(super) struct Listings {
    begun: Listing,
    /// The newest that has ended well enough to be handed on.
    newest: Listing,
    /// What was handed on last.
    known: Option<Vec<Interface>>,
}

impl Listings {
    /// The system is asked now.
    pub(super) fn begin(&mut self) -> Listing {
        self.begun.0 += 1;
        self.begun
    }

    /// What this listing says that was not known, if anything: an older one than was handed on already says nothing.
    fn news(&mut self, listing: Listing, interfaces: Vec<Interface>) -> Option<&[Interface]> {
        if listing < self.newest {
            return None;
        }
        self.newest = listing;
        if self.known.as_ref() == Some(&interfaces) {
            return None;
        }
        Some(self.known.insert(interfaces))
    }
}

impl Driver {
    /// Waits for the next change, and then until it has settled.
    pub(super) fn watch(&self, mut changes: BoxStream<'static, ()>) {
        self.jobs.push(Box::pin(async move {
            let told = changes.next().await;
            tokio::time::sleep(SETTLE).await;
            Done::Changed(told.map(|()| changes))
        }));
    }

    pub(super) fn handle_changed(&mut self, changes: Option<BoxStream<'static, ()>>) {
        let Some(changes) = changes else {
            tracing::debug!("changes of the interfaces are not told any more");
            return;
        };
        self.watch(changes);
        let (listing, net) = (self.listings.begin(), Arc::clone(&self.net));
        self.jobs.push(Box::pin(async move { Done::Watched(listing, net.interfaces().await) }));
    }

    pub(super) fn handle_watched(&mut self, listing: Listing, result: io::Result<Vec<Interface>>) {
        match result {
            Ok(interfaces) => self.hand_on(listing, interfaces),
            // That the system does not tell does not mean that the addresses are gone.
            Err(error) => tracing::warn!(%error, "the interfaces may have changed, and cannot be listed"),
        }
    }

    /// Tells the session what it does not know yet.
    pub(super) fn hand_on(&mut self, listing: Listing, interfaces: Vec<Interface>) {
        if let Some(news) = self.listings.news(listing, interfaces) {
            self.session.handle_interfaces(now(), news);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Vec<Interface> {
        vec![Interface { name: name.to_owned(), index: 1, up: true, addresses: Vec::new() }]
    }

    #[test]
    fn only_what_is_new_is_handed_on() {
        let mut listings = Listings::default();
        let mut news = |interfaces: Vec<Interface>| {
            let listing = listings.begin();
            listings.news(listing, interfaces).is_some()
        };
        // Also that there is nothing, the first time.
        assert!(news(Vec::new()));
        assert!(!news(Vec::new()));
        assert!(news(named("eth0")));
        assert!(!news(named("eth0")));
        assert!(news(named("wlan0")));
        assert!(news(named("eth0")));
    }

    #[test]
    fn a_listing_that_ends_after_a_later_one_is_not_handed_on() {
        let mut listings = Listings::default();
        let [first, second, third] = [(); 3].map(|()| listings.begin());
        assert!(listings.news(second, named("eth0")).is_some());
        assert!(listings.news(first, named("eth1")).is_none());
        assert!(listings.news(third, named("eth0")).is_none());
        // The third said nothing new, and the second is older nevertheless.
        assert!(listings.news(second, named("eth1")).is_none());
    }
}
