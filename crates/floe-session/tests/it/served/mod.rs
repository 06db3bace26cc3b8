//! STUN and TURN servers: those that behave, those that do not, and those that are not there (RFC 8445 5.1.1.2).

mod bad;
mod bench;
mod links;
mod names;
mod private;
mod remedies;
mod script;
