//! The requests of a client, and their messages (RFC 8656 7.1, 8.1, 10.1, 12.1, RFC 6062 4.3, RFC 8016 3).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use floe_core::BaseId;
use floe_stun::{
    ChannelNumber, Class, MessageWriter, Method, TransactionId, WriteError, attribute::Software,
    long_term::Credential,
};

use crate::{
    AdditionalAddressFamily, AddressFamily, ChannelNumberAttribute, ConnectionId, DontFragment, Lifetime,
    MobilityTicket, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
    config::{ClientConfig, RelayTransport},
    method,
};

/// Room for the longest name, realm and nonce, the algorithms, a ticket, and all that is ours.
const BUFFER: usize = 4096;

/// What the server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Allocate,
    Refresh,
    Delete,
    /// To delete what we never heard of, so that it can be allocated anew.
    Reclaim,
    /// To delete the address of one family, and keep the other.
    Release(AddressFamily),
    /// To refresh from this other base, with the ticket.
    Migrate(BaseId),
    Permit(IpAddr),
    Bind(SocketAddr, ChannelNumber),
    /// To open a TCP connection to the peer.
    Connect(SocketAddr),
    /// To make this very connection the peer's.
    BindConnection(ConnectionId),
}

impl Ask {
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Allocate => method::ALLOCATE,
            Self::Refresh | Self::Delete | Self::Reclaim | Self::Release(_) | Self::Migrate(_) => {
                method::REFRESH
            }
            Self::Permit(_) => method::CREATE_PERMISSION,
            Self::Bind(..) => method::CHANNEL_BIND,
            Self::Connect(_) => method::CONNECT,
            Self::BindConnection(_) => method::CONNECTION_BIND,
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
    /// Whether the server refused it among others: it is asked for by itself.
    pub(crate) alone: bool,
}

impl Request {
    /// One that waits for its slot as long as it takes.
    pub(crate) const fn patient(ask: Ask) -> Self {
        Self { ask, challenges: 0, troubles: 0, in_doubt: false, reclaims: 0, overdue: None, alone: false }
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
    /// Further permissions that the same message asks for.
    pub(crate) rest: Vec<Request>,
    pub(crate) credential: Option<Arc<Credential>>,
}

impl Flight {
    pub(crate) fn asks_for(&self, ask: Ask) -> bool {
        self.request.ask == ask || self.rest.iter().any(|request| request.ask == ask)
    }
}

/// What a request says beside what is configured.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Particulars<'a> {
    /// The family that a refresh is for, where another one was given back.
    pub(crate) only: Option<AddressFamily>,
    /// The newest ticket.
    pub(crate) ticket: &'a [u8],
    /// Further permissions to ask for (RFC 8656 10.1).
    pub(crate) rest: &'a [Request],
}

/// Writes the request.
pub(crate) fn write(
    ask: Ask,
    id: TransactionId,
    config: &ClientConfig,
    particulars: Particulars<'_>,
    credential: Option<&Credential>,
) -> Result<Bytes, WriteError> {
    let mut buffer = [0; BUFFER];
    let writer = MessageWriter::new(&mut buffer, Class::Request, ask.method(), id)?;
    let writer = write_ask(writer, ask, config, particulars)?;
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
    Particulars { only, ticket, rest }: Particulars<'_>,
) -> Result<MessageWriter<'b>, WriteError> {
    let lifetime = requested_lifetime(config);
    let software = config.software.as_deref().map(Software::new);
    let only = only.map(RequestedAddressFamily);
    match ask {
        Ask::Allocate => write_allocate(writer, config)?.optional(software.as_ref()),
        Ask::Refresh => {
            writer.optional(lifetime.as_ref())?.optional(only.as_ref())?.optional(software.as_ref())
        }
        Ask::Migrate(_) => writer
            .optional(lifetime.as_ref())?
            .optional(only.as_ref())?
            .attribute(&MobilityTicket(ticket))?
            .optional(software.as_ref()),
        Ask::Delete | Ask::Reclaim => writer.attribute(&Lifetime::ZERO)?.optional(software.as_ref()),
        Ask::Release(family) => writer
            .attribute(&Lifetime::ZERO)?
            .attribute(&RequestedAddressFamily(family))?
            .optional(software.as_ref()),
        Ask::Permit(_) => rest.iter().map(|request| request.ask).chain([ask]).try_fold(writer, write_permit),
        Ask::Bind(peer, channel) => {
            writer.attribute(&ChannelNumberAttribute(channel))?.attribute(&XorPeerAddress(peer))
        }
        Ask::Connect(peer) => writer.attribute(&XorPeerAddress(peer)),
        Ask::BindConnection(connection) => writer.attribute(&connection),
    }
}

fn write_permit(writer: MessageWriter<'_>, ask: Ask) -> Result<MessageWriter<'_>, WriteError> {
    match ask {
        // RFC 8656 10.1: the port is ignored.
        Ask::Permit(ip) => writer.attribute(&XorPeerAddress(SocketAddr::new(ip, 0))),
        _ => Ok(writer),
    }
}

fn write_allocate<'b>(
    writer: MessageWriter<'b>,
    config: &ClientConfig,
) -> Result<MessageWriter<'b>, WriteError> {
    let transport = match config.relay {
        RelayTransport::Udp => RequestedTransport::UDP,
        RelayTransport::Tcp => RequestedTransport::TCP,
    };
    writer
        .attribute(&transport)?
        .optional(requested_lifetime(config).as_ref())?
        .optional(config.family.map(RequestedAddressFamily).as_ref())?
        .optional(config.dual.then_some(AdditionalAddressFamily).as_ref())?
        .optional(config.even_port.as_ref())?
        .optional(config.token.as_ref())?
        .optional(config.dont_fragment.then_some(DontFragment).as_ref())?
        // RFC 8016 3.1.1: an empty one asks for a ticket.
        .optional(config.mobility.then_some(MobilityTicket(&[])).as_ref())
}

fn requested_lifetime(config: &ClientConfig) -> Option<Lifetime> {
    let seconds = config.lifetime?.as_secs();
    Some(Lifetime::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX).max(1)))
}
