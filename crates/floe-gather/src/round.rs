//! The gathering of one generation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use floe_core::{ComponentId, Generation, Interface, LocalCandidate, StreamId, Transport};

use crate::{
    Action, Event, GatherConfig, GatherError, JobId,
    filter::{Shields, sift},
    foundation::Foundations,
    gatherer::Outbox,
    job::{Job, Jobs, State},
    order::order,
    place::{Place, Usable},
    preference::Preferences,
};

/// The addresses of the host that give no candidate, each on an interface, and why.
type Refused = BTreeMap<(Place, Box<str>), GatherError>;

/// The gathering of one generation.
#[derive(Debug)]
pub(crate) struct Round {
    generation: Generation,
    components: BTreeSet<(StreamId, ComponentId)>,
    /// Whether the end of candidates was told.
    ended: bool,
    /// The addresses in use.
    pub(crate) places: BTreeMap<Place, Taken>,
    pub(crate) jobs: Jobs,
    /// The candidates that were told of and have not vanished.
    pub(crate) gathered: Vec<(StreamId, LocalCandidate)>,
    /// What was last told of addresses that are refused.
    refused: Refused,
    /// The addresses that came after the end.
    appeared: BTreeSet<Place>,
    shields: Shields,
    preferences: Preferences,
    pub(crate) foundations: Foundations,
}

/// How an address is used.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The interface that it was found on first.
    interface: Box<str>,
    /// Its local preference, which all streams and components share.
    pub(crate) preference: u16,
}

/// What a review of the interfaces works with.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a GatherConfig,
    pub(crate) interfaces: &'a [Interface],
    pub(crate) next_job: &'a mut u32,
    pub(crate) out: &'a mut Outbox,
}

impl Round {
    pub(crate) fn new(generation: Generation, components: BTreeSet<(StreamId, ComponentId)>) -> Self {
        Self {
            generation,
            components,
            ended: false,
            places: BTreeMap::new(),
            jobs: Jobs::default(),
            gathered: Vec::new(),
            refused: Refused::new(),
            appeared: BTreeSet::new(),
            shields: Shields::default(),
            preferences: Preferences::default(),
            foundations: Foundations::default(),
        }
    }

    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.jobs.deadline()
    }

    /// Another generation takes over. What was not polled yet was told to nobody; what was told is handed on.
    pub(crate) fn abandon(mut self, out: &mut Outbox) -> Vec<(StreamId, LocalCandidate)> {
        self.jobs.retain(|_| false, out);
        let mut untold = BTreeSet::new();
        for event in std::mem::take(&mut out.events) {
            match event {
                Event::Candidate { candidate, .. } => {
                    untold.insert(candidate.base);
                    out.release(candidate.base);
                }
                Event::Vanished { base, .. } if !untold.contains(&base) => out.events.push_back(event),
                _ => {}
            }
        }
        self.gathered.retain(|(_, candidate)| !untold.contains(&candidate.base));
        self.gathered
    }

    /// Compares what the host has with what is in use.
    pub(crate) fn review(&mut self, mut cx: Context<'_>) {
        let sifted = sift(cx.config, cx.interfaces, &mut self.shields);
        self.void_vanished(&mut cx);
        self.forget_refused(&sifted.usable, &mut cx);
        let mut refused = sifted.refused;
        if self.ended {
            self.tell_appeared(&sifted.usable, &mut refused, cx.out);
        } else {
            self.take_up(sifted.usable, &mut refused, &mut cx);
        }
        self.tell_refused(refused, cx.out);
        self.end_if_done(cx.out);
    }

    /// RFC 8445 5.1.1.4: what stands on an address that is gone is void.
    fn void_vanished(&mut self, cx: &mut Context<'_>) {
        let present = Place::all(cx.interfaces);
        self.places.retain(|place, _| present.contains(place));
        self.appeared.retain(|place| present.contains(place));
        self.jobs.retain(|place| present.contains(&place), cx.out);
        tell_vanished(&mut self.gathered, &present, cx.out);
    }

    /// What is not told yet of an address that must not be used by now is forgotten. What is told stays: the peer
    /// knows it already, and the address still works.
    fn forget_refused(&mut self, usable: &[Usable], cx: &mut Context<'_>) {
        let usable: BTreeSet<Place> = usable.iter().map(|usable| usable.place).collect();
        self.jobs.retain(|place| usable.contains(&place), cx.out);
        let told: BTreeSet<Place> =
            self.gathered.iter().map(|(_, candidate)| Place::of_socket(candidate.base_address)).collect();
        self.places.retain(|place, _| usable.contains(place) || told.contains(place));
    }

    /// Gives the new ones among the usable addresses a place in the order, and asks for their sockets.
    fn take_up(&mut self, usable: Vec<Usable>, refused: &mut Refused, cx: &mut Context<'_>) {
        let mut room = self.room(cx.config);
        let mut above = None;
        let ordered = order(usable);
        for (index, usable) in ordered.iter().enumerate() {
            if let Some(taken) = self.places.get(&usable.place) {
                above = Some(taken.preference);
                continue;
            }
            let below = ordered.iter().skip(index).find_map(|next| self.places.get(&next.place));
            let below = below.map(|taken| taken.preference);
            let preference = if room > 0 { self.preferences.give(above, below) } else { None };
            let Some(preference) = preference else {
                let why = GatherError::TooMany(cx.config.max_candidates);
                refused.insert((usable.place, usable.interface.clone()), why);
                continue;
            };
            room -= 1;
            above = Some(preference);
            self.places.insert(usable.place, Taken { interface: usable.interface.clone(), preference });
            self.ask(usable, cx);
        }
    }

    /// For how many more addresses there is room: each gives a candidate to every component of a stream.
    fn room(&self, config: &GatherConfig) -> usize {
        let mut widths = BTreeMap::<StreamId, usize>::new();
        for (stream, _) in &self.components {
            *widths.entry(*stream).or_default() += 1;
        }
        let widest = widths.into_values().max().unwrap_or(1);
        (config.max_candidates / widest).saturating_sub(self.places.len())
    }

    fn ask(&mut self, usable: &Usable, cx: &mut Context<'_>) {
        for &(stream, component) in &self.components {
            let id = JobId(*cx.next_job);
            *cx.next_job += 1;
            let state = State::Asked { deadline: cx.now.checked_add(cx.config.bind_timeout) };
            let (place, interface) = (usable.place, usable.interface.clone());
            self.jobs.insert(id, Job { place, interface, stream, component, state });
            let (address, transport) = (place.with_port(0), Transport::Udp);
            cx.out.actions.push_back(Action::Bind { job: id, stream, component, address, transport });
        }
    }

    fn tell_refused(&mut self, mut refused: Refused, out: &mut Outbox) {
        refused.retain(|(place, on), _| self.places.get(place).is_none_or(|taken| taken.interface != *on));
        for (key, why) in &refused {
            if self.refused.get(key) != Some(why) {
                let (address, interface, why) = (key.0.ip, key.1.clone(), why.clone());
                out.events.push_back(Event::Refused { address, interface, why });
            }
        }
        self.refused = refused;
    }

    /// After the end: what is new is announced. What there was no room for is not new.
    fn tell_appeared(&mut self, usable: &[Usable], refused: &mut Refused, out: &mut Outbox) {
        for usable in usable.iter().filter(|usable| !self.places.contains_key(&usable.place)) {
            let key = (usable.place, usable.interface.clone());
            if let Some(why @ GatherError::TooMany(_)) = self.refused.get(&key) {
                refused.insert(key, why.clone());
            } else if self.appeared.insert(usable.place) {
                out.events.push_back(Event::Appeared { address: usable.place.ip, interface: key.1 });
            }
        }
    }

    /// RFC 8838 13: once, when nothing more can come.
    pub(crate) fn end_if_done(&mut self, out: &mut Outbox) {
        if !self.ended && self.jobs.is_empty() {
            self.ended = true;
            out.events.push_back(Event::EndOfCandidates(self.generation));
        }
    }
}

/// Takes the candidates out whose address the host has no more, and tells of them.
pub(crate) fn tell_vanished(
    candidates: &mut Vec<(StreamId, LocalCandidate)>,
    present: &BTreeSet<Place>,
    out: &mut Outbox,
) {
    let gone = |(_, candidate): &mut (StreamId, LocalCandidate)| {
        !present.contains(&Place::of_socket(candidate.base_address))
    };
    for (stream, candidate) in candidates.extract_if(.., gone) {
        let component = candidate.candidate.component();
        let (base, address) = (candidate.base, candidate.base_address);
        out.events.push_back(Event::Vanished { stream, component, base, address });
    }
}
