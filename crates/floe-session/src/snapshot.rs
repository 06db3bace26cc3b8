//! Comparing two moments of a session.

use std::fmt;

use crate::{Session, stats::Tally};

/// Everything that a session's behaviour follows from, at one moment: for tests and for reports of what went wrong.
///
/// Left out is what strangers may change: counts of what was dropped, the time of the latest call, and what
/// [`floe_check::Snapshot`] leaves out. Also left out is what waits to be polled.
///
/// `Display` names addresses in full: it is nothing for a log. Passwords are not in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(String);

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

impl Session {
    /// The state of the session now, to be compared with another moment's.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(format!("{:#?}", State(self)))
    }
}

struct State<'a>(&'a Session);

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new field cannot be forgotten here.
        let Session {
            check,
            gatherer,
            nominator,
            pace,
            turn,
            clock,
            sockets,
            relays,
            nat64,
            streams,
            routes,
            progress,
            secrets,
            outbox: _,
            tally,
            max_early,
            aggressive,
            renomination,
            lite,
        } = self.0;
        let Tally { dropped: _, refused, withheld, stray_answers, selections } = tally;
        // Debug hides addresses, and two that differ must not look alike.
        let early: Vec<_> =
            streams.values().flat_map(|stream| &stream.early).map(ToString::to_string).collect();
        let routes: Vec<_> =
            routes.iter().map(|(of, route)| (of, route.pair, route.socket, route.to)).collect();
        f.debug_struct("Session")
            .field("check", &format_args!("{}", check.snapshot()))
            .field("gatherer", gatherer)
            .field("nominator", nominator)
            .field("pace", pace)
            .field("turn", turn)
            .field("clock is unsettled", &clock.due().is_some())
            .field("sockets", sockets)
            .field("relays", relays)
            .field("nat64", nat64)
            .field("streams", streams)
            .field("early candidates", &early)
            .field("routes", &routes)
            .field("progress", progress)
            .field("secrets drawn", &secrets.get_word_pos())
            .field("refused", refused)
            .field("withheld", withheld)
            .field("stray_answers", stray_answers)
            .field("selections", selections)
            .field("max_early", max_early)
            .field("aggressive", aggressive)
            .field("renomination", renomination)
            .field("lite", lite)
            .finish()
    }
}
