//! What the application asks for.

use std::time::Instant;

use floe_check::{AddedRemote, RemoteParameters};
use floe_core::{
    Candidate, CandidateAddress, Generation, IceOptions, StreamId, TcpType, Transport,
    address::check_destination,
};

use crate::{
    AddRemoteError, Event, IceState, Output, RemoteDescription, Session, SetRemoteError,
    stream::{Remote, Stream},
};

impl Session {
    /// Begins to gather: wants [`handle_interfaces`](Self::handle_interfaces), before or after, and asks for sockets. A
    /// second call changes nothing.
    pub fn gather(&mut self, now: Instant) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed || std::mem::replace(&mut self.progress.gathering, true) {
            return;
        }
        let components: Vec<_> = self.components().collect();
        self.gatherer.start(now, Generation::default(), &components);
        self.resolve_servers(now);
        self.drive(now);
    }

    /// The peer's description of a stream. Checks begin. Giving the same again changes nothing.
    ///
    /// One with other credentials than before says that the peer restarts the stream (RFC 8445 9): then this side does
    /// so, too, as with [`restart`](Self::restart), and its new [`local`](Self::local) is to be signalled.
    ///
    /// Candidates of the stream that came before are taken now; each that is refused after all is told as an
    /// [`Event::CandidateRefused`].
    ///
    /// # Errors
    /// See [`SetRemoteError`]; nothing has changed then.
    pub fn set_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        description: RemoteDescription,
    ) -> Result<(), SetRemoteError> {
        let now = self.clock.tick(now);
        match self.check_description(stream, &description)? {
            News::None => return Ok(()),
            News::First => {}
            News::Restart => self.restart_streams(now, &[stream]),
        }
        self.describe(now, stream, description);
        self.drive(now);
        Ok(())
    }

    /// Whether this description would begin the stream anew, the peer having restarted.
    #[must_use]
    pub fn is_restart(&self, stream: StreamId, description: &RemoteDescription) -> bool {
        self.check_description(stream, description) == Ok(News::Restart)
    }

    /// What is new about the description.
    fn check_description(&self, id: StreamId, new: &RemoteDescription) -> Result<News, SetRemoteError> {
        if self.state() == IceState::Closed {
            return Err(SetRemoteError::Closed);
        }
        let stream = self.streams.get(&id).ok_or(floe_check::SetRemoteError::UnknownStream(id))?;
        let known = stream.remote.as_ref().map(|remote| &remote.description);
        if let Some(known) = known.filter(|known| known.credentials == new.credentials) {
            // RFC 8445 9: only a restart makes a lite agent of a full one, or the other way round.
            let same = known.lite == new.lite;
            return if same { Ok(News::None) } else { Err(SetRemoteError::Lite(id)) };
        }
        let known = known.map(|known| &known.credentials);
        if new.components == Some(0) {
            return Err(SetRemoteError::NoComponents(id));
        }
        if new.credentials == stream.local {
            return Err(SetRemoteError::Own(id));
        }
        if stream.was_called(new.credentials.ufrag()) {
            return Err(SetRemoteError::Former(id));
        }
        match known {
            None => Ok(News::First),
            // RFC 8839 5.4: one ufrag, one password.
            Some(known) if known.ufrag() == new.credentials.ufrag() => Err(SetRemoteError::SameUfrag(id)),
            Some(_) => Ok(News::Restart),
        }
    }

    fn describe(&mut self, now: Instant, id: StreamId, description: RemoteDescription) {
        // RFC 8445 14.2: the larger pacing interval holds.
        let ta = self.pace.agree(description.pacing);
        self.check.set_ta(ta);
        self.gatherer.set_ta(ta);
        self.take_role_facing(description.lite);
        self.check.set_peer_lite(id, description.lite);
        // draft-thatcher-ice-renomination 3: only where both sides have said that they can.
        // Two lite agents nominate nothing.
        let lite = self.lite && description.lite;
        let renomination =
            self.renomination && !lite && description.options.contains(IceOptions::RENOMINATION);
        self.check.set_renomination(id, renomination);
        self.check.set_ice2(id, description.options.contains(IceOptions::ICE2));
        if self.streams.values().all(|stream| stream.remote.is_none()) {
            self.pace.meet();
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let credentials = description.credentials.clone();
        let parameters = RemoteParameters { credentials, components: description.components };
        stream.remote = Some(Remote { description, since: now });
        // Candidates first: what a check told of in the meantime then finds its candidate there.
        self.add_early(now, id);
        if let Err(why) = self.check.set_remote(now, id, parameters) {
            debug_assert!(false, "the description of {id} was looked at before: {why}");
        }
        if self.streams.get(&id).is_some_and(Stream::is_ended_early) {
            self.check.end_of_remote(now, id);
        }
    }

    /// Takes the candidates that came before the description.
    fn add_early(&mut self, now: Instant, id: StreamId) {
        let early = self.streams.get_mut(&id).map(|stream| std::mem::take(&mut stream.early));
        for candidate in early.unwrap_or_default() {
            let added = self.add_now(now, id, &candidate);
            if let Err(why) = self.count_refusal(added) {
                self.tell(Event::CandidateRefused { stream: id, candidate, why });
            }
        }
    }

    /// A candidate of the peer. One that comes before the description is kept for it, and counts as new.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then.
    pub fn add_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        candidate: Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        let now = self.clock.tick(now);
        let added = self.add(now, stream, candidate);
        self.drive(now);
        self.count_refusal(added)
    }

    /// A name of the peer's that DNS64 has resolved is an address behind the prefix of a NAT64: the peer knows itself by the
    /// one inside.
    fn without_prefix(&self, candidate: Candidate) -> Candidate {
        let inside =
            self.nat64.zip(candidate.socket_addr()).map(|(prefix, address)| prefix.extract_socket(address));
        match inside {
            Some(inside) if candidate.socket_addr() != Some(inside) => candidate.with_address(inside),
            _ => candidate,
        }
    }

    fn add(
        &mut self,
        now: Instant,
        id: StreamId,
        candidate: Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        let max = self.max_early;
        let stream = self.live_stream(id)?;
        if stream.remote.is_some() {
            return self.add_now(now, id, &candidate);
        }
        check_candidate(stream, id, &candidate)?;
        if stream.ended_early.is_some() {
            return Err(floe_check::AddRemoteError::Ended.into());
        }
        if stream.early.contains(&candidate) {
            return Ok(AddedRemote::Duplicate);
        }
        if stream.early.len() >= max {
            return Err(AddRemoteError::TooManyEarly(max));
        }
        stream.early.push(candidate);
        Ok(AddedRemote::New)
    }

    fn add_now(
        &mut self,
        now: Instant,
        id: StreamId,
        candidate: &Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        check_candidate(self.live_stream(id)?, id, candidate)?;
        let candidate = self.without_prefix(candidate.clone());
        let added = self.check.add_remote(now, id, candidate.clone())?;
        if let Some(address) = candidate.socket_addr().filter(|_| added == AddedRemote::New) {
            self.permit(now, (id, candidate.component()), address.ip());
        }
        Ok(added)
    }

    /// The peer has no more candidates for the stream (RFC 8838 14). A repeated notice changes nothing. Where signalling
    /// tells which ufrag of the peer's the notice belongs to, one of another generation than the current one is refused.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then.
    pub fn end_of_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        ufrag: Option<&str>,
    ) -> Result<(), AddRemoteError> {
        let now = self.clock.tick(now);
        let ended = self.end(now, stream, ufrag);
        self.count_refusal(ended)
    }

    fn end(&mut self, now: Instant, id: StreamId, ufrag: Option<&str>) -> Result<(), AddRemoteError> {
        let stream = self.live_stream(id)?;
        check_generation(stream, ufrag)?;
        if stream.remote.is_none() {
            stream.ended_early = Some(ufrag.map(Into::into));
        } else {
            self.check.end_of_remote(now, id);
            self.drive(now);
        }
        Ok(())
    }

    fn live_stream(&mut self, id: StreamId) -> Result<&mut Stream, AddRemoteError> {
        if self.state() == IceState::Closed {
            return Err(AddRemoteError::Closed);
        }
        let unknown = floe_check::AddRemoteError::UnknownStream(id);
        Ok(self.streams.get_mut(&id).ok_or(unknown)?)
    }

    fn count_refusal<T>(&mut self, added: Result<T, AddRemoteError>) -> Result<T, AddRemoteError> {
        if let Err(why) = &added {
            tracing::debug!(%why, "a remote candidate was refused");
            self.tally.refuse(why.refusal());
        }
        added
    }

    /// Ends the session: all sockets are closed, nothing is sent or taken any more.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        self.progress.closed = true;
        self.turn.leave();
        self.routes.clear();
        self.end_relays(now);
        for socket in self.sockets.drain() {
            self.put(Output::Close { socket });
        }
        self.update_state(now);
    }
}

/// What a description says that was not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Nothing.
    None,
    /// It is the first of this generation.
    First,
    /// The peer begins anew.
    Restart,
}

/// What can be said of a candidate without the checks.
fn check_candidate(stream: &Stream, id: StreamId, candidate: &Candidate) -> Result<(), AddRemoteError> {
    let component = candidate.component();
    if !stream.has(component) {
        return Err(floe_check::AddRemoteError::UnknownComponent(id, component.get()).into());
    }
    check_generation(stream, candidate.ufrag())?;
    match candidate.address() {
        CandidateAddress::Mdns { .. } => Err(AddRemoteError::Mdns),
        // RFC 6544 4.5: nobody sends to the port of an active TCP candidate.
        CandidateAddress::Ip(_) if candidate.transport() == Transport::Tcp(TcpType::Active) => Ok(()),
        CandidateAddress::Ip(address) => Ok(check_destination(*address)?),
    }
}

/// RFC 8838 9: what is of another generation than the peer's current one is not for this one.
fn check_generation(stream: &Stream, ufrag: Option<&str>) -> Result<(), AddRemoteError> {
    match (ufrag, stream.remote_ufrag()) {
        (Some(theirs), Some(current)) if theirs != current => {
            Err(AddRemoteError::WrongGeneration { theirs: theirs.into(), current: current.into() })
        }
        (Some(theirs), None) if stream.was_called(theirs) => {
            Err(AddRemoteError::WrongGeneration { theirs: theirs.into(), current: "".into() })
        }
        _ => Ok(()),
    }
}
