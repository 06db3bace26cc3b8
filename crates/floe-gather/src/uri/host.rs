//! The host of a URI (RFC 3986 3.2.2).

use std::net::IpAddr;

use super::{BadUri, Host, UriError, error::Cursor};

/// What a host name may have at most, without a dot at its end (RFC 1035 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The host, and what stands behind its colon.
pub(super) fn read(authority: Cursor<'_>) -> Result<(Host, Option<Cursor<'_>>), UriError> {
    if authority.text.starts_with('[') {
        return read_ipv6(authority);
    }
    let (host, port) = authority.split(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| port.text.contains(':')) {
        return Err(authority.error(BadUri::Brackets));
    }
    Ok((read_name(host)?, port))
}

fn read_ipv6(authority: Cursor<'_>) -> Result<(Host, Option<Cursor<'_>>), UriError> {
    let (address, behind) = authority.split(']').ok_or(authority.error(BadUri::Ipv6))?;
    let address = address.text.strip_prefix('[').and_then(|text| text.parse().ok());
    let host = address.map(|ip| Host::Ip(IpAddr::V6(ip))).ok_or(authority.error(BadUri::Ipv6))?;
    match behind.split(':') {
        _ if behind.text.is_empty() => Ok((host, None)),
        Some((nothing, port)) if nothing.text.is_empty() => Ok((host, Some(port))),
        _ => Err(behind.error(BadUri::AfterBrackets)),
    }
}

/// RFC 3986 3.2.2: what matches the rule for an IPv4 address is one, and all else is a name.
fn read_name(host: Cursor<'_>) -> Result<Host, UriError> {
    if host.text.is_empty() {
        return Err(host.error(BadUri::NoHost));
    }
    if let Ok(ip) = host.text.parse() {
        return Ok(Host::Ip(IpAddr::V4(ip)));
    }
    let decoded = decode(host)?;
    let name = if decoded.is_ascii() {
        decoded.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(&decoded).map_err(|_| host.error(BadUri::Name))?
    };
    check_name(&name).map_err(|why| host.error(why))?;
    Ok(Host::Name(name))
}

/// Takes the percent-encoding off.
fn decode(host: Cursor<'_>) -> Result<String, UriError> {
    let broken = |at: usize| UriError::new(host.at + at, BadUri::Percent);
    let mut bytes = host.text.bytes().enumerate();
    let mut decoded = Vec::with_capacity(host.text.len());
    while let Some((at, byte)) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?.1).to_digit(16);
                let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                value.ok_or(broken(at))?
            }
            byte => byte,
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| broken(0))
}

/// Letters, digits, hyphens, and the underscores that some names have for all that (RFC 1123 2.1).
fn check_name(name: &str) -> Result<(), BadUri> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let good = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(character);
    if name.len() > MAX_NAME || !name.split('.').all(good) {
        return Err(BadUri::Name);
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadUri::Ipv4);
    }
    Ok(())
}
