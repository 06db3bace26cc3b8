//! What stands behind a base: today a UDP socket of the host, whatever comes later.

use std::{collections::BTreeMap, net::SocketAddr};

use floe_core::{BaseId, ComponentId, Nat64Prefix, StreamId};
use floe_gather::JobId;

use crate::SocketId;

/// What a socket is for.
pub(crate) type Purpose = (StreamId, ComponentId);

/// Names sockets and bases, each once, and knows what they are for.
///
/// ```text
///   ask ──> Asked ──open──> Open ──close──> gone
///             └──refused──> gone
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sockets {
    next_socket: u32,
    next_base: u32,
    all: BTreeMap<SocketId, Socket>,
    by_base: BTreeMap<BaseId, SocketId>,
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    purpose: Purpose,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The driver was asked to bind it.
    Asked(JobId),
    /// It is there, bound to this address; behind a NAT64 of this prefix.
    Open(BaseId, SocketAddr, Option<Nat64Prefix>),
}

impl Sockets {
    /// A name for a socket that is asked for.
    pub(crate) fn ask(&mut self, job: JobId, purpose: Purpose) -> SocketId {
        let socket = self.name_socket();
        self.all.insert(socket, Socket { purpose, state: State::Asked(job) });
        socket
    }

    /// A name for a connection to a server, of which nothing more is known here.
    pub(crate) fn name_socket(&mut self) -> SocketId {
        let socket = SocketId(self.next_socket);
        self.next_socket += 1;
        socket
    }

    /// The socket that was asked for is there, and a base; `None` where nobody asked, or it is open already.
    pub(crate) fn open(
        &mut self,
        socket: SocketId,
        address: SocketAddr,
        nat64: Option<Nat64Prefix>,
    ) -> Option<(JobId, BaseId)> {
        let known = self.all.get_mut(&socket)?;
        let State::Asked(job) = known.state else { return None };
        let base = BaseId(self.next_base);
        self.next_base += 1;
        known.state = State::Open(base, address, nat64);
        self.by_base.insert(base, socket);
        Some((job, base))
    }

    /// A name for a base that is no socket.
    pub(crate) fn name_base(&mut self) -> BaseId {
        let base = BaseId(self.next_base);
        self.next_base += 1;
        base
    }

    /// The address that the socket of a base is bound to.
    pub(crate) fn address(&self, base: BaseId) -> Option<SocketAddr> {
        match self.all.get(self.by_base.get(&base)?)?.state {
            State::Open(_, address, _) => Some(address),
            State::Asked(_) => None,
        }
    }

    /// The prefix of the NAT64 that the socket of a base is behind.
    pub(crate) fn nat64(&self, base: BaseId) -> Option<Nat64Prefix> {
        self.opened(self.socket(base)?)?.1
    }

    /// The socket that was asked for will not come; `None` where nobody asked, or it is open.
    pub(crate) fn refused(&mut self, socket: SocketId) -> Option<JobId> {
        let State::Asked(job) = self.all.get(&socket)?.state else { return None };
        self.all.remove(&socket);
        Some(job)
    }

    /// The socket of the base is not used any more.
    pub(crate) fn close(&mut self, base: BaseId) -> Option<(SocketId, Purpose)> {
        let socket = self.by_base.remove(&base)?;
        let known = self.all.remove(&socket)?;
        Some((socket, known.purpose))
    }

    /// The base of an open socket.
    pub(crate) fn base(&self, socket: SocketId) -> Option<BaseId> {
        self.opened(socket).map(|(base, _)| base)
    }

    /// The same, and the prefix of the NAT64 that it is behind.
    pub(crate) fn opened(&self, socket: SocketId) -> Option<(BaseId, Option<Nat64Prefix>)> {
        match self.all.get(&socket)?.state {
            State::Open(base, _, nat64) => Some((base, nat64)),
            State::Asked(_) => None,
        }
    }

    /// The open socket of a base.
    pub(crate) fn socket(&self, base: BaseId) -> Option<SocketId> {
        self.by_base.get(&base).copied()
    }

    /// What the socket behind this base is for.
    pub(crate) fn purpose(&self, base: BaseId) -> Option<Purpose> {
        self.socket(base).and_then(|socket| self.all.get(&socket)).map(|socket| socket.purpose)
    }

    /// The open socket that serves this purpose already on the IP address of `like`, behind the same NAT64 or none, where
    /// there is one, with its address.
    pub(crate) fn serving(
        &self,
        purpose: Purpose,
        like: SocketAddr,
        nat64: Option<Nat64Prefix>,
    ) -> Option<(BaseId, SocketAddr)> {
        let with_port = |port| {
            let mut address = like;
            address.set_port(port);
            address
        };
        self.all.values().filter(|socket| socket.purpose == purpose).find_map(|socket| match socket.state {
            State::Open(base, address, behind) if with_port(address.port()) == address && behind == nat64 => {
                Some((base, address))
            }
            _ => None,
        })
    }

    pub(crate) fn bases(&self) -> impl Iterator<Item = BaseId> + '_ {
        self.by_base.keys().copied()
    }

    /// Forgets all; gives those that are open. One that was asked for is closed when it comes.
    pub(crate) fn drain(&mut self) -> Vec<SocketId> {
        self.all.clear();
        std::mem::take(&mut self.by_base).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use floe_core::{Generation, Interface, InterfaceAddress};
    use floe_gather::{Action, GatherConfig, Gatherer};
    use rand::{SeedableRng, rngs::ChaCha20Rng};

    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    const RTP: Purpose = (StreamId(0), ComponentId::RTP);
    const RTCP: Purpose = (StreamId(0), ComponentId::RTCP);

    /// Only a gatherer makes job ids.
    fn jobs() -> [JobId; 2] {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let now = Instant::now();
        let address: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let mut gatherer = Gatherer::new(GatherConfig::default(), ChaCha20Rng::seed_from_u64(1));
        gatherer.start(now, Generation(0), &[RTP, RTCP]);
        let addresses = vec![InterfaceAddress::new(address.ip(), 24)];
        gatherer.update_interfaces(now, &[Interface { name: "eth0".into(), index: 2, up: true, addresses }]);
        [(); 2].map(|()| match gatherer.poll_action() {
            Some(Action::Bind { job, .. }) => job,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_socket_is_asked_for_opened_and_closed() {
        let [first, second] = jobs();
        let mut sockets = Sockets::default();
        let (a, b) = (sockets.ask(first, RTP), sockets.ask(second, RTCP));
        assert_eq!(sockets.base(a), None);

        let (job, base) = sockets.open(a, at(5000), None).unwrap();
        assert_eq!((job, sockets.base(a), sockets.socket(base)), (first, Some(base), Some(a)));
        assert_eq!(
            (sockets.open(a, at(5000), None), sockets.refused(a)),
            (None, None),
            "it was answered already"
        );
        assert_eq!(sockets.refused(b), Some(second));

        assert_eq!(sockets.close(base), Some((a, RTP)));
        assert_eq!(
            (sockets.close(base), sockets.base(a), sockets.open(a, at(5000), None)),
            (None, None, None)
        );
        let empty = Sockets { next_socket: 2, next_base: 1, ..Sockets::default() };
        assert_eq!(sockets, empty);
    }

    #[test]
    fn no_name_is_given_twice() {
        let [first, second] = jobs();
        let mut sockets = Sockets::default();
        let a = sockets.ask(first, RTP);
        let (_, base) = sockets.open(a, at(5000), None).unwrap();
        sockets.close(base);
        let b = sockets.ask(second, RTP);
        let (_, other) = sockets.open(b, at(5000), None).unwrap();
        assert!(a != b && base != other);
    }

    #[test]
    fn all_that_is_open_is_closed_at_the_end() {
        let [first, second] = jobs();
        let mut sockets = Sockets::default();
        let (a, b) = (sockets.ask(first, RTP), sockets.ask(second, RTCP));
        sockets.open(a, at(5000), None);
        assert_eq!(sockets.drain(), [a]);
        assert_eq!(sockets.open(b, at(5000), None), None, "nobody waits for it any more");
    }

    #[test]
    fn an_open_socket_is_found_by_what_it_is_for_and_its_ip_address() {
        let [first, second] = jobs();
        let mut sockets = Sockets::default();
        let (a, b) = (sockets.ask(first, RTP), sockets.ask(second, RTCP));
        assert_eq!(sockets.serving(RTP, at(0), None), None, "it is asked for only");
        let (_, base) = sockets.open(a, at(5000), None).unwrap();
        assert_eq!(sockets.serving(RTP, at(0), None), Some((base, at(5000))));
        assert_eq!(sockets.serving(RTCP, at(0), None), None);
        let elsewhere = Some(Nat64Prefix::WELL_KNOWN);
        assert_eq!(sockets.serving(RTP, at(0), elsewhere), None, "another network by now");
        assert_eq!(sockets.serving(RTP, SocketAddr::from(([192, 0, 2, 2], 0)), None), None);
        sockets.open(b, at(5001), None);
        sockets.close(base);
        assert_eq!(sockets.serving(RTP, at(0), None), None);
    }
}
