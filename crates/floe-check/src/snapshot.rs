//! Comparing two moments of a check set.

use std::fmt;

use crate::{CheckSet, schedule::Check};

/// Everything that a check set's behaviour follows from, at one moment: for tests and for reports of what went wrong.
///
/// Left out is what follows from nothing but the datagrams of strangers: counts, the budget of errors they may draw,
/// and the mark that answers were forged (RFC 8489 9.1.4), which changes only the reason given for a failure. Also
/// left out is what waits to be polled.
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

impl CheckSet {
    /// The state of the set now, to be compared with another moment's.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(format!("{:#?}", State(self)))
    }
}

struct State<'a>(&'a CheckSet);

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new field cannot be forgotten here.
        let CheckSet {
            config,
            rng,
            role,
            tie_breaker,
            role_changes,
            lists,
            locals,
            nat64,
            remotes,
            pairs,
            transactions,
            nominations,
            consents,
            warm,
            nomination,
            last_turn,
            out: _,
        } = self.0;
        let open: Vec<_> = transactions
            .iter()
            .map(|(id, open)| {
                let check: &Check = open.key();
                (id, check, open.times(), open.is_cancelled())
            })
            .collect();
        f.debug_struct("CheckSet")
            .field("config", config)
            .field("random words drawn", &rng.get_word_pos())
            .field("role", role)
            .field("tie_breaker", tie_breaker)
            .field("role_changes", role_changes)
            .field("lists", lists)
            .field("locals", locals)
            .field("nat64", nat64)
            .field("remotes", remotes)
            .field("pairs", pairs)
            .field("transactions", &open)
            .field("next deadline", &transactions.poll_timeout())
            .field("nominations", nominations)
            .field("consents", consents)
            .field("warm", warm)
            .field("nomination", nomination)
            .field("last_turn", last_turn)
            .finish()
    }
}
