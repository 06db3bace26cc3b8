//! The requests that wait for their slot.

use std::{collections::VecDeque, time::Instant};

use crate::request::{Ask, Request};

/// New transactions, in the order in which they get their slots.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Request>,
    /// Those that wait for a time before they wait for a slot.
    later: Vec<(Instant, Request)>,
}

impl Queue {
    /// Behind all others.
    pub(crate) fn push(&mut self, request: Request) {
        self.waiting.push_back(request);
    }

    /// Before all others: something is half done, or runs out.
    pub(crate) fn push_first(&mut self, request: Request) {
        self.waiting.push_front(request);
    }

    /// Not before this time.
    pub(crate) fn push_later(&mut self, at: Instant, request: Request) {
        self.later.push((at, request));
    }

    /// The next for a slot.
    pub(crate) fn pop(&mut self) -> Option<Request> {
        self.waiting.pop_front()
    }

    /// Those for which the answer is yes, in their order, up to so many.
    pub(crate) fn take(&mut self, max: usize, mut wanted: impl FnMut(&Request) -> bool) -> Vec<Request> {
        let mut taken = Vec::new();
        self.waiting.retain(|request| {
            let take = taken.len() < max && wanted(request);
            if take {
                taken.push(*request);
            }
            !take
        });
        taken
    }

    /// The first that does not wait for a slot any longer.
    pub(crate) fn pop_overdue(&mut self, now: Instant) -> Option<Request> {
        let is_overdue = |request: &Request| request.overdue.is_some_and(|at| at <= now);
        let index = self.waiting.iter().position(is_overdue)?;
        self.waiting.remove(index)
    }

    /// Moves those up whose time has come.
    pub(crate) fn wake(&mut self, now: Instant) {
        let due = self.later.extract_if(.., |(at, _)| *at <= now);
        self.waiting.extend(due.map(|(_, request)| request));
    }

    /// Whether there was any.
    pub(crate) fn remove(&mut self, ask: Ask) -> bool {
        self.retain(|other| other != ask)
    }

    /// Removes all for which the answer is no; whether there was any.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Ask) -> bool) -> bool {
        let before = self.len();
        self.waiting.retain(|request| keep(request.ask));
        self.later.retain(|(_, request)| keep(request.ask));
        self.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.later.clear();
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.later.len()
    }

    /// When something wakes, or is overdue.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let overdue = self.waiting.iter().filter_map(|request| request.overdue);
        overdue.chain(self.later.iter().map(|(at, _)| *at)).min()
    }
}
