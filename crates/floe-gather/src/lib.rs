//! ICE candidate gathering, sans-IO (RFC 8445 5.1, RFC 8421)
