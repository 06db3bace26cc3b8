//! What the session keeps of a stream beside its check list.

use std::time::Instant;

use floe_core::{Candidate, ComponentId, Credentials};

use crate::RemoteDescription;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) local: Credentials,
    pub(crate) components: Vec<ComponentId>,
    pub(crate) remote: Option<Remote>,
    /// Candidates that came before the description, in order.
    pub(crate) early: Vec<Candidate>,
    /// Whether the end of candidates came before the description.
    pub(crate) ended_early: bool,
    /// Whether a component lost its last socket, or consent on its last valid pair, after its pair was selected: nothing
    /// can come any more.
    pub(crate) cut_off: bool,
}

#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) description: RemoteDescription,
    pub(crate) since: Instant,
}

impl Stream {
    /// With 1 to 256 components.
    pub(crate) fn new(local: Credentials, components: u16) -> Self {
        let components = (1..=components.max(1)).filter_map(|id| ComponentId::new(id).ok()).collect();
        Self { local, components, remote: None, early: Vec::new(), ended_early: false, cut_off: false }
    }

    /// Whether both sides have this component, as far as is known.
    pub(crate) fn has(&self, component: ComponentId) -> bool {
        let highest = self.remote.as_ref().and_then(|remote| remote.description.components);
        self.components.contains(&component) && highest.is_none_or(|highest| component.get() <= highest)
    }

    /// The ufrag of the peer, once it is known.
    pub(crate) fn remote_ufrag(&self) -> Option<&str> {
        self.remote.as_ref().map(|remote| remote.description.credentials.ufrag())
    }
}
