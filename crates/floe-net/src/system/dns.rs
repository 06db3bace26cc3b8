//! What the DNS says of servers (RFC 2782, RFC 3403), and what the system says of hosts.

use std::{io, net::IpAddr};

#[cfg(not(feature = "dns"))]
use floe_core::dns::{NaptrRecord, SrvRecord};

/// As the system does it, in any case: it knows its own hosts file, names of other kinds than those of the DNS, and the
/// order in which this host had better try them (RFC 6724).
pub(super) async fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    let mut addresses = Vec::new();
    for address in found.map(|address| address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(not(feature = "dns"))]
pub(super) async fn srv(_name: &str) -> io::Result<Vec<SrvRecord>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature `dns`"))
}

#[cfg(not(feature = "dns"))]
pub(super) async fn naptr(_name: &str) -> io::Result<Vec<NaptrRecord>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature `dns`"))
}

#[cfg(feature = "dns")]
pub(super) use records::{naptr, srv};

#[cfg(feature = "dns")]
mod records {
    use std::{io, time::Duration};

    use floe_core::dns::{NaptrRecord, SrvRecord};
    use hickory_resolver::{
        TokioResolver,
        net::{DnsError, NetError},
        proto::rr::{Name, RData, RecordType, rdata},
    };

    /// How long a server of the DNS is waited for, and how often it is asked: a call should not wait for the question
    /// where a server is, longer than the server itself would be waited for.
    const TIMEOUT: Duration = Duration::from_secs(2);
    const ATTEMPTS: usize = 2;

    pub(in crate::system) async fn srv(name: &str) -> io::Result<Vec<SrvRecord>> {
        let found = lookup(&resolver()?, name, RecordType::SRV).await?;
        Ok(found.into_iter().filter_map(srv_record).collect())
    }

    pub(in crate::system) async fn naptr(name: &str) -> io::Result<Vec<NaptrRecord>> {
        let found = lookup(&resolver()?, name, RecordType::NAPTR).await?;
        Ok(found.into_iter().filter_map(naptr_record).collect())
    }

    /// By the system's configuration as it is now: a host that moves has other servers in the next network.
    fn resolver() -> io::Result<TokioResolver> {
        let mut builder = TokioResolver::builder_tokio().map_err(|error| refused(&error))?;
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        builder.build().map_err(|error| refused(&error))
    }

    /// None where there are none; an error is one that says nothing about them.
    pub(super) async fn lookup(
        resolver: &TokioResolver,
        name: &str,
        kind: RecordType,
    ) -> io::Result<Vec<RData>> {
        let mut name = Name::from_utf8(name).map_err(|error| io::Error::other(error.to_string()))?;
        // Such names are whole: the domains that the system searches have no part in them.
        name.set_fqdn(true);
        match resolver.lookup(name, kind).await {
            Ok(lookup) => Ok(lookup.answers().iter().map(|record| record.data.clone()).collect()),
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
            Err(error) => Err(refused(&error)),
        }
    }

    fn refused(error: &NetError) -> io::Error {
        io::Error::other(error.to_string())
    }

    pub(super) fn srv_record(data: RData) -> Option<SrvRecord> {
        let RData::SRV(rdata::SRV { priority, weight, port, target, .. }) = data else { return None };
        Some(SrvRecord { priority, weight, port, target: text(&target) })
    }

    pub(super) fn naptr_record(data: RData) -> Option<NaptrRecord> {
        let RData::NAPTR(data) = data else { return None };
        Some(NaptrRecord {
            order: data.order,
            preference: data.preference,
            flags: String::from_utf8_lossy(&data.flags).into_owned(),
            services: String::from_utf8_lossy(&data.services).into_owned(),
            regexp: String::from_utf8_lossy(&data.regexp).into_owned(),
            replacement: text(&data.replacement),
        })
    }

    /// Without the dot at its end, so that the root is empty.
    fn text(name: &Name) -> String {
        let text = name.to_ascii();
        text.strip_suffix('.').unwrap_or(&text).to_owned()
    }

    #[cfg(test)]
    mod tests;
}
