//! ICE connectivity-check scheduling, sans-IO (RFC 8445 6.1.2 to 7.3)
