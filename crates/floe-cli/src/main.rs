//! The floe command line: a scripted ICE peer
fn main() {}
