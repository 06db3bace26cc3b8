//! What the host has, compared with what is in use (RFC 8445 5.1.1.1, 5.1.1.4).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use floe_core::{BaseId, StreamId, Transport};

use crate::{
    Action, Event, GatherConfig, GatherError, Gatherer,
    filter::sift,
    job::{Job, State, Task},
    order::order,
    place::{Place, Usable},
    round::{Base, Round},
    shared::{Shared, Taken},
};

/// The addresses of the host that give no candidate, each on an interface, and why.
pub(crate) type Refused = BTreeMap<(Place, Box<str>), GatherError>;

impl Gatherer {
    /// Compares what the host has with what is in use.
    pub(crate) fn review(&mut self, now: Instant) {
        let Some(interfaces) = self.interfaces.take() else { return };
        self.void_vanished(&Place::all(&interfaces));
        if !self.rounds.is_empty() {
            let sifted = sift(&self.shared.config, &interfaces, &mut self.shields);
            self.forget_refused(&sifted.usable);
            let mut refused = sifted.refused;
            let ordered = order(sifted.usable);
            if self.is_gathering() {
                self.rank(&ordered);
            }
            self.take_up(now, &ordered);
            self.note_left_out(&ordered, &mut refused);
            self.tell_appeared(&ordered);
            self.tell_refused(refused);
            self.rounds.values_mut().for_each(|round| round.advance(&mut self.shared));
        }
        self.interfaces = Some(interfaces);
    }

    /// RFC 8445 5.1.1.4: what stands on an address that is gone is void.
    fn void_vanished(&mut self, present: &BTreeSet<Place>) {
        let lost = |(_, _, base): &mut (StreamId, BaseId, Base)| !present.contains(&base.place);
        let mut gone: Vec<_> = self.former.extract_if(.., lost).collect();
        for round in self.rounds.values_mut() {
            gone.extend(round.void_vanished(present, &mut self.shared));
        }
        self.shared.ledger.places.retain(|place, _| present.contains(place));
        self.appeared.retain(|place| present.contains(place));
        let mut told = BTreeSet::new();
        for (stream, id, base) in gone.into_iter().filter(|(_, id, _)| told.insert(*id)) {
            let (component, address) = (base.component, base.address);
            self.shared.out.events.push_back(Event::Vanished { stream, component, base: id, address });
        }
    }

    /// What is not told yet of an address that must not be used by now is forgotten. What is told stays: the peer
    /// knows it already, and the address still works.
    fn forget_refused(&mut self, usable: &[Usable]) {
        let usable: BTreeSet<Place> = usable.iter().map(|usable| usable.place).collect();
        let mut in_use = usable.clone();
        for round in self.rounds.values_mut() {
            in_use.extend(round.forget_refused(&usable, &mut self.shared));
        }
        self.shared.ledger.places.retain(|place, _| in_use.contains(place));
    }

    /// Gives the new ones among the usable addresses their local preference, as far as there is room.
    fn rank(&mut self, ordered: &[Usable]) {
        let mut room = self.room();
        let ledger = &mut self.shared.ledger;
        let mut above = None;
        for (index, usable) in ordered.iter().enumerate() {
            if let Some(taken) = ledger.places.get(&usable.place) {
                above = Some(taken.preference);
                continue;
            }
            let below = ordered.iter().skip(index).find_map(|next| ledger.places.get(&next.place));
            let below = below.map(|taken| taken.preference);
            let preference = if room > 0 { ledger.hosts.give(above, below) } else { None };
            let Some(preference) = preference else { continue };
            room -= 1;
            above = Some(preference);
            ledger.places.insert(usable.place, Taken { interface: usable.interface.clone(), preference });
        }
    }

    /// For how many more addresses there is room: each gives a candidate to every component of a stream.
    fn room(&self) -> usize {
        let most = self.rounds.values().map(|round| round.max_places(&self.shared.config)).min();
        most.unwrap_or(0).saturating_sub(self.shared.ledger.places.len())
    }

    /// Has the streams that are not at their end ask for a socket on each address that is new to them.
    fn take_up(&mut self, now: Instant, ordered: &[Usable]) {
        for round in self.rounds.values_mut().filter(|round| !round.ended) {
            round.begun = true;
            round.left_out.clear();
        }
        for usable in ordered {
            for round in self.rounds.values_mut().filter(|round| !round.ended) {
                round.take_up(now, usable, &mut self.shared);
            }
        }
    }

    fn note_left_out(&self, ordered: &[Usable], refused: &mut Refused) {
        for usable in ordered {
            if self.rounds.values().any(|round| round.left_out.contains(&usable.place)) {
                let why = GatherError::TooMany(self.shared.config.max_candidates);
                refused.insert((usable.place, usable.interface.clone()), why);
            }
        }
    }

    /// After the end of a stream: what is new to it is announced. What there was no room for is not new.
    fn tell_appeared(&mut self, ordered: &[Usable]) {
        let lacks = |round: &Round, place| {
            round.ended && !round.reached.contains(place) && !round.left_out.contains(place)
        };
        for Usable { place, interface, .. } in ordered {
            if !self.rounds.values().any(|round| lacks(round, place)) {
                self.appeared.remove(place);
            } else if self.appeared.insert(*place) {
                let (address, interface) = (place.ip, interface.clone());
                self.shared.out.events.push_back(Event::Appeared { address, interface });
            }
        }
    }

    fn tell_refused(&mut self, mut refused: Refused) {
        let places = &self.shared.ledger.places;
        refused.retain(|(place, on), why| {
            let elsewhere = places.get(place).is_none_or(|taken| taken.interface != *on);
            elsewhere || matches!(why, GatherError::TooMany(_))
        });
        for (key, why) in &refused {
            if self.refused.get(key) != Some(why) {
                let (address, interface, why) = (key.0.ip, key.1.clone(), why.clone());
                self.shared.out.events.push_back(Event::Refused { address, interface, why });
            }
        }
        self.refused = refused;
    }
}

impl Round {
    /// Drops what stands on addresses that are gone; gives the bases that were told of.
    fn void_vanished(
        &mut self,
        present: &BTreeSet<Place>,
        shared: &mut Shared,
    ) -> Vec<(StreamId, BaseId, Base)> {
        self.reached.retain(|place| present.contains(place));
        self.left_out.retain(|place| present.contains(place));
        shared.withdraw(&self.jobs.retain(|job| present.contains(&job.place)));
        let gone = self.drop_bases(|base| !present.contains(&base.place), shared);
        gone.into_iter().map(|(id, base)| (self.stream, id, base)).collect()
    }

    /// Drops what is not told of addresses that must not be used; gives those of which something is.
    fn forget_refused(&mut self, usable: &BTreeSet<Place>, shared: &mut Shared) -> BTreeSet<Place> {
        let told: BTreeSet<BaseId> =
            self.bases.iter().filter(|(_, base)| base.told).map(|(id, _)| *id).collect();
        let stays = |job: &Job| match job.task {
            Task::Bind { .. } => usable.contains(&job.place),
            Task::Ask { base, .. } | Task::Resolve { base, .. } => {
                usable.contains(&job.place) || told.contains(&base)
            }
        };
        shared.withdraw(&self.jobs.retain(stays));
        let held: BTreeSet<BaseId> = self.jobs.held().map(|candidate| candidate.base).collect();
        let is_void = |base: &Base| !base.told && !usable.contains(&base.place);
        let void = self.bases.iter().filter(|(id, base)| is_void(base) && !held.contains(id));
        for id in void.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.drop_base(id, shared);
            shared.release(id);
        }
        let told: BTreeSet<Place> = self.bases.values().map(|base| base.place).collect();
        self.reached.retain(|place| usable.contains(place) || told.contains(place));
        told
    }

    /// Forgets these bases; gives those that were told of, and releases the others.
    fn drop_bases(&mut self, gone: impl Fn(&Base) -> bool, shared: &mut Shared) -> Vec<(BaseId, Base)> {
        let gone: Vec<_> = self.bases.iter().filter(|(_, base)| gone(base)).map(|(id, _)| *id).collect();
        let mut told = Vec::new();
        for id in gone {
            match self.drop_base(id, shared) {
                Some(base) if base.told => told.push((id, base)),
                _ => shared.release(id),
            }
        }
        told
    }

    /// How many addresses fit into this stream.
    fn max_places(&self, config: &GatherConfig) -> usize {
        config.max_candidates / self.components.len().max(1)
    }

    /// Asks for sockets on this address, if it is new to this stream and there is room.
    fn take_up(&mut self, now: Instant, usable: &Usable, shared: &mut Shared) {
        if self.reached.contains(&usable.place) {
            return;
        }
        let ranked = shared.ledger.places.contains_key(&usable.place);
        let coming = self.load(&shared.config) + self.components.len();
        let has_room =
            self.reached.len() < self.max_places(&shared.config) && coming <= shared.config.max_candidates;
        if ranked && has_room {
            self.reached.insert(usable.place);
            self.ask_system(now, usable, shared);
        } else {
            self.left_out.insert(usable.place);
        }
    }

    fn ask_system(&mut self, now: Instant, usable: &Usable, shared: &mut Shared) {
        let (stream, place) = (self.stream, usable.place);
        for &component in &self.components {
            let job = shared.next_job();
            let state = State::Asked { deadline: Shared::deadline(now, shared.config.bind_timeout) };
            let task = Task::Bind { interface: usable.interface.clone() };
            self.jobs.insert(job, Job { place, component, task, state });
            let (address, transport) = (place.with_port(0), Transport::Udp);
            shared.out.actions.push_back(Action::Bind { job, stream, component, address, transport });
        }
    }
}
