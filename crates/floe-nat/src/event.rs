//! What goes out beside datagrams.

use std::fmt;

use floe_core::BaseId;

use crate::{DiscoveryError, Report};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bind a UDP socket on the host's address towards the server, always the same one, and say what came of it by
    /// [`Discovery::handle_bound`](crate::Discovery::handle_bound). A port that cannot be had is a failure, not a reason
    /// to take another one: another one is then asked for.
    Bind {
        /// What the socket is called from now on.
        base: BaseId,
        /// The port, which chance chose: traffic of before would spoil the tests (RFC 5780 4.1). 0 stands for any.
        port: u16,
    },
    /// Close a socket.
    Close(BaseId),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A test has come to its end; the report will tell how.
    Done(Test),
    /// All tests have.
    Finished(Box<Report>),
    /// Nothing can be found out.
    Failed(DiscoveryError),
}

/// The tests, in the order in which they usually end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Test {
    /// Whether the server answers (RFC 5780 4.2).
    Reach,
    /// RFC 5780 4.3.
    Mapping,
    /// RFC 5780 3.5.
    LargeDatagrams,
    /// RFC 5780 3.4.
    Hairpinning,
    /// RFC 5780 4.4.
    Filtering,
    /// RFC 5780 4.6.
    Lifetime,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reach => "the server",
            Self::Mapping => "mapping",
            Self::LargeDatagrams => "large datagrams",
            Self::Hairpinning => "hairpinning",
            Self::Filtering => "filtering",
            Self::Lifetime => "binding lifetime",
        })
    }
}
