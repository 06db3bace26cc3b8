//! The STUN and TURN servers that a command is given.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use floe::{AgentBuilder, IceServer, ServerKind, ServerUri, SystemNet};

/// What `Debug` does not show.
#[derive(Clone)]
struct Secret(String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Options that name servers; those given first are preferred.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServerOptions {
    /// A STUN server, as `stun:host[:port]`; may be repeated.
    #[arg(long, value_name = "URL")]
    stun: Vec<ServerUri>,
    /// A TURN server, as `turn:host[:port][?transport=udp|tcp]`, or `turns:` for one that is encrypted; may be repeated.
    #[arg(long, value_name = "URL")]
    turn: Vec<ServerUri>,
    /// The user's name on the TURN server of the same place in the line; the last one given holds for the rest.
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    turn_user: Vec<String>,
    /// The password that goes with it. Whoever may list this machine's processes sees it.
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true)]
    turn_password: Vec<Secret>,
    /// Trust the certificates in this PEM file for `turns:`, beside those that the system trusts.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

impl ServerOptions {
    /// The servers, STUN before TURN.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<IceServer>> {
        let mut servers = Vec::new();
        for uri in &self.stun {
            check(uri, ServerKind::Stun)?;
            servers.push(IceServer::new(uri.clone()));
        }
        for (index, uri) in self.turn.iter().enumerate() {
            check(uri, ServerKind::Turn)?;
            let user = self.turn_user.get(index).or(self.turn_user.last());
            let password = self.turn_password.get(index).or(self.turn_password.last());
            let (Some(user), Some(Secret(password))) = (user, password) else {
                bail!("{uri} needs --turn-user and --turn-password");
            };
            servers.push(IceServer::new(uri.clone()).user(user, password));
        }
        if self.turn.len() < self.turn_user.len().max(self.turn_password.len()) {
            bail!("there are more users or passwords than TURN servers");
        }
        Ok(servers)
    }

    /// What the servers are given to an agent with.
    pub(crate) fn apply(&self, agent: AgentBuilder) -> anyhow::Result<AgentBuilder> {
        let agent = agent.servers(self.servers()?);
        let Some(file) = &self.tls_ca else { return Ok(agent) };
        let pem = std::fs::read(file).with_context(|| format!("{}", file.display()))?;
        let net = SystemNet::new().trust(&pem).with_context(|| format!("{}", file.display()))?;
        Ok(agent.net(Arc::new(net)))
    }
}

fn check(uri: &ServerUri, kind: ServerKind) -> anyhow::Result<()> {
    if uri.kind() == kind {
        return Ok(());
    }
    match kind {
        ServerKind::Stun => bail!("{uri} is no STUN server"),
        ServerKind::Turn => bail!("{uri} is no TURN server"),
    }
}
