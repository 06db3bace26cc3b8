//! Lite agents, on this side and on the other (RFC 8445 6.1.1, 8.2, 12.1.1).

use std::{collections::BTreeSet, time::Instant};

use floe_check::{Agreed, ReconcileError};
use floe_core::{PairId, Role, StreamId};

use crate::{Event, IceState, Session, sockets::Purpose};

impl Session {
    /// RFC 8445 6.1.1: of a full and a lite agent the full one controls, also where a restart has made them so. Two of a
    /// kind keep the roles they have.
    pub(crate) fn take_role_facing(&mut self, peer_lite: bool) {
        if self.lite != peer_lite {
            self.check.set_role(Role::at_start(true, self.lite, peer_lite));
        }
    }

    /// RFC 8445 12.1.1: a lite agent sends nothing on a stream until each component of it has a valid pair.
    pub(crate) fn may_begin(&self, stream: StreamId) -> bool {
        let has_valid = |(stream, component): Purpose| !self.check.valid(stream, component).is_empty();
        !self.lite || self.components_of(stream).all(has_valid)
    }

    /// The components whose route may have changed with these: on a lite agent those of the whole stream.
    pub(crate) fn with_siblings(&self, touched: BTreeSet<Purpose>) -> BTreeSet<Purpose> {
        if !self.lite {
            return touched;
        }
        let siblings = touched.iter().flat_map(|(stream, _)| self.components_of(*stream));
        // Those that the peer has given up are not among these.
        siblings.chain(touched.iter().copied()).collect()
    }

    /// The paths that a peer may still nominate where it has said that it can do so more than once. It keeps them warm by
    /// its checks; here they are not valid.
    pub(crate) fn kept_for_peer(&self) -> Vec<PairId> {
        let pairs = self.check.pairs().filter(|_| self.lite);
        let kept = pairs
            .filter(|pair| self.check.may_renominate(pair.stream) && pair.counters.requests_received > 0);
        kept.map(|pair| pair.id).collect()
    }

    /// What this side has chosen, to be told to the peer.
    pub(crate) fn tell_undecided(&mut self, stream: StreamId) {
        let chosen = self.components_of(stream).filter_map(|of| self.chosen(of)).collect();
        self.tell(Event::Undecided { stream, chosen });
    }

    fn chosen(&self, (stream, component): Purpose) -> Option<Agreed> {
        let view = self.check.describe(self.check.valid(stream, component).first()?.id)?;
        let (local, remote) = (view.local.socket_addr()?, view.remote.socket_addr()?);
        Some(Agreed { component, local, remote })
    }

    /// Between two lite agents with several possible pairs: the updated candidate exchange has come to these, one for
    /// each component (RFC 8445 8.2). The side that was told [`Event::Undecided`] calls it when the peer has answered, the
    /// other one when the update comes, in SDP the offer with `remote-candidates` (RFC 8839 4.4.2.2), and then answers.
    /// With that the stream is completed. The same again changes nothing.
    ///
    /// # Errors
    /// See [`ReconcileError`]; nothing has changed then. A closed session has no stream.
    pub fn reconcile(
        &mut self,
        now: Instant,
        stream: StreamId,
        agreed: &[Agreed],
    ) -> Result<(), ReconcileError> {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return Err(ReconcileError::UnknownStream(stream));
        }
        self.check.reconcile(now, stream, agreed)?;
        self.drive(now);
        Ok(())
    }
}
