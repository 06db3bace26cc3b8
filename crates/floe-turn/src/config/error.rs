use floe_stun::credentials::CredentialError;

/// Why no client can be made of a [`ClientConfig`](crate::ClientConfig).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Name or password are none that can be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// SOFTWARE is a short text (RFC 8489 14.14): shorten it to 127 characters.
    #[error("a software text of {0} characters, where at most 127 are sent")]
    SoftwareTooLong(usize),
    /// Both families and one of them cannot be asked for at once (RFC 8656 7.1): leave one of the two out.
    #[error("both families and one family at once")]
    DualWithFamily,
    /// Of two addresses no second port can be kept (RFC 8656 7.1): reserve none, or ask for one family.
    #[error("both families and a reserved port at once")]
    DualWithReservation,
    /// What is reserved has its family (RFC 8656 7.1): name none.
    #[error("a reservation token and a family at once")]
    TokenWithFamily,
    /// What is reserved is one address (RFC 8656 7.1): ask for no other.
    #[error("a reservation token and both families at once")]
    TokenWithDual,
    /// What is reserved has its port (RFC 8656 7.1): leave EVEN-PORT out.
    #[error("a reservation token and an even port at once")]
    TokenWithEvenPort,
    /// TCP connections are relayed for clients that come by TCP or TLS only (RFC 6062 4.1): choose another transport.
    #[error("a TCP allocation over datagrams")]
    TcpRelayOverDatagrams,
    /// Even ports, tokens and the DF bit are for relaying datagrams (RFC 6062 4.1): leave them out.
    #[error("a TCP allocation with an even port, a token or DONT-FRAGMENT")]
    TcpRelayWithUdpFeature,
}
