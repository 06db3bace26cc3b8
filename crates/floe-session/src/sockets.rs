//! What stands behind a base: today a UDP socket of the host, whatever comes later.

use std::collections::BTreeMap;

use floe_core::BaseId;
use floe_gather::JobId;

use crate::SocketId;

/// Names sockets and knows what they are for.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    next: u32,
    binding: BTreeMap<SocketId, JobId>,
    bases: BTreeMap<SocketId, BaseId>,
    sockets: BTreeMap<BaseId, SocketId>,
}

impl Sockets {
    /// A name for a socket that is asked for.
    pub(crate) fn ask(&mut self, job: JobId) -> SocketId {
        let socket = SocketId(self.next);
        self.next += 1;
        self.binding.insert(socket, job);
        socket
    }

    /// What a socket was asked for; `None` where nobody waits for it.
    pub(crate) fn answered(&mut self, socket: SocketId) -> Option<JobId> {
        self.binding.remove(&socket)
    }

    /// The socket is there, and a base.
    pub(crate) fn open(&mut self, socket: SocketId) -> BaseId {
        let base = BaseId(socket.0);
        self.bases.insert(socket, base);
        self.sockets.insert(base, socket);
        base
    }

    /// The socket of the base is not used any more.
    pub(crate) fn close(&mut self, base: BaseId) -> Option<SocketId> {
        let socket = self.sockets.remove(&base)?;
        self.bases.remove(&socket);
        Some(socket)
    }

    pub(crate) fn base(&self, socket: SocketId) -> Option<BaseId> {
        self.bases.get(&socket).copied()
    }

    pub(crate) fn socket(&self, base: BaseId) -> Option<SocketId> {
        self.sockets.get(&base).copied()
    }

    pub(crate) fn bases(&self) -> impl Iterator<Item = BaseId> + '_ {
        self.sockets.keys().copied()
    }

    /// All sockets, those still asked for among them.
    pub(crate) fn drain(&mut self) -> Vec<SocketId> {
        let asked = std::mem::take(&mut self.binding).into_keys();
        let open = std::mem::take(&mut self.bases).into_keys();
        self.sockets.clear();
        asked.chain(open).collect()
    }
}
