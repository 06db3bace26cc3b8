//! ICE nomination: policies and per-component selection, sans-IO (RFC 8445 8)
