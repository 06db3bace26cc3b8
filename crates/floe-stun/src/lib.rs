//! RFC 8489 STUN: borrowed parsing, in-place writing, integrity and transactions

pub mod attribute;
pub mod demux;
mod header;
mod key;
mod message;
mod retransmit;
mod transactions;
#[cfg(test)]
mod vectors;
mod writer;

pub use header::{Class, HEADER_LENGTH, MAGIC_COOKIE, Method, TransactionId};
pub use key::Key;
pub use message::{FingerprintError, IntegrityError, IntegrityKind, Message, ParseError};
pub use retransmit::RetransmitPolicy;
pub use transactions::{Completed, Due, Transaction, Transactions};
pub use writer::{MessageWriter, ValueWriter, WriteError, max_datagram};
