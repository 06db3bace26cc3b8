//! What the DNS says of a server (RFC 2782, RFC 3403), as far as finding STUN and TURN servers needs it (RFC 5928).

/// Where a service of a domain is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SrvRecord {
    /// The lowest is tried first.
    pub priority: u16,
    /// Of those of one priority each is tried first as often as its weight says.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host's name, without a dot at its end; empty where the service is said not to be there.
    pub target: String,
}

/// What a domain says of the services that it has (RFC 3403 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NaptrRecord {
    /// The lowest is looked at first. Those behind it are for where it leads nowhere (RFC 3958 2.2.4).
    pub order: u16,
    /// Among those of one order the lowest is preferred.
    pub preference: u16,
    /// What the replacement is: `S` the name of SRV records, `A` that of a host; empty: of further NAPTR records.
    pub flags: String,
    /// The service and the protocols it is spoken by, such as `RELAY:turn.udp`.
    pub services: String,
    /// A substitution to be made instead of the replacement; RFC 5928 has no use for it.
    pub regexp: String,
    /// The name to go on with, without a dot at its end.
    pub replacement: String,
}
