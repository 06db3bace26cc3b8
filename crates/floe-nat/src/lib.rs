//! x
#![forbid(unsafe_code)]

mod answer;
mod asker;
mod config;
mod discovery;
mod event;
mod question;
mod reason;
mod report;
mod sentence;
mod sockets;
mod test;

pub use config::Config;
pub use discovery::Discovery;
pub use event::{Action, Event, Test};
pub use reason::{BadAnswer, DiscoveryError, OtherAddressProblem, Why};
pub use report::{Behaviour, Finding, Hairpinning, Lifetime, Passage, Report, Rewriting, Translation};
