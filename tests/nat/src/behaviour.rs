//! How a gateway maps and filters, seen from a host behind it (RFC 5780 4.3, 4.4): what keeps the lab's rules honest.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::Child,
    time::Duration,
};

use anyhow::Context as _;
use floe_stun::{
    Class, Message, MessageWriter, Method, TransactionId, ValueWriter, WriteError,
    attribute::{AttributeType, WriteAttribute, XorMappedAddress},
};
use serde::{Deserialize, Serialize};

use crate::{
    commands::{feed, inside},
    coturn,
    gateway::Gateway,
    task::{Task, run_in},
    topology::{Access, Families, HOSTS, Plan, build},
};

/// How often a request is sent, and how long each time is waited.
const TRIES: usize = 3;
const WAIT: Duration = Duration::from_millis(150);

/// What a NAT's decision depends on (RFC 4787 4.1, 5), besides the internal endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dependence {
    /// Nothing else.
    EndpointIndependent,
    /// The remote address.
    Address,
    /// The remote address and port.
    AddressAndPort,
}

/// How a gateway behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// What the external port depends on; `None` where no answer came.
    pub mapping: Option<Dependence>,
    /// What being let in depends on.
    pub filtering: Option<Dependence>,
}

/// Requests from one socket, one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    local: String,
    requests: Vec<Request>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Request {
    to: SocketAddr,
    change: Change,
}

/// From where an answer is asked for: the flags of CHANGE-REQUEST (RFC 5780 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Change {
    Nothing = 0,
    Port = 2,
    AddressAndPort = 6,
}

impl WriteAttribute for Change {
    fn kind(&self) -> AttributeType {
        AttributeType::new(0x0003)
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[0, 0, 0, *self as u8])
    }
}

/// Builds a lab with this gateway and a server.
fn behind(gateway: Gateway) -> anyhow::Result<Child> {
    let access = |gateway| Access { gateway, carrier: None, families: Families::V4 };
    build(Plan::Apart([access(gateway), access(Gateway::None)])).context("cannot build the lab")?;
    coturn::start(&[]).context("cannot start the server")
}

/// What `floe nat --json` says behind this gateway.
pub(crate) fn tell(floe: &Path, gateway: Gateway) -> anyhow::Result<serde_json::Value> {
    let _server = behind(gateway)?;
    let mut command = inside(HOSTS[0], &floe.to_string_lossy());
    let said = feed(command.args(["nat", "--json", "--stun", "stun:198.51.100.10:3478"]), "")?;
    serde_json::from_str(&said).with_context(|| format!("floe nat said {said}"))
}

/// Builds a lab with this gateway, and looks at it from behind.
pub(crate) fn observe(gateway: Gateway) -> anyhow::Result<Behaviour> {
    let _server = behind(gateway)?;
    let request = |to: &str, change| to.parse().map(|to| Request { to, change });
    let mapping = [
        request("198.51.100.10:3478", Change::Nothing)?,
        request("198.51.100.10:3479", Change::Nothing)?,
        request("198.51.100.11:3478", Change::Nothing)?,
    ];
    let filtering = [
        request("198.51.100.10:3478", Change::Nothing)?,
        request("198.51.100.10:3478", Change::AddressAndPort)?,
        request("198.51.100.10:3478", Change::Port)?,
    ];
    Ok(Behaviour {
        mapping: mapping_of(&probe(HOSTS[0], "0.0.0.0:0", mapping.to_vec())?),
        filtering: filtering_of(&probe(HOSTS[0], "0.0.0.0:0", filtering.to_vec())?),
    })
}

fn mapping_of(mapped: &[Option<SocketAddr>]) -> Option<Dependence> {
    let [Some(first), Some(other_port), Some(other_address)] = mapped else { return None };
    Some(match (first == other_port, first == other_address) {
        (true, true) => Dependence::EndpointIndependent,
        (true, false) => Dependence::Address,
        (false, _) => Dependence::AddressAndPort,
    })
}

fn filtering_of(answers: &[Option<SocketAddr>]) -> Option<Dependence> {
    match answers {
        [Some(_), Some(_), _] => Some(Dependence::EndpointIndependent),
        [Some(_), None, Some(_)] => Some(Dependence::Address),
        [Some(_), None, None] => Some(Dependence::AddressAndPort),
        _ => None,
    }
}

/// Whether a server answers a socket of this namespace.
pub(crate) fn answers(namespace: &str, local: &str, server: &str) -> anyhow::Result<bool> {
    let request = Request { to: server.parse()?, change: Change::Nothing };
    Ok(probe(namespace, local, vec![request])?.iter().all(Option::is_some))
}

fn probe(namespace: &str, local: &str, requests: Vec<Request>) -> anyhow::Result<Vec<Option<SocketAddr>>> {
    run_in(namespace, &Task::Probe(Probe { local: local.to_owned(), requests }))
}

impl Probe {
    /// The addresses that the server saw, in order; `None` where no answer came.
    pub(crate) fn ask(&self) -> anyhow::Result<Vec<Option<SocketAddr>>> {
        let socket = UdpSocket::bind(&self.local).with_context(|| format!("cannot bind {}", self.local))?;
        socket.set_read_timeout(Some(WAIT))?;
        (1_u8..).zip(&self.requests).map(|(number, request)| ask(&socket, number, request)).collect()
    }
}

fn ask(socket: &UdpSocket, number: u8, request: &Request) -> anyhow::Result<Option<SocketAddr>> {
    // Nobody here would forge an answer, so the ids need not be secret.
    let id = TransactionId::new([number; 12]);
    let mut bytes = [0; 64];
    let change = (request.change != Change::Nothing).then_some(&request.change);
    let writer = MessageWriter::new(&mut bytes, Class::Request, Method::BINDING, id)?;
    let length = writer.optional(change)?.finish();
    for _ in 0..TRIES {
        // A gateway or a server that refuses is one that does not answer.
        let _ = socket.send_to(bytes.get(..length).unwrap_or_default(), request.to);
        if let Some(mapped) = answer(socket, id)? {
            return Ok(Some(mapped));
        }
    }
    Ok(None)
}

/// The next answer with this id, unless it is silent for a while.
fn answer(socket: &UdpSocket, id: TransactionId) -> anyhow::Result<Option<SocketAddr>> {
    let mut buffer = [0; 1_500];
    loop {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_silence(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) else { continue };
        if message.transaction_id() == id && message.class() == Class::Success {
            return Ok(message.attribute::<XorMappedAddress>()?.map(|mapped| mapped.0));
        }
    }
}

fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, TimedOut, WouldBlock};
    matches!(error.kind(), ConnectionRefused | TimedOut | WouldBlock)
}
