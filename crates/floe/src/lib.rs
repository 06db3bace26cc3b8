//! A full ICE agent (RFC 8445) for tokio
