//! What the session keeps of a stream beside its check list.

use std::{collections::VecDeque, time::Instant};

use floe_core::{Candidate, ComponentId, Credentials, Generation};

use crate::RemoteDescription;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) local: Credentials,
    pub(crate) components: Vec<ComponentId>,
    pub(crate) remote: Option<Remote>,
    /// Candidates that came before the description, in order.
    pub(crate) early: Vec<Candidate>,
    /// The end of candidates came before the description, and named this ufrag or none.
    pub(crate) ended_early: Option<Option<Box<str>>>,
    /// Whether a component lost its last socket, or consent on its last valid pair, after its pair was selected: nothing
    /// can come any more.
    pub(crate) cut_off: bool,
    /// Counts the restarts.
    pub(crate) generation: Generation,
    /// The ufrags that the peer had before, the latest last: a description with one of them comes too late.
    former: VecDeque<Box<str>>,
}

/// How many of the peer's former ufrags are remembered.
const FORMER: usize = 8;

#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) description: RemoteDescription,
    pub(crate) since: Instant,
}

impl Stream {
    /// With 1 to 256 components.
    pub(crate) fn new(local: Credentials, components: u16) -> Self {
        let components = (1..=components.max(1)).filter_map(|id| ComponentId::new(id).ok()).collect();
        Self {
            local,
            components,
            remote: None,
            early: Vec::new(),
            ended_early: None,
            cut_off: false,
            generation: Generation::default(),
            former: VecDeque::new(),
        }
    }

    /// Begins anew with these credentials (RFC 8445 9); what is known of the peer is void.
    pub(crate) fn restart(&mut self, local: Credentials) {
        if let Some(remote) = self.remote.take() {
            self.former.push_back(remote.description.credentials.ufrag().into());
            if self.former.len() > FORMER {
                self.former.pop_front();
            }
        }
        self.local = local;
        self.early.clear();
        self.ended_early = None;
        self.cut_off = false;
        self.generation = self.generation.next();
    }

    /// Whether the peer was called so before a restart.
    pub(crate) fn was_called(&self, ufrag: &str) -> bool {
        self.former.iter().any(|former| &**former == ufrag)
    }

    /// Whether both sides have this component, as far as is known.
    pub(crate) fn has(&self, component: ComponentId) -> bool {
        let highest = self.remote.as_ref().and_then(|remote| remote.description.components);
        self.components.contains(&component) && highest.is_none_or(|highest| component.get() <= highest)
    }

    /// Whether the end of candidates that came early is that of the description's generation.
    pub(crate) fn is_ended_early(&self) -> bool {
        match &self.ended_early {
            None => false,
            Some(None) => true,
            Some(Some(ufrag)) => self.remote_ufrag() == Some(&**ufrag),
        }
    }

    /// The ufrag of the peer, once it is known.
    pub(crate) fn remote_ufrag(&self) -> Option<&str> {
        self.remote.as_ref().map(|remote| remote.description.credentials.ufrag())
    }
}
