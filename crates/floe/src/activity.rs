//! Telling the driver that data is sent, at next to no cost for each datagram.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use tokio::sync::Notify;

/// Nothing was sent since the driver last looked: the next datagram wakes it.
const IDLE: u8 = 0;
/// Something was sent, and the driver is yet to look.
const SENT: u8 = 1;
/// The driver has seen it, and looks again by itself.
const SEEN: u8 = 2;

/// Whether data is sent on a component.
///
/// ```text
///           sent (wakes the driver)        driver looks
///   Idle ────────────────────────────> Sent ──────────> Seen ──────────> Idle
///                                        └──── sent ─────┘   driver looks
/// ```
#[derive(Debug)]
pub(crate) struct Activity {
    state: AtomicU8,
    driver: Arc<Notify>,
}

impl Activity {
    pub(crate) const fn new(driver: Arc<Notify>) -> Self {
        Self { state: AtomicU8::new(IDLE), driver }
    }

    /// A datagram was sent. Most cost one look at a flag; one that follows a pause wakes the driver.
    pub(crate) fn note(&self) {
        if self.state.load(Relaxed) != SENT && self.state.swap(SENT, Relaxed) == IDLE {
            self.driver.notify_one();
        }
    }

    /// Whether something was sent that the driver has not seen; now it has.
    pub(crate) fn see(&self) -> bool {
        self.state.compare_exchange(SENT, SEEN, Relaxed, Relaxed).is_ok()
    }

    /// The same, when it is time to look again: where nothing was sent since, the next datagram wakes the driver.
    pub(crate) fn look(&self) -> bool {
        let next = |state| if state == SENT { SEEN } else { IDLE };
        self.state.fetch_update(Relaxed, Relaxed, |state| Some(next(state))) == Ok(SENT)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn only_the_first_datagram_after_a_pause_wakes_the_driver() {
        let driver = Arc::new(Notify::new());
        let activity = Activity::new(Arc::clone(&driver));
        let woken = || driver.notified().now_or_never().is_some();
        assert!(!activity.see() && !activity.look() && !woken());
        activity.note();
        activity.note();
        assert!(woken() && !woken() && activity.see() && !activity.see());
        activity.note();
        assert!(!woken(), "it looks by itself");
        assert!(activity.look() && !activity.look(), "the second time there was a pause");
        activity.note();
        assert!(woken());
    }
}
