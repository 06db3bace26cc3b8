//! Interfaces that come and go (RFC 8445 5.1.1.4).

use std::{io, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};

use super::{
    Done, Driver, now,
    survey::{Nat64, Survey, survey},
};

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
    known: Option<Survey>,
}

impl Listings {
    /// The system is asked now.
    pub(super) fn begin(&mut self) -> Listing {
        self.begun.0 += 1;
        self.begun
    }

    /// What this listing says that was not known, if anything: an older one than was handed on already says nothing.
    fn news(&mut self, listing: Listing, mut survey: Survey) -> Option<&Survey> {
        if listing < self.newest {
            return None;
        }
        self.newest = listing;
        if let (Nat64::Unknown, Some(known)) = (survey.nat64, &self.known) {
            survey.nat64 = known.nat64;
        }
        if self.known.as_ref() == Some(&survey) {
            return None;
        }
        Some(self.known.insert(survey))
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
        self.jobs.push(Box::pin(async move { Done::Watched(listing, survey(net).await) }));
    }

    pub(super) fn handle_watched(&mut self, listing: Listing, result: io::Result<Survey>) {
        match result {
            Ok(survey) => self.hand_on(listing, survey),
            // That the system does not tell does not mean that the addresses are gone.
            Err(error) => tracing::warn!(%error, "the interfaces may have changed, and cannot be listed"),
        }
    }

    /// Tells the session what it does not know yet.
    pub(super) fn hand_on(&mut self, listing: Listing, survey: Survey) {
        let Some(news) = self.listings.news(listing, survey) else { return };
        if let Nat64::Known(prefix) = news.nat64 {
            self.session.set_nat64(prefix);
        }
        self.session.handle_interfaces(now(), &news.interfaces);
    }
}

#[cfg(test)]
mod tests {
    use floe_core::{Interface, Nat64Prefix};

    use super::*;

    fn named(name: &str) -> Survey {
        let interface = Interface { name: name.to_owned(), index: 1, up: true, addresses: Vec::new() };
        Survey { interfaces: vec![interface], ..Survey::default() }
    }

    #[test]
    fn only_what_is_new_is_handed_on() {
        let mut listings = Listings::default();
        let mut news = |survey| {
            let listing = listings.begin();
            listings.news(listing, survey).is_some()
        };
        // Also that there is nothing, the first time.
        assert!(news(Survey::default()));
        assert!(!news(Survey::default()));
        assert!(news(named("eth0")));
        assert!(!news(named("eth0")));
        assert!(news(named("wlan0")));
        assert!(news(named("eth0")));
    }

    #[test]
    fn a_nat64_that_is_not_told_of_stays_what_it_was() {
        let mut listings = Listings::default();
        let mut news = |name, nat64| {
            let listing = listings.begin();
            listings.news(listing, Survey { nat64, ..named(name) }).map(|survey| survey.nat64)
        };
        let known = Nat64::Known(Some(Nat64Prefix::WELL_KNOWN));
        assert_eq!(news("eth0", known), Some(known));
        assert_eq!(news("eth0", Nat64::Unknown), None);
        assert_eq!(news("wlan0", Nat64::Unknown), Some(known));
        assert_eq!(news("wlan0", Nat64::Known(None)), Some(Nat64::Known(None)));
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
