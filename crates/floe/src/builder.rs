//! Building an agent.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use floe_core::{ComponentId, Role, ServerTransport};
use floe_net::{Net, SystemNet};
use floe_session::{
    CandidatePolicy, GatherConfig, IceServer, Nomination, Policy, Session, SessionConfig, SharedPace,
    StreamConfig,
};
use tokio::sync::{Notify, mpsc, watch};
use tracing::Instrument as _;

use crate::{
    Agent, BuildError,
    activity::Activity,
    connection::Component,
    driver::{Driver, Publisher, STREAM, Subscribers},
    inbox::Inbox,
    path::Snapshot,
};

/// The shortest pacing interval there may be (RFC 8445 14.2).
const MIN_TA: Duration = Duration::from_millis(5);
/// How many commands of handles wait for the driver; past that a handle waits.
const COMMANDS: usize = 64;

/// RFC 8445 14.2: all agents of the process together start one transaction in 5 ms.
static PACE: LazyLock<SharedPace> = LazyLock::new(|| SharedPace::new(Instant::now()));

/// Settings of an [`Agent`]. The defaults are those of the RFCs, and gather all host candidates there are but loopback.
#[must_use]
pub struct AgentBuilder {
    role: Role,
    lite: bool,
    components: u16,
    nomination: Nomination,
    policy: Option<Box<dyn Policy>>,
    renomination: bool,
    gather: GatherConfig,
    servers: Vec<IceServer>,
    transports: Vec<ServerTransport>,
    ta: Option<Duration>,
    shared_pace: Option<SharedPace>,
    patience: Option<Duration>,
    liveness: bool,
    net: Option<Arc<dyn Net>>,
    seed: Option<[u8; 32]>,
    inbox_capacity: usize,
    event_capacity: usize,
}

impl AgentBuilder {
    pub(crate) fn new() -> Self {
        Self {
            role: Role::Controlling,
            lite: false,
            components: 1,
            nomination: Nomination::Eager,
            policy: None,
            renomination: true,
            gather: GatherConfig::default(),
            servers: Vec::new(),
            transports: ServerTransport::ALL.to_vec(),
            ta: None,
            shared_pace: None,
            patience: None,
            liveness: true,
            net: None,
            seed: None,
            inbox_capacity: 1024,
            event_capacity: 1024,
        }
    }

    /// The role at the start (RFC 8445 6.1.1): the agent that initiates controls. A conflict is repaired. Default:
    /// controlling.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Whether this is a lite agent (RFC 8445 2.5), for hosts that everybody can reach: it answers checks and sends none, and
    /// a full peer always controls it. It does not notice that the peer is gone, and never fails by itself: watch for
    /// silence yourself. Default: no.
    pub fn lite(mut self, lite: bool) -> Self {
        self.lite = lite;
        self
    }

    /// How many components the stream has: 1, or 2 where RTCP is not multiplexed with RTP. Default: 1.
    pub fn components(mut self, components: u16) -> Self {
        self.components = components;
        self
    }

    /// How the controlling agent nominates (RFC 8445 8.1.1). Default: eager.
    pub fn nomination(mut self, nomination: Nomination) -> Self {
        self.nomination = nomination;
        self
    }

    /// A nomination policy of your own; it takes the place of [`nomination`](Self::nomination).
    pub fn policy(mut self, policy: impl Policy + 'static) -> Self {
        self.policy = Some(Box::new(policy));
        self
    }

    /// Whether the selection may move to another pair that is really better, where the peer can do so as well
    /// (draft-thatcher-ice-renomination). A connection stays what it is when its pair changes. Default: yes.
    pub fn renomination(mut self, renomination: bool) -> Self {
        self.renomination = renomination;
        self
    }

    /// A STUN or TURN server; those that are given first are preferred. Each is asked from every address that can reach it,
    /// and none waits for another. Default: none, so that there are host candidates only.
    ///
    /// ```
    /// use floe::{Agent, IceServer};
    ///
    /// # fn build() -> Result<Agent, Box<dyn std::error::Error>> {
    /// let agent = Agent::builder()
    ///     .server(IceServer::new("stun:stun.example.org".parse()?))
    ///     .server(IceServer::new("turn:turn.example.org".parse()?).user("ann", "secret"))
    ///     .server(IceServer::new("turns:turn.example.org:443?transport=tcp".parse()?).user("ann", "secret"))
    ///     .build()?;
    /// # Ok(agent)
    /// # }
    /// ```
    pub fn server(mut self, server: IceServer) -> Self {
        self.servers.push(server);
        self
    }

    /// Several of them.
    pub fn servers(mut self, servers: impl IntoIterator<Item = IceServer>) -> Self {
        self.servers.extend(servers);
        self
    }

    /// What the servers of URIs may be reached by, the best first; a URI that asks for anything else gives nothing, and STUN
    /// servers need UDP. Default: UDP, TCP, TLS, DTLS.
    pub fn server_transports(mut self, transports: impl IntoIterator<Item = ServerTransport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// Which candidates the peer is told of (RFC 8445 19.1): with [`CandidatePolicy::Relay`] it learns no address of this
    /// host nor of its NATs, and everything goes over TURN servers. Default: all.
    pub fn candidates(mut self, policy: CandidatePolicy) -> Self {
        self.gather = self.gather.policy(policy);
        self
    }

    /// Gathers from the interfaces of these names only, also from those of them that come later. Default: from all.
    pub fn interfaces<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.gather.interfaces = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether loopback addresses become candidates, which RFC 8445 5.1.1.1 forbids but for tests on one host.
    /// Default: no.
    pub fn include_loopback(mut self, include: bool) -> Self {
        self.gather.include_loopback = include;
        self
    }

    /// Whether loopback addresses become candidates where the host has no other usable address. Default: no.
    pub fn loopback_if_alone(mut self, include: bool) -> Self {
        self.gather.loopback_if_alone = include;
        self
    }

    /// Whether IPv6 addresses become candidates. Default: yes.
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.gather.ipv6 = ipv6;
        self
    }

    /// The pacing interval Ta: at most one new check in this time (RFC 8445 14.2), at least 5 ms. The longer one of both
    /// agents holds, and a peer that names none has 50 ms: tell it yours, and
    /// [its own](floe_session::RemoteDescription::pacing) to the agent. Default: 50 ms.
    pub fn ta(mut self, ta: Duration) -> Self {
        self.ta = Some(ta);
        self
    }

    /// The pace that this agent shares with others. Default: one of the whole process, so that all its agents together
    /// start one transaction in 5 ms (RFC 8445 14.2). One of its own is for tests that must be repeatable, whatever else
    /// runs in the process.
    pub fn shared_pace(mut self, pace: SharedPace) -> Self {
        self.shared_pace = Some(pace);
        self
    }

    /// How long after both descriptions are known the agent waits for further candidates before it fails (RFC 8863 4).
    /// Default: 39.5 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Whether the agent notices that nothing comes back while data is sent: it is
    /// [disconnected](floe_session::IceState::Disconnected) then, within three round trips and 500 ms, until something is
    /// heard; data goes on being sent. Where data goes one way only, probes of the path show that it works: a few small
    /// datagrams a second. Default: yes.
    pub fn liveness(mut self, liveness: bool) -> Self {
        self.liveness = liveness;
        self
    }

    /// The network to use. Default: the operating system's, [`SystemNet`]. That is where sizes of buffers and the mark of
    /// datagrams ([`Dscp`](crate::Dscp)) are set, and whether interfaces are watched ([`SystemNet::watch`]).
    pub fn net(mut self, net: Arc<dyn Net>) -> Self {
        self.net = Some(net);
        self
    }

    /// How many datagrams wait, for each component, to be received; what comes in past that is dropped and counted.
    /// There are never more than 4 MiB. Default: 1,024.
    pub fn inbox_capacity(mut self, datagrams: usize) -> Self {
        self.inbox_capacity = datagrams.max(1);
        self
    }

    /// How many events each stream of events holds; see [`Events`](crate::Events) for what is left out past that.
    /// Default: 1,024.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events.max(1);
        self
    }

    /// Draws all secrets from this seed, for tests that must be repeatable. Whoever knows the seed knows the password:
    /// leave it out, and the operating system's randomness is used.
    pub fn insecure_seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Builds the agent and starts its task on the current tokio runtime, whose IO and time drivers must be enabled. It
    /// does nothing on the network yet: [`Agent::gather`] does.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Agent, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let ids = component_ids(self.components)?;
        if let Some(ta) = self.ta.filter(|ta| *ta < MIN_TA) {
            return Err(BuildError::Ta(ta));
        }
        let subscribers = Arc::new(Subscribers::new(self.event_capacity));
        let sending = Arc::new(Notify::new());
        let components: Vec<_> =
            ids.into_iter().map(|id| component(id, self.inbox_capacity, Arc::clone(&sending))).collect();
        let shared = components.iter().map(|(component, _)| Arc::clone(component)).collect();
        let net = self.net.clone().unwrap_or_else(|| Arc::new(SystemNet::new()));
        let session = Session::new(self.session()?);
        let local = session.local(STREAM).expect("invariant: the session has the stream it was made with");
        let (commands, received) = mpsc::channel(COMMANDS);
        let ufrag = local.credentials.ufrag().to_owned();
        let (renewed, local) = watch::channel(Arc::new(local));
        let publisher = Publisher::new(Arc::clone(&subscribers), renewed, components);
        // The fragment is no secret: every check carries it in the clear.
        let span = tracing::info_span!("agent", ufrag);
        runtime.spawn(Driver::new(session, net, received, sending, publisher).run().instrument(span));
        Ok(Agent::new(local, shared, subscribers, commands))
    }

    fn session(self) -> Result<SessionConfig, BuildError> {
        let mut seed = self.seed.unwrap_or_default();
        if self.seed.is_none() {
            getrandom::fill(&mut seed)?;
        }
        let mut config = SessionConfig::new(seed)
            .role(self.role)
            .lite(self.lite)
            .streams(vec![StreamConfig { components: self.components }])
            .gather(self.gather)
            .servers(self.servers)
            .transports(self.transports)
            .nomination(self.nomination)
            .renomination(self.renomination)
            .liveness(self.liveness)
            .shared_pace(self.shared_pace.unwrap_or_else(|| PACE.clone()));
        config.policy = self.policy;
        make_room(&mut config, usize::from(self.components));
        config.ta = self.ta.unwrap_or(config.ta);
        config.patience = self.patience.unwrap_or(config.patience);
        Ok(config)
    }
}

/// The usual limits are for a component or two. With so many that each would get next to nothing, they grow with them.
fn make_room(config: &mut SessionConfig, components: usize) {
    let grow = |limit: &mut usize, each: usize| *limit = (*limit).max(each * components);
    grow(&mut config.gather.max_candidates, 8);
    grow(&mut config.max_remote_candidates, 8);
    grow(&mut config.max_peer_reflexive, 4);
    grow(&mut config.max_pairs, 16);
}

fn component_ids(count: u16) -> Result<Vec<ComponentId>, BuildError> {
    if count == 0 {
        return Err(BuildError::Components(count));
    }
    (1..=count).map(ComponentId::new).collect::<Result<_, _>>().map_err(|_| BuildError::Components(count))
}

fn component(
    id: ComponentId,
    inbox_capacity: usize,
    sending: Arc<Notify>,
) -> (Arc<Component>, watch::Sender<Snapshot>) {
    let (sender, snapshot) = watch::channel(Snapshot::default());
    let (inbox, activity) = (Inbox::new(inbox_capacity), Activity::new(sending));
    (Arc::new(Component { id, snapshot, inbox, activity }), sender)
}

impl fmt::Debug for AgentBuilder {
    /// Without the seed, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentBuilder")
            .field("role", &self.role)
            .field("lite", &self.lite)
            .field("components", &self.components)
            .field("nomination", &self.nomination)
            .field("gather", &self.gather)
            .finish_non_exhaustive()
    }
}
