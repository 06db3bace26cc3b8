//! The sockets: asked for on ports that chance chooses (RFC 5780 4.1).

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use floe_core::BaseId;
use rand::{RngExt as _, rngs::ChaCha20Rng};

use crate::Action;

/// The ports for sockets without a wish (RFC 6335 6), which NATs treat alike.
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=u16::MAX;

/// How many ports are tried; the last is any.
const TRIES: u32 = 5;

/// A socket and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Socket {
    Asked {
        tries: u32,
    },
    Bound(SocketAddr),
    /// There is none.
    Failed,
}

/// What came of a bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Nothing that was asked for.
    Unasked,
    /// It is there.
    Ready,
    /// Another port is tried.
    Retried,
    /// It will not be.
    Failed(String),
}

/// All sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    sockets: BTreeMap<BaseId, Socket>,
    actions: VecDeque<Action>,
}

impl Sockets {
    /// Asks for a socket.
    pub(crate) fn request(&mut self, base: BaseId, rng: &mut ChaCha20Rng) {
        self.sockets.insert(base, Socket::Asked { tries: 1 });
        self.actions.push_back(Action::Bind { base, port: rng.random_range(PORTS) });
    }

    /// What came of it.
    pub(crate) fn bound(
        &mut self,
        base: BaseId,
        result: Result<SocketAddr, String>,
        rng: &mut ChaCha20Rng,
    ) -> Bound {
        let Some(socket) = self.sockets.get_mut(&base) else {
            // All was over before it was there.
            self.actions.extend(result.is_ok().then_some(Action::Close(base)));
            return Bound::Unasked;
        };
        let Socket::Asked { tries } = *socket else { return Bound::Unasked };
        match result {
            Ok(local) => {
                *socket = Socket::Bound(local);
                Bound::Ready
            }
            Err(_) if tries < TRIES => {
                *socket = Socket::Asked { tries: tries + 1 };
                let port = if tries + 1 == TRIES { 0 } else { rng.random_range(PORTS) };
                self.actions.push_back(Action::Bind { base, port });
                Bound::Retried
            }
            Err(said) => {
                *socket = Socket::Failed;
                Bound::Failed(said)
            }
        }
    }

    /// The address of a socket that is there.
    pub(crate) fn local(&self, base: BaseId) -> Option<SocketAddr> {
        match self.sockets.get(&base) {
            Some(Socket::Bound(local)) => Some(*local),
            _ => None,
        }
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Closes what is there.
    pub(crate) fn close(&mut self) {
        for (base, socket) in std::mem::take(&mut self.sockets) {
            if matches!(socket, Socket::Bound(_)) {
                self.actions.push_back(Action::Close(base));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const BASE: BaseId = BaseId(7);

    #[test]
    fn another_port_is_tried_where_one_cannot_be_had_and_any_at_last() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut sockets = Sockets::default();
        sockets.request(BASE, &mut rng);
        let mut ports = Vec::new();
        let last = loop {
            let Some(Action::Bind { base: BASE, port }) = sockets.poll_action() else { panic!("no bind") };
            ports.push(port);
            match sockets.bound(BASE, Err("in use".to_owned()), &mut rng) {
                Bound::Retried => {}
                other => break other,
            }
        };
        assert_eq!(last, Bound::Failed("in use".to_owned()));
        let (any, chosen) = ports.split_last().unwrap();
        assert_eq!((*any, chosen.len()), (0, 4));
        assert!(chosen.iter().all(|port| PORTS.contains(port)), "{chosen:?}");
        let distinct: std::collections::BTreeSet<_> = chosen.iter().collect();
        assert_eq!(distinct.len(), 4, "{chosen:?}");
    }

    #[test]
    fn only_what_is_there_is_closed_and_nothing_unasked_is_taken() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut sockets = Sockets::default();
        let local: SocketAddr = "192.0.2.1:50000".parse().unwrap();
        assert_eq!(sockets.bound(BASE, Ok(local), &mut rng), Bound::Unasked);
        assert_eq!(sockets.poll_action(), Some(Action::Close(BASE)), "nobody wants it");
        sockets.request(BASE, &mut rng);
        sockets.request(BaseId(8), &mut rng);
        assert_eq!(sockets.bound(BASE, Ok(local), &mut rng), Bound::Ready);
        assert_eq!(sockets.bound(BASE, Ok(local), &mut rng), Bound::Unasked, "it was answered");
        assert_eq!((sockets.local(BASE), sockets.local(BaseId(8))), (Some(local), None));
        while sockets.poll_action().is_some() {}
        sockets.close();
        assert_eq!(sockets.poll_action(), Some(Action::Close(BASE)));
        assert_eq!(sockets.poll_action(), None);
    }
}
