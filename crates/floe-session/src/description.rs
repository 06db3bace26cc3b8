//! What both sides tell each other through signalling.

use floe_core::{Credentials, IceOptions, Pacing};

/// What this side signals for a stream (RFC 8839 4.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalParameters {
    /// The credentials.
    pub credentials: Credentials,
    /// The options: `ice2`, `trickle` and `renomination`, as far as they apply.
    pub options: IceOptions,
    /// The pacing interval proposed; a lite agent proposes none.
    pub pacing: Option<Pacing>,
    /// Whether it is a lite agent.
    pub lite: bool,
}

/// What the peer signalled for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteDescription {
    /// Its credentials.
    pub credentials: Credentials,
    /// Whether it is a lite agent: then this side controls (RFC 8445 6.1.1).
    pub lite: bool,
    /// Its options.
    pub options: IceOptions,
    /// The pacing interval it proposed; none counts as 50 ms (RFC 8445 14.2), and more than
    /// [2 s](Pacing::MOST_OF_PEER) as that.
    pub pacing: Option<Pacing>,
    /// Its highest component, where signalling tells.
    pub components: Option<u16>,
}

impl RemoteDescription {
    /// A full agent with these credentials that said nothing else.
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials, lite: false, options: IceOptions::new(), pacing: None, components: None }
    }

    /// The same of a lite agent, or not.
    #[must_use]
    pub const fn lite(mut self, lite: bool) -> Self {
        self.lite = lite;
        self
    }

    /// The same with these options.
    #[must_use]
    pub fn options(mut self, options: IceOptions) -> Self {
        self.options = options;
        self
    }

    /// The same with this proposal for the pacing interval.
    #[must_use]
    pub const fn pacing(mut self, pacing: Option<Pacing>) -> Self {
        self.pacing = pacing;
        self
    }

    /// The same with this many components.
    #[must_use]
    pub const fn components(mut self, components: Option<u16>) -> Self {
        self.components = components;
        self
    }
}

impl From<&LocalParameters> for RemoteDescription {
    /// What the peer of that side is to be told: for where both ends are in one program.
    fn from(local: &LocalParameters) -> Self {
        let description = Self::new(local.credentials.clone()).options(local.options.clone());
        description.pacing(local.pacing).lite(local.lite)
    }
}
