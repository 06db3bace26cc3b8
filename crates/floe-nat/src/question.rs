//! Requests: what each test asks, and from which socket.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use floe_core::BaseId;
use floe_stun::{
    Class, MessageWriter, Method, TransactionId, WriteError,
    attribute::{AttributeType, ChangeRequest, ErrorCode, Padding, RawAttribute, ResponsePort},
};

use crate::{BadAnswer, Finding, Test, Why};

/// The socket of the first request and of the mapping tests.
pub(crate) const MAIN: BaseId = BaseId(0);
/// The socket of the filtering tests: it never sends to any but the first address of the server.
pub(crate) const FILTER: BaseId = BaseId(1);
/// Another socket, for hairpinning and large datagrams.
pub(crate) const PARTNER: BaseId = BaseId(2);
/// The socket whose binding is left alone (X of RFC 5780 4.6).
pub(crate) const QUIET: BaseId = BaseId(3);
/// The socket that asks for it (Y of RFC 5780 4.6).
pub(crate) const WITNESS: BaseId = BaseId(4);

/// Which request of which test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// RFC 5780 4.2; test I of mapping.
    Reach,
    /// Test II of mapping.
    MapAddress,
    /// Test III of mapping.
    MapPort,
    /// Test I of filtering.
    FilterBind,
    /// Test II of filtering.
    FilterBoth,
    /// Test III of filtering.
    FilterPort,
    /// Where the partner is mapped to.
    HairpinBind,
    /// From the first socket to the partner's mapped address.
    HairpinOut,
    /// From the partner to the first socket's.
    HairpinBack,
    /// A large request, a small response.
    LargeRequest,
    /// A large request, a large response.
    LargeBoth,
    /// A binding is made.
    LifetimeBind,
    /// Whether it is still there.
    LifetimeAsk,
}

impl Step {
    /// The test that it belongs to.
    pub(crate) const fn test(self) -> Test {
        match self {
            Self::Reach => Test::Reach,
            Self::MapAddress | Self::MapPort => Test::Mapping,
            Self::FilterBind | Self::FilterBoth | Self::FilterPort => Test::Filtering,
            Self::HairpinBind | Self::HairpinOut | Self::HairpinBack => Test::Hairpinning,
            Self::LargeRequest | Self::LargeBoth => Test::LargeDatagrams,
            Self::LifetimeBind | Self::LifetimeAsk => Test::Lifetime,
        }
    }
}

/// What a request has beside its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Change(ChangeRequest),
    ToPort(u16),
    /// PADDING: the response is to be as large.
    Padded(u16),
    /// As large, by an attribute that every server skips, so that the response is small.
    Filled(u16),
}

/// A type that nobody has a meaning for, and that whoever does not know it skips (RFC 8489 14).
const FILLER: AttributeType = AttributeType::new(0xFFFE);

/// A request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) step: Step,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
    pub(crate) shape: Shape,
    /// Not before so long from now.
    pub(crate) after: Duration,
}

impl Question {
    pub(crate) const fn new(step: Step, base: BaseId, to: SocketAddr) -> Self {
        Self { step, base, to, shape: Shape::Plain, after: Duration::ZERO }
    }

    pub(crate) const fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    pub(crate) const fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    /// The datagram.
    pub(crate) fn write(&self, id: TransactionId) -> Result<Bytes, WriteError> {
        let size = match self.shape {
            Shape::Padded(bytes) | Shape::Filled(bytes) => usize::from(bytes),
            _ => 0,
        };
        // Header, one attribute's header and FINGERPRINT, and some more.
        let mut buffer = vec![0; size + 64];
        let writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id)?;
        let writer = match self.shape {
            Shape::Plain => writer,
            Shape::Change(change) => writer.attribute(&change)?,
            Shape::ToPort(port) => writer.attribute(&ResponsePort(port))?,
            Shape::Padded(bytes) => writer.attribute(&Padding::new(bytes))?,
            Shape::Filled(bytes) => {
                let value = vec![0; usize::from(bytes)];
                writer.attribute(&RawAttribute { kind: FILLER, value: &value })?
            }
        };
        let length = writer.fingerprint()?.finish();
        buffer.truncate(length);
        Ok(buffer.into())
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) question: Question,
    pub(crate) outcome: Outcome,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success(Answer),
    /// The request itself came to another socket of ours, from here: it turned back at the NAT.
    Echo(SocketAddr),
    Failed(Failure),
}

/// Why there is no success response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused { code: u16, reason: String },
    Bad(BadAnswer),
    Silence,
    NoSocket(String),
}

impl Failure {
    /// Why a test that hangs on this request came to no result.
    pub(crate) fn why(&self, question: &Question) -> Why {
        match self {
            Self::Refused { code, .. } => Why::Refused { code: *code },
            Self::Bad(problem) => Why::BadAnswer { problem: *problem },
            Self::Silence => Why::NoAnswer { to: question.to },
            Self::NoSocket(said) => Why::NoSocket { said: said.clone() },
        }
    }

    /// The finding that this failure makes of a request with this attribute, which the server need not know
    /// (RFC 5780 5).
    pub(crate) fn finding<T>(&self, question: &Question, attribute: AttributeType) -> Finding<T> {
        match self {
            Self::Refused { code: ErrorCode::UNKNOWN_ATTRIBUTE, .. } => {
                Finding::Unsupported(Why::NotUnderstood { attribute: attribute.name().unwrap_or("it") })
            }
            other => Finding::Unknown(other.why(question)),
        }
    }
}

/// A success response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The socket that it came to.
    pub(crate) on: BaseId,
    pub(crate) from: SocketAddr,
    /// XOR-MAPPED-ADDRESS.
    pub(crate) mapped: SocketAddr,
    /// MAPPED-ADDRESS.
    pub(crate) plain: Option<SocketAddr>,
    pub(crate) other: Other,
    pub(crate) padded: bool,
    /// In bytes, without the headers of IP and UDP.
    pub(crate) size: usize,
}

/// OTHER-ADDRESS, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Missing,
    Malformed,
    At(SocketAddr),
}
