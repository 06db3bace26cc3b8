//! What an agent gathers from: the options that several commands share.

use floe::{AgentBuilder, CandidatePolicy};

use crate::servers::ServerOptions;

/// Which addresses and servers candidates come from.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceOptions {
    /// How many components the stream has.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) components: u16,
    /// Gather from this interface only; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Vec<String>,
    /// Make candidates of loopback addresses, too.
    #[arg(long)]
    include_loopback: bool,
    /// Make no candidates of IPv6 addresses.
    #[arg(long)]
    no_ipv6: bool,
    #[command(flatten)]
    pub(crate) servers: ServerOptions,
    /// Which candidates to use.
    #[arg(long, value_enum, default_value_t = PolicyOption::All)]
    policy: PolicyOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PolicyOption {
    /// All there are.
    All,
    /// Relayed ones only.
    Relay,
}

impl SourceOptions {
    /// Gives them to an agent.
    pub(crate) fn apply(&self, agent: AgentBuilder) -> anyhow::Result<AgentBuilder> {
        let mut agent =
            agent.components(self.components).include_loopback(self.include_loopback).ipv6(!self.no_ipv6);
        if !self.interface.is_empty() {
            agent = agent.interfaces(&self.interface);
        }
        if self.policy == PolicyOption::Relay {
            agent = agent.candidates(CandidatePolicy::Relay);
        }
        self.servers.apply(agent)
    }
}
