//! The options of `floe gather`.

use std::time::Duration;

use floe::{Agent, AgentBuilder};

use crate::sources::SourceOptions;

/// List the candidates of this host (RFC 8445 5.1.1), as they come, and what its servers had to say.
///
/// A server that does not answer is given up after 39.5 seconds, so that this is about how long it takes at most. The exit
/// status is 0 where all was gathered and no server failed, 1 where one did or there is no candidate, and 2 for options that
/// cannot be used.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
    /// Print JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop after so many seconds, whatever is still to come.
    #[arg(long, value_name = "SECONDS", value_parser = crate::seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Print the addresses, too, that give no candidate.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Options {
    /// The settings of the agent.
    pub(crate) fn agent(&self) -> anyhow::Result<AgentBuilder> {
        // Nobody shall miss what a server said because many did.
        self.sources.apply(Agent::builder().event_capacity(1 << 16))
    }
}
