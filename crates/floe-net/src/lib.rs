//! Sockets and network interfaces for floe
