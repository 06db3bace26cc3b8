//! The bounded stream of events.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
};

use futures::{Stream, stream::FusedStream, task::AtomicWaker};

use crate::Event;

/// How much an event is missed when it is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It belongs to signalling, or happens once: it is always delivered. The session bounds how many there are.
    Kept,
    /// It says how something is now: only the latest with the same key counts.
    Latest(u64),
    /// It reports progress: it may be missed.
    Progress,
}

/// The events of an agent, in order: a [`Stream`] that ends when the agent is closed.
///
/// It holds as many events as [`AgentBuilder::event_capacity`](crate::AgentBuilder::event_capacity) says. The agent
/// never waits for its reader. When a reader lags so far behind that the stream is full, events are left out, in this
/// order: the oldest report of progress (checks, pairs); then, of states, roles and selected pairs, one that a later one
/// has overtaken. Candidates, the end of candidates and the latest state and selected pair of each component are
/// never left out. [`missed`](Self::missed) counts what was.
///
/// The stream is no handle: it does not keep the agent alive.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    done: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<(Weight, Event)>,
    missed: u64,
    ended: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is complete before anything can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// How many events were left out so far because this stream was not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.queue().missed
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.shared.waker.register(cx.waker());
        let (event, ended) = {
            let mut queue = self.shared.queue();
            (queue.events.pop_front(), queue.ended)
        };
        match event {
            Some((_, event)) => Poll::Ready(Some(event)),
            None if ended => {
                self.done = true;
                Poll::Ready(None)
            }
            None => Poll::Pending,
        }
    }
}

impl FusedStream for Events {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// The agent's end of one stream of events.
#[derive(Debug)]
pub(crate) struct EventSender {
    shared: Weak<Shared>,
}

/// A stream of so many events and the end that fills it.
pub(crate) fn channel(capacity: usize) -> (EventSender, Events) {
    let shared =
        Arc::new(Shared { queue: Mutex::default(), waker: AtomicWaker::new(), capacity: capacity.max(1) });
    (EventSender { shared: Arc::downgrade(&shared) }, Events { shared, done: false })
}

impl EventSender {
    /// Whether there is still somebody who may read.
    pub(crate) fn is_heard(&self) -> bool {
        self.shared.strong_count() > 0
    }

    /// Delivers the event; `false` when nobody listens any more.
    pub(crate) fn send(&self, weight: Weight, event: &Event) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let mut queue = shared.queue();
        queue.events.push_back((weight, event.clone()));
        if queue.events.len() > shared.capacity {
            queue.shorten();
        }
        drop(queue);
        shared.waker.wake();
        true
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.queue().ended = true;
            shared.waker.wake();
        }
    }
}

impl Queue {
    /// Leaves out the event that is missed least, if there is one that may be missed at all.
    fn shorten(&mut self) {
        let weights: Vec<Weight> = self.events.iter().map(|(weight, _)| *weight).collect();
        if let Some(at) = least_missed(&weights) {
            self.events.remove(at);
            self.missed += 1;
        }
    }
}

/// Where the event is that is missed least: the oldest progress, else the oldest that a later one has overtaken.
fn least_missed(weights: &[Weight]) -> Option<usize> {
    let overtaken = |at: usize, weight: &Weight| {
        matches!(weight, Weight::Latest(_)) && weights.iter().skip(at + 1).any(|later| later == weight)
    };
    weights
        .iter()
        .position(|weight| *weight == Weight::Progress)
        .or_else(|| weights.iter().enumerate().position(|(at, weight)| overtaken(at, weight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_left_out_first_then_what_was_overtaken_and_nothing_else() {
        use Weight::{Kept, Latest, Progress};
        let table: [(&[Weight], Option<usize>); 7] = [
            (&[Kept, Latest(1), Progress, Progress, Latest(1)], Some(2)),
            (&[Progress], Some(0)),
            (&[Kept, Latest(1), Latest(2), Latest(1)], Some(1)),
            (&[Latest(2), Latest(1), Kept, Latest(1), Latest(1)], Some(1)),
            (&[Kept, Kept], None),
            (&[Latest(1), Latest(2), Kept], None),
            (&[], None),
        ];
        for (weights, place) in table {
            assert_eq!(least_missed(weights), place, "{weights:?}");
        }
    }
}
