//! The options of `floe peer`.

use std::{path::PathBuf, time::Duration};

use floe::{Agent, AgentBuilder, Nomination, Role};

use crate::sources::SourceOptions;

/// One ICE agent, driven by JSON lines on standard input and output.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Speak JSON lines on standard input and output; it is the only way there is.
    #[arg(long, required = true)]
    stdio: bool,
    /// The role at the start; a conflict is repaired.
    #[arg(long, value_enum, default_value_t = RoleOption::Controlling)]
    role: RoleOption,
    /// Be a lite agent: answer checks and send none.
    #[arg(long)]
    lite: bool,
    #[command(flatten)]
    sources: SourceOptions,
    /// How to nominate.
    #[arg(long, value_enum, default_value_t = NominationOption::Eager)]
    nomination: NominationOption,
    /// The pacing interval to propose to the peer, in milliseconds: the longer one of both holds, and a peer that is not told
    /// has 50. Hand the field `pacing` of the `credentials` line on.
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(5..=2000))]
    ta: Option<u64>,
    /// How many seconds to wait for candidates that work before failing.
    #[arg(long, value_name = "SECONDS", value_parser = crate::seconds)]
    candidate_timeout: Option<Duration>,
    /// Send every datagram received back on the same component.
    #[arg(long)]
    pub(crate) echo: bool,
    #[command(flatten)]
    later: Later,
}

/// What the protocol has and this version has not: known, so that it is refused by name.
#[derive(Debug, clap::Args)]
struct Later {
    #[arg(long, hide = true)]
    no_udp: bool,
    #[arg(long, hide = true)]
    ice_tcp: bool,
    #[arg(long, hide = true)]
    port_mapping: bool,
    #[arg(long, hide = true)]
    mdns: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    trace: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RoleOption {
    Controlling,
    Controlled,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum NominationOption {
    /// Wait until no better pair is left to try.
    Regular,
    /// Take the best pair that nothing still possible can beat.
    Eager,
    /// Nominate with every check, as old agents do.
    Aggressive,
}

impl Options {
    /// An option that was given and is not there yet: its name and what is missing for it.
    pub(crate) fn unsupported(&self) -> Option<(&'static str, &'static str)> {
        const TCP: &str = "this version knows UDP candidates only";
        let later = &self.later;
        let table = [
            (later.no_udp, "--no-udp", TCP),
            (later.ice_tcp, "--ice-tcp", TCP),
            (later.port_mapping, "--port-mapping", "this version asks no router for a port"),
            (later.mdns, "--mdns", "this version neither registers nor resolves .local names"),
            (later.trace.is_some(), "--trace", "this version writes no event trace"),
        ];
        table.into_iter().find(|(given, ..)| *given).map(|(_, option, missing)| (option, missing))
    }

    /// The settings of the agent.
    pub(crate) fn agent(&self) -> anyhow::Result<AgentBuilder> {
        let mut agent =
            Agent::builder().role(self.role()).lite(self.lite).nomination(match self.nomination {
                NominationOption::Regular => Nomination::Regular,
                NominationOption::Eager => Nomination::Eager,
                NominationOption::Aggressive => Nomination::Aggressive,
            });
        if let Some(ta) = self.ta {
            agent = agent.ta(Duration::from_millis(ta));
        }
        if let Some(patience) = self.candidate_timeout {
            agent = agent.patience(patience);
        }
        self.sources.apply(agent)
    }

    /// The role that the agent begins with.
    pub(crate) const fn role(&self) -> Role {
        match self.role {
            RoleOption::Controlling => Role::Controlling,
            RoleOption::Controlled => Role::Controlled,
        }
    }

    /// How many components there are.
    pub(crate) const fn components(&self) -> u16 {
        self.sources.components
    }
}
