//! What is done about an allocation that failed (RFC 8656 7.4), or was lost (RFC 8656 5).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, Candidate, CandidateKind, ServerTransport, StreamId};
use floe_gather::{AllocateError, ServerId, Target};
use floe_stun::redirect::Redirects;
use floe_turn::{Remedy, RequestError};

use super::{Relay, link::Wanted};
use crate::{Session, sockets::Purpose};

/// An allocation that did not live so long is asked for again only after a wait, and a few times: the server may take it back
/// again and again.
const WORTH_RENEWING: Duration = Duration::from_secs(10);

/// The servers that are left alone for a while, also when they are found anew (RFC 5928 3, RFC 8656 7.4).
#[derive(Debug, Default)]
pub(super) struct Blocked(BTreeMap<Place, (Instant, AllocateError)>);

/// A server for one of its users: the quota of one is not that of another.
type Place = (ServerId, SocketAddr, ServerTransport);

impl Blocked {
    fn block(
        &mut self,
        now: Instant,
        (server, target): (ServerId, &Target),
        rest: Duration,
        why: AllocateError,
    ) {
        self.0.retain(|_, (until, _)| *until > now);
        self.0.insert((server, target.address, target.transport), (now + rest, why));
    }

    /// Why the server is not to be asked now.
    pub(super) fn why(&self, now: Instant, server: ServerId, target: &Target) -> Option<&AllocateError> {
        let (until, why) = self.0.get(&(server, target.address, target.transport))?;
        (*until > now).then_some(why)
    }
}

/// How often a lost allocation is asked for in vain, and how long is waited after the first time; it doubles. That makes half a
/// minute, and by then the peer's consent is over (RFC 7675 5.1).
const MAX_FAILURES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The components that have lost a relay, and ask for another in its place.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    open: BTreeMap<Lost, Renewal>,
    /// How many in a row were lost that had not lived long.
    short: BTreeMap<Lost, u32>,
}

/// Which relay was lost: the component's by this server from this socket.
type Lost = (Purpose, BaseId, ServerId);

#[derive(Debug)]
struct Renewal {
    failures: u32,
    /// When it is asked for again; `None` while it is asked for.
    again_at: Option<Instant>,
}

impl Renewals {
    pub(crate) fn has(&self, purpose: Purpose) -> bool {
        self.open.keys().any(|lost| lost.0 == purpose)
    }

    /// From which sockets they ask.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BaseId> + '_ {
        self.open.keys().map(|&(_, socket, _)| socket)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.open.values().filter_map(|renewal| renewal.again_at).min()
    }

    /// Those whose time has come.
    fn due(&mut self, now: Instant) -> Vec<Lost> {
        let due = |renewal: &mut Renewal| renewal.again_at.take_if(|at| *at <= now).is_some();
        self.open.iter_mut().filter_map(|(&lost, renewal)| due(renewal).then_some(lost)).collect()
    }

    /// This stream begins anew.
    pub(crate) fn forget(&mut self, stream: StreamId) {
        self.open.retain(|((of, _), ..), _| *of != stream);
        self.short.retain(|((of, _), ..), _| *of != stream);
    }

    /// A relay was lost that had lived long, or not. How many in a row have not.
    fn note_lost(&mut self, lost: Lost, lived: bool) -> u32 {
        if lived {
            self.short.remove(&lost);
            return 0;
        }
        let short = self.short.entry(lost).or_default();
        *short = short.saturating_add(1);
        *short
    }
}

/// What an allocation has been through.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    /// The servers that sent it on, and to where.
    redirects: Redirects,
    /// From how many ports it was asked for there.
    ports: u32,
    /// Whether it is asked for an address of the other family than its own.
    pub(super) other_family: bool,
}

impl Tried {
    pub(super) fn new(now: Instant, target: &Target) -> Self {
        Self {
            redirects: Redirects::new(now, target.address, target.name.as_deref()),
            ports: 1,
            other_family: false,
        }
    }
}

impl Session {
    /// An allocation failed: it is asked for elsewhere, or the gatherer is told.
    pub(super) fn allocate_failed(&mut self, now: Instant, mut wanted: Wanted, why: &RequestError) {
        match (why.remedy(), why) {
            (Remedy::OtherServer, RequestError::TryAlternate { server, domain, authenticated }) => {
                match wanted.tried.redirects.go_on(now, *server, domain.as_deref(), *authenticated) {
                    Ok(next) => {
                        tracing::info!(server = %wanted.server, "it names another server");
                        let target = Target::new(next.server, wanted.target.transport).name(next.domain);
                        wanted.tried.ports = 1;
                        self.ask(now, &Wanted { target, ..wanted });
                    }
                    Err(circle) => self.give_up(now, &wanted, AllocateError::Redirect(circle)),
                }
            }
            // RFC 8656 7.4: of the other family, where nothing else was tried before.
            (Remedy::OtherFamily, _) if !wanted.tried.other_family => {
                wanted.tried.other_family = true;
                self.ask(now, &wanted);
            }
            (Remedy::OtherPort { tries, .. }, _) if wanted.tried.ports < tries => {
                wanted.tried.ports += 1;
                // A connection has a port of its own, even over UDP.
                self.ask_by_connection(now, &wanted);
            }
            (Remedy::OtherPort { rest, .. } | Remedy::After(rest), _) => {
                self.relays.blocked.block(now, (wanted.server, &wanted.target), rest, refusal(why));
                self.give_up(now, &wanted, refusal(why));
            }
            _ => self.give_up(now, &wanted, refusal(why)),
        }
    }

    /// RFC 8656 5: what the server has forgotten is asked for anew. The candidate is another one: it is signalled where that
    /// may still be done, and otherwise the peer learns it from the checks.
    pub(super) fn renew(&mut self, now: Instant, lost: &Relay) {
        let lived = lost.since.is_some_and(|since| now.saturating_duration_since(since) >= WORTH_RENEWING);
        let renewals = &mut self.relays.renewals;
        let key = (lost.purpose, lost.parent, lost.server);
        // What came in its place before, and is lost again, is not waited for any more.
        renewals.open.remove(&key);
        let again_at = match renewals.note_lost(key, lived) {
            0 if self.gatherer.renew(now, lost.parent, lost.server) => None,
            short @ 1..=MAX_FAILURES => Some(now + FIRST_WAIT * 2_u32.pow(short - 1)),
            _ => return,
        };
        renewals.open.insert(key, Renewal { failures: 0, again_at });
    }

    /// A relay of this component has come, in place of one that was lost, if this candidate is it.
    pub(crate) fn renewed_by(&mut self, purpose: Purpose, candidate: &Candidate) {
        if candidate.kind() != CandidateKind::Relayed {
            return;
        }
        let gatherer = &self.gatherer;
        let is_here = |&(of, parent, server): &Lost, renewal: &Renewal| {
            of == purpose && renewal.again_at.is_none() && !gatherer.is_asking(parent, server)
        };
        let before = self.relays.renewals.open.len();
        self.relays.renewals.open.retain(|lost, renewal| !is_here(lost, renewal));
        if self.relays.renewals.open.len() < before {
            self.note_renewal_over(purpose);
        }
    }

    /// It will not come.
    fn give_up_renewal(&mut self, lost: Lost) {
        if self.relays.renewals.open.remove(&lost).is_some() {
            self.note_renewal_over(lost.0);
        }
    }

    fn note_renewal_over(&mut self, purpose: Purpose) {
        if let Some(why) = self.progress.loss.clone() {
            self.note_cut_off(purpose, why);
        }
    }

    /// Nothing can be asked for any more from a socket that is gone.
    pub(crate) fn forget_renewals_of(&mut self, socket: BaseId) {
        self.relays.renewals.open.retain(|(_, parent, _), _| *parent != socket);
        self.relays.renewals.short.retain(|(_, parent, _), _| *parent != socket);
    }

    /// It has not come from here. A server that was restarted takes its time.
    pub(crate) fn not_renewed(&mut self, now: Instant, purpose: Purpose, server: ServerId) {
        let gatherer = &self.gatherer;
        // Another of its places is asked now, or it is another socket's failure.
        let failed = |&(of, parent, by): &Lost, renewal: &Renewal| {
            (of, by) == (purpose, server) && renewal.again_at.is_none() && !gatherer.is_asking(parent, by)
        };
        let mut over = Vec::new();
        for (&lost, renewal) in &mut self.relays.renewals.open {
            if !failed(&lost, renewal) {
                continue;
            }
            if renewal.failures < MAX_FAILURES {
                renewal.again_at = Some(now + FIRST_WAIT * 2_u32.pow(renewal.failures));
                renewal.failures += 1;
            } else {
                over.push(lost);
            }
        }
        over.into_iter().for_each(|lost| self.give_up_renewal(lost));
    }

    /// Asks again for what has not come.
    pub(crate) fn renew_again(&mut self, now: Instant) {
        for lost in self.relays.renewals.due(now) {
            let (_, parent, server) = lost;
            if !self.gatherer.renew(now, parent, server) {
                self.give_up_renewal(lost);
            }
        }
    }

    fn give_up(&mut self, now: Instant, wanted: &Wanted, why: AllocateError) {
        self.gatherer.allocated(now, wanted.job, Err(why));
    }

    /// Asks for an allocation from the socket of the host, or over a connection of its own.
    pub(super) fn ask(&mut self, now: Instant, wanted: &Wanted) {
        if let Some(why) = self.relays.blocked.why(now, wanted.server, &wanted.target).cloned() {
            return self.give_up(now, wanted, why);
        }
        if wanted.target.transport != ServerTransport::Udp {
            return self.ask_by_connection(now, wanted);
        }
        if let Err(why) = self.open_client(now, wanted.parent, wanted) {
            self.give_up(now, wanted, why);
        }
    }

    fn ask_by_connection(&mut self, now: Instant, wanted: &Wanted) {
        if let Err(why) = self.connect(wanted.clone()) {
            self.give_up(now, wanted, why);
        }
    }
}

/// The failure as gathering sees it.
fn refusal(why: &RequestError) -> AllocateError {
    match why {
        RequestError::QuotaReached | RequestError::InsufficientCapacity => AllocateError::Capacity,
        RequestError::TimedOut => AllocateError::Silent,
        RequestError::IntegrityViolated => AllocateError::Forged,
        RequestError::Refused(refusal) => AllocateError::Credentials(refusal.clone()),
        RequestError::WrongCredentials => AllocateError::OtherCredentials,
        RequestError::StaleNonce => AllocateError::StaleNonce,
        RequestError::AllocationMismatch => AllocateError::PortTaken,
        RequestError::AddressFamilyNotSupported => AllocateError::NoFamily,
        RequestError::OtherFamily => AllocateError::OtherFamily,
        RequestError::Malformed => AllocateError::Malformed,
        RequestError::ConnectionBroken(_) => AllocateError::Connection(why.to_string()),
        other => AllocateError::Other(other.to_string()),
    }
}
