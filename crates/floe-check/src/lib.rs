//! ICE connectivity checks, sans-IO (RFC 8445 6.1.2 to 7.3).
//!
//! A [`CheckSet`] is given the candidates of both sides and the STUN datagrams that come in. It forms pairs, says which
//! check is to be sent next, answers the peer's checks, and keeps the valid list. It does not decide which valid pair
//! is nominated (floe-nominate does), opens no socket and keeps no pace: the session calls
//! [`start_next`](CheckSet::start_next) once in each Ta.
//!
//! ```text
//!  add_local ─┐                                   ┌─> start_next     one new check for each Ta slot
//!  add_remote ┴─> pairs: Frozen, Waiting, ... ────┤
//!  set_remote        ^                            ├─> poll_transmit  answers, retransmissions
//!  handle ──> authenticate ──> requests, answers ─┤
//!  apply  <── floe-nominate <── valid, outlook <──┴─> poll_event
//! ```
//!
//! | standard | here |
//! |---|---|
//! | RFC 8445 6.1.2 forming, pruning, cap, states, 6.1.4.2 scheduling | yes |
//! | RFC 8445 7.2 checks and answers, 7.3 requests, role conflicts, early checks | yes |
//! | RFC 8445 8.1 concluding, as told by nomination | yes |
//! | RFC 8838 10 to 12 pairing as candidates trickle in | yes |
//! | RFC 8863 patience before a list fails | yes |
//! | RFC 8445 7.3.2 lite, 9 restart, 11 keepalives, RFC 7675 consent | not yet |

mod budget;
mod candidates;
mod codec;
mod columns;
mod conclude;
mod config;
mod event;
mod follow;
mod form;
mod list;
mod look;
mod outlook;
mod pair;
mod queue;
mod reason;
mod request;
mod response;
mod role;
mod schedule;
mod set;
mod snapshot;
mod table;

pub use config::CheckConfig;
pub use event::{CheckKind, Command, Event, Outcome, PairView, Route};
pub use list::{ListState, RemoteParameters};
pub use pair::{PairCounters, PairState};
pub use reason::{
    AddLocalError, AddRemoteError, AddedRemote, Counters, DropReason, FailReason, ListFailReason,
    SetRemoteError,
};
pub use set::CheckSet;
pub use snapshot::Snapshot;
