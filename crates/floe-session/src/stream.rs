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
}

#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) description: RemoteDescription,
    pub(crate) since: Instant,
}

impl Stream {
    pub(crate) fn new(local: Credentials, components: u16) -> Self {
        let components = (1..=components.max(1)).filter_map(|id| ComponentId::new(id).ok()).collect();
        Self { local, components, remote: None, early: Vec::new(), ended_early: false }
    }
}
