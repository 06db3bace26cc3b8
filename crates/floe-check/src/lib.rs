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
//! Two agents, and each other's datagrams handed over by hand:
//!
//! ```
//! use floe_check::{CheckConfig, CheckSet, RemoteParameters};
//! use floe_core::{
//!     BaseId, Candidate, CandidateKind, ComponentId, Credentials, LocalCandidate, Priority, Received, Role, StreamId,
//!     Transport, TypePreference,
//! };
//! use rand::{SeedableRng, rngs::ChaCha20Rng};
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = std::time::Instant::now();
//! let (stream, base, component) = (StreamId(0), BaseId(0), ComponentId::RTP);
//! let addresses = ["192.0.2.1:5000", "192.0.2.2:6000"].map(|text| text.parse().unwrap());
//! let candidates = addresses.map(|address| {
//!     Candidate::builder(CandidateKind::Host, Transport::Udp, address)
//!         .component(component)
//!         .priority(Priority::new(TypePreference::HOST, 65_535, component))
//!         .foundation(1.into())
//!         .build()
//!         .unwrap()
//! });
//!
//! let mut rng = ChaCha20Rng::seed_from_u64(1); // from the system's generator, where it counts
//! let credentials = [Credentials::random(&mut rng), Credentials::random(&mut rng)];
//! let mut agents = [Role::Controlling, Role::Controlled]
//!     .map(|role| CheckSet::new(CheckConfig::default().role(role), ChaCha20Rng::from_rng(&mut rng)));
//! for (me, peer) in [(0, 1), (1, 0)] {
//!     let candidate = candidates[me].clone();
//!     let remote = RemoteParameters { credentials: credentials[peer].clone(), components: None };
//!     agents[me].add_stream(stream, &[component], credentials[me].clone());
//!     agents[me].add_local(now, stream, LocalCandidate { candidate, base, base_address: addresses[me] })?;
//!     agents[me].set_remote(now, stream, remote)?;
//!     agents[me].add_remote(now, stream, candidates[peer].clone())?;
//! }
//!
//! // The first agent checks its one pair; the second answers, and the pair is valid.
//! let check = agents[0].start_next(now).expect("one pair is waiting");
//! let _ = agents[1].handle(now, Received { base, from: addresses[0], payload: &check.payload });
//! let answer = agents[1].poll_transmit().expect("a check is answered");
//! let _ = agents[0].handle(now, Received { base, from: addresses[1], payload: &answer.payload });
//! assert_eq!(agents[0].valid(stream, component).len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | standard | here |
//! |---|---|
//! | RFC 8445 6.1.2 forming, pruning, cap, states, 6.1.4.2 scheduling | yes |
//! | RFC 8445 7.2 checks and answers, 7.3 requests, role conflicts, early checks | yes; of a forked offer one answer is followed |
//! | RFC 8445 8.1 concluding, as told by nomination | yes |
//! | RFC 8838 10 to 12 pairing as candidates trickle in | yes |
//! | RFC 8863 patience before a list fails | yes |
//! | RFC 7675 consent on the pair in use of each component | yes; over UDP, as everything here |
//! | RFC 7982 numbered checks and answers | yes |
//! | RFC 8445 11 keepalives, where consent is off | yes |
//! | silence on the pair in use of each component, told within three round trips and 500 ms | yes |
//! | RFC 8445 9 restart | yes: the pair in use stays so until the new generation has one |
//! | RFC 8445 2.5, 7.3.2, 8.2 lite agents | yes |

mod budget;
mod candidates;
mod codec;
mod columns;
mod conclude;
mod config;
mod consent;
mod counter;
mod event;
mod follow;
mod form;
mod list;
mod lite;
mod liveness;
mod look;
mod outlook;
mod pair;
mod preference;
mod quality;
mod queue;
mod reason;
mod renominate;
mod request;
mod response;
mod restart;
mod retry;
mod role;
mod rto;
mod schedule;
mod set;
mod sight;
mod snapshot;
mod table;
mod warm;

pub use config::CheckConfig;
pub use event::{CheckKind, Command, Event, Outcome, PairView, Route};
pub use list::{ListState, RemoteParameters};
pub use lite::Agreed;
pub use pair::{PairCounters, PairState};
pub use reason::{
    AddLocalError, AddRemoteError, AddedRemote, ConsentLoss, Counters, DropReason, FailReason,
    ListFailReason, ReconcileError, SetRemoteError,
};
pub use schedule::{Judge, Readiness};
pub use set::CheckSet;
pub use snapshot::Snapshot;
