//! Two sessions back to back, in virtual time and memory.
#![allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod concluding;
mod connecting;
mod data;
mod failing;
mod floods;
mod hostile;
mod lite;
mod misuse;
mod nominating;
mod pacing;
mod promises;
mod replay;
mod restarting;
mod served;
mod spoof;
mod stun;
mod trickling;
mod wire;
