//! Which errors of a UDP socket end it, and which do not.

use std::io;

/// What an error of a socket says about the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Nothing: the call could not be done right now. Try again when the socket is ready.
    Busy,
    /// Something about one datagram or one path: an ICMP message came back, no route leads there, a firewall said no,
    /// the datagram was too long, the system is short of buffers. The socket is as good as before.
    Path,
    /// The socket itself is no longer any good. Close it.
    Socket,
}

/// Tells errors that pass from those that end a UDP socket.
///
/// One socket serves many remote candidates, most of which do not answer: their ICMP errors surface on whatever call
/// comes next (`ECONNREFUSED`, on Windows `WSAECONNRESET`), and must not end a read loop.
#[must_use]
pub fn trouble(error: &io::Error) -> Trouble {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::WouldBlock | Kind::Interrupted => Trouble::Busy,
        Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::TimedOut
        | Kind::PermissionDenied
        | Kind::InvalidInput
        | Kind::AddrNotAvailable
        | Kind::OutOfMemory => Trouble::Path,
        _ if error.raw_os_error().is_some_and(|code| PATH_CODES.contains(&code)) => Trouble::Path,
        _ => Trouble::Socket,
    }
}

/// Codes of [`Trouble::Path`] that `io::ErrorKind` has no name for: message too long, no buffer space, host down,
/// and what ICMP "protocol unreachable" and "parameter problem" turn into.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PATH_CODES: &[i32] = &[90, 105, 112, 92, 71];
/// The same with the numbers of macOS, iOS and the BSDs.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const PATH_CODES: &[i32] = &[40, 55, 64, 42];
/// The same for Windows, with `WSAENETRESET`, which an expired TTL causes.
#[cfg(windows)]
const PATH_CODES: &[i32] = &[10040, 10055, 10064, 10042, 10052];
#[cfg(not(any(unix, windows)))]
const PATH_CODES: &[i32] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_icmp_brings_is_the_paths_trouble() {
        use io::ErrorKind as Kind;
        for kind in
            [Kind::ConnectionRefused, Kind::ConnectionReset, Kind::HostUnreachable, Kind::NetworkUnreachable]
        {
            assert_eq!(trouble(&kind.into()), Trouble::Path, "{kind}");
        }
        assert_eq!(trouble(&Kind::WouldBlock.into()), Trouble::Busy);
    }

    #[test]
    fn an_aborted_or_closed_socket_is_the_sockets_trouble() {
        use io::ErrorKind as Kind;
        for kind in [Kind::ConnectionAborted, Kind::NotConnected, Kind::Other, Kind::BrokenPipe] {
            assert_eq!(trouble(&kind.into()), Trouble::Socket, "{kind}");
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn a_datagram_that_is_too_long_is_not_the_sockets_trouble() {
        const EMSGSIZE: i32 = 90;
        const EBADF: i32 = 9;
        assert_eq!(trouble(&io::Error::from_raw_os_error(EMSGSIZE)), Trouble::Path);
        assert_eq!(trouble(&io::Error::from_raw_os_error(EBADF)), Trouble::Socket);
    }
}
