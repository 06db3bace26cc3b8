//! The requests of a client, and their datagrams (RFC 8656 7.1, 8.1, 10.1, 12.1).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use floe_stun::{
    ChannelNumber, Class, MessageWriter, Method, TransactionId, WriteError, attribute::Software,
    long_term::Credential,
};

use crate::{
    ChannelNumberAttribute, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
    config::ClientConfig, method,
};

/// Room for the longest name, realm and nonce, the algorithms, and all that is ours.
const BUFFER: usize = 3072;

/// What the server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Allocate,
    Refresh,
    Delete,
    /// To delete what we never heard of, so that it can be allocated anew.
    Reclaim,
    Permit(IpAddr),
    Bind(SocketAddr, ChannelNumber),
}

impl Ask {
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Allocate => method::ALLOCATE,
            Self::Refresh | Self::Delete | Self::Reclaim => method::REFRESH,
            Self::Permit(_) => method::CREATE_PERMISSION,
            Self::Bind(..) => method::CHANNEL_BIND,
        }
    }
}

/// A request that is to be sent, or was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// How many challenges have answered it.
    pub(crate) challenges: u8,
    /// How often the server was in trouble.
    pub(crate) troubles: u32,
    /// Whether the server may have done it without our having heard so.
    pub(crate) in_doubt: bool,
    /// How often an allocation that we never heard of was given back for it.
    pub(crate) reclaims: u8,
    /// From when on it does not wait for a slot any more.
    pub(crate) overdue: Option<Instant>,
}

impl Request {
    /// One that waits for its slot as long as it takes.
    pub(crate) const fn patient(ask: Ask) -> Self {
        Self { ask, challenges: 0, troubles: 0, in_doubt: false, reclaims: 0, overdue: None }
    }

    /// One that waits for its slot until then.
    pub(crate) const fn until(ask: Ask, overdue: Instant) -> Self {
        Self { overdue: Some(overdue), ..Self::patient(ask) }
    }
}

/// A request under way, and what it was signed with.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) request: Request,
    pub(crate) credential: Option<Arc<Credential>>,
}

/// Writes the request.
pub(crate) fn write(
    ask: Ask,
    id: TransactionId,
    config: &ClientConfig,
    credential: Option<&Credential>,
) -> Result<Bytes, WriteError> {
    let mut buffer = [0; BUFFER];
    let writer = MessageWriter::new(&mut buffer, Class::Request, ask.method(), id)?;
    let writer = write_ask(writer, ask, config)?;
    let writer = match credential {
        Some(credential) => credential.sign(writer)?,
        None => writer,
    };
    let length = writer.finish();
    Ok(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()))
}

fn write_ask<'b>(
    writer: MessageWriter<'b>,
    ask: Ask,
    config: &ClientConfig,
) -> Result<MessageWriter<'b>, WriteError> {
    let lifetime = config
        .lifetime
        .map(|lifetime| Lifetime::from_seconds(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).max(1)));
    let software = config.software.as_deref().map(Software::new);
    match ask {
        Ask::Allocate => writer
            .attribute(&RequestedTransport::UDP)?
            .optional(lifetime.as_ref())?
            .optional(config.family.map(RequestedAddressFamily).as_ref())?
            .optional(software.as_ref()),
        Ask::Refresh => writer.optional(lifetime.as_ref())?.optional(software.as_ref()),
        Ask::Delete | Ask::Reclaim => writer.attribute(&Lifetime::ZERO)?.optional(software.as_ref()),
        // RFC 8656 10.1: the port is ignored.
        Ask::Permit(ip) => writer.attribute(&XorPeerAddress(SocketAddr::new(ip, 0))),
        Ask::Bind(peer, channel) => {
            writer.attribute(&ChannelNumberAttribute(channel))?.attribute(&XorPeerAddress(peer))
        }
    }
}
