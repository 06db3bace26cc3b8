//! A STUN server with two addresses and two ports (RFC 5780 6), against which NATs are tested.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_stun::{
    Class, Message, MessageWriter, Method, WriteError,
    attribute::{
        AttributeType, ChangeRequest, ErrorCode, MappedAddress, OtherAddress, Padding, ResponseOrigin,
        ResponsePort, XorMappedAddress,
    },
    rules,
};

use crate::{Action, BindError, Node};

/// A server for finding out how NATs behave (RFC 5780) as a node. It answers anybody.
///
/// With two addresses it listens on two ports of each, and answers from the one that it is asked to. With one it has no
/// OTHER-ADDRESS and refuses CHANGE-REQUEST.
///
/// ```
/// use floe_sim::{Host, Simulation, StunServer};
///
/// let mut simulation = Simulation::new(std::time::Instant::now(), 1);
/// let [first, second] = ["192.0.2.1:3478".parse()?, "192.0.2.2:3479".parse()?];
/// let host = Host::new().address("192.0.2.1".parse()?).address("192.0.2.2".parse()?);
/// simulation.add(host, StunServer::new(first, second))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StunServer {
    first: SocketAddr,
    second: Option<SocketAddr>,
    response_port: bool,
    padding: u16,
    actions: VecDeque<Action>,
    failure: Option<BindError>,
}

impl StunServer {
    /// What RFC 5780 6.1 asks of the length of PADDING: the MTU of the outgoing interface.
    const MTU: u16 = 1_500;

    /// A server with the two addresses and the two ports of these. Put it on a host with both addresses.
    #[must_use]
    pub fn new(first: SocketAddr, second: SocketAddr) -> Self {
        let mut server = Self { second: Some(second), ..Self::single(first) };
        server.actions.clear();
        for ip in [first.ip(), second.ip()] {
            for port in [first.port(), second.port()] {
                server.listen(SocketAddr::new(ip, port));
            }
        }
        server
    }

    /// A server with one address.
    #[must_use]
    pub fn single(first: SocketAddr) -> Self {
        let mut server = Self {
            first,
            second: None,
            response_port: true,
            padding: Self::MTU,
            actions: VecDeque::new(),
            failure: None,
        };
        server.listen(first);
        server
    }

    /// This server without RESPONSE-PORT, which it need not know (RFC 5780 7.5).
    #[must_use]
    pub const fn without_response_port(mut self) -> Self {
        self.response_port = false;
        self
    }

    /// This server with so many bytes of PADDING in the responses to requests with it. Default: 1,500.
    #[must_use]
    pub const fn padding(mut self, bytes: u16) -> Self {
        self.padding = bytes;
        self
    }

    /// Why it does not listen where it should, if so: its host lacks an address, or somebody else has a port.
    #[must_use]
    pub const fn failure(&self) -> Option<BindError> {
        self.failure
    }

    fn listen(&mut self, address: SocketAddr) {
        self.actions.push_back(Action::Bind { tag: 0, address });
    }

    /// The types that it understands.
    fn known(&self) -> Vec<AttributeType> {
        let understands = |kind: &AttributeType| match *kind {
            AttributeType::CHANGE_REQUEST => self.second.is_some(),
            AttributeType::RESPONSE_PORT => self.response_port,
            _ => true,
        };
        AttributeType::RFC_5780.iter().copied().filter(understands).collect()
    }

    /// The address of which neither IP address nor port is that of this one (RFC 5780 6.1, Ca and Cp).
    fn other(&self, local: SocketAddr) -> Option<SocketAddr> {
        let second = self.second?;
        let swap_ip = |ip: IpAddr| if ip == self.first.ip() { second.ip() } else { self.first.ip() };
        let port = if local.port() == self.first.port() { second.port() } else { self.first.port() };
        Some(SocketAddr::new(swap_ip(local.ip()), port))
    }

    /// What a Binding request gets: from where, where to, and what.
    fn answer(
        &self,
        local: SocketAddr,
        from: SocketAddr,
        request: &Message<'_>,
    ) -> Result<Option<(SocketAddr, SocketAddr, Vec<u8>)>, WriteError> {
        let mut buffer = vec![0; usize::from(self.padding) + 256];
        let known = self.known();
        if let Err(rejection) = rules::check_understood(request, &known) {
            let length = rejection.answer(&mut buffer, request, &known, None)?;
            return Ok(length.map(|length| (local, from, cut(buffer, length))));
        }
        let wanted = (
            request.attribute::<ChangeRequest>(),
            request.attribute::<ResponsePort>(),
            request.has(AttributeType::PADDING),
        );
        let ((Ok(change), Ok(port), false) | (Ok(change), Ok(port @ None), true)) = wanted else {
            // RFC 5780 6.1: PADDING and RESPONSE-PORT together would flood somebody.
            let error = ErrorCode::standard(ErrorCode::BAD_REQUEST);
            let length = rules::write_error(&mut buffer, request, error, None)?;
            return Ok(Some((local, from, cut(buffer, length))));
        };
        let other = self.other(local);
        let source = changed(local, other.unwrap_or(local), change);
        let padding = wanted.2.then(|| Padding::new(self.padding));
        let length = MessageWriter::respond(&mut buffer, request, Class::Success)?
            .attribute(&MappedAddress(from))?
            .attribute(&XorMappedAddress(from))?
            .attribute(&ResponseOrigin(source))?
            .optional(other.map(OtherAddress).as_ref())?
            .optional(padding.as_ref())?
            .finish();
        let to = port.map_or(from, |ResponsePort(port)| SocketAddr::new(from.ip(), port));
        Ok(Some((source, to, cut(buffer, length))))
    }
}

/// What a response is sent from (RFC 5780 6.1, table 1).
fn changed(local: SocketAddr, other: SocketAddr, change: Option<ChangeRequest>) -> SocketAddr {
    let ChangeRequest { ip, port } = change.unwrap_or(ChangeRequest { ip: false, port: false });
    SocketAddr::new(if ip { other.ip() } else { local.ip() }, if port { other.port() } else { local.port() })
}

fn cut(mut buffer: Vec<u8>, length: usize) -> Vec<u8> {
    buffer.truncate(length);
    buffer
}

impl Node for StunServer {
    fn handle_datagram(&mut self, _now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let Ok(request) = Message::parse(payload) else { return };
        if request.class() != Class::Request || request.method() != Method::BINDING {
            return;
        }
        let answer = self.answer(local, from, &request).expect("invariant: the buffer holds the answer");
        if let Some((source, to, payload)) = answer {
            self.actions.push_back(Action::Send { from: source, to, payload: payload.into() });
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn handle_bound(&mut self, _now: Instant, _tag: u64, result: Result<SocketAddr, BindError>) {
        self.failure = result.err().or(self.failure);
    }
}

#[cfg(test)]
mod tests;
