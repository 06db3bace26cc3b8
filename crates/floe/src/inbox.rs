//! What came in for a component and nobody has asked for yet: bounded and counted.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, futures::Notified};

/// The most bytes that wait for one component.
const MAX_BYTES: usize = 4 << 20;
/// How many empty buffers are kept for the next datagrams, so that a steady stream allocates nothing.
const MAX_SPARE: usize = 64;

/// Datagrams in the order they came in. One side puts, any number of tasks take, each datagram goes to one of them.
///
/// When it is full, what comes in is dropped and counted, as a socket does it: what waits stays in order.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    filled: Notify,
    max_datagrams: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    spare: Vec<Vec<u8>>,
    dropped: u64,
}

impl Inbox {
    pub(crate) fn new(max_datagrams: usize) -> Self {
        Self { queue: Mutex::default(), filled: Notify::new(), max_datagrams }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is complete before anything can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a datagram, or drops and counts it where there is no room.
    pub(crate) fn put(&self, datagram: &[u8]) {
        let mut queue = self.queue();
        if queue.waiting.len() >= self.max_datagrams || queue.bytes + datagram.len() > MAX_BYTES {
            queue.dropped += 1;
            return;
        }
        let mut buffer = queue.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(datagram);
        queue.bytes += buffer.len();
        queue.waiting.push_back(buffer);
        drop(queue);
        self.filled.notify_one();
    }

    /// Takes the oldest datagram into `buffer` and says how long it was; what does not fit is lost.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> Option<Taken> {
        let mut queue = self.queue();
        let mut datagram = queue.waiting.pop_front()?;
        queue.bytes -= datagram.len();
        let copied = datagram.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..copied), datagram.get(..copied)) {
            to.copy_from_slice(from);
        }
        let taken = Taken { copied, length: datagram.len() };
        if queue.spare.len() < MAX_SPARE {
            datagram.clear();
            queue.spare.push(datagram);
        }
        Some(taken)
    }

    /// Waits for the next datagram, or for [`wake`](Self::wake). To miss neither, `enable` the future first, look then,
    /// and await it last. It may be ready early.
    ///
    /// Cancel safe: what woke a dropped future wakes the next one.
    pub(crate) fn filled(&self) -> Notified<'_> {
        self.filled.notified()
    }

    /// Wakes all that wait.
    pub(crate) fn wake(&self) {
        self.filled.notify_waiters();
    }

    /// How many datagrams wait and how many were dropped.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let queue = self.queue();
        (queue.waiting.len(), queue.dropped)
    }
}

/// What [`Inbox::take`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes in the caller's buffer.
    pub(crate) copied: usize,
    /// Bytes the datagram had.
    pub(crate) length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(inbox: &Inbox) -> Option<Vec<u8>> {
        let mut buffer = [0; 2000];
        inbox.take(&mut buffer).map(|taken| buffer[..taken.copied].to_vec())
    }

    #[test]
    fn a_full_inbox_keeps_what_it_has_and_counts_what_it_drops() {
        let inbox = Inbox::new(3);
        for byte in 0..5_u8 {
            inbox.put(&[byte]);
        }
        assert_eq!(inbox.counts(), (3, 2));
        assert_eq!(take(&inbox), Some(vec![0]));
        inbox.put(&[9]);
        let rest: Vec<_> = std::iter::from_fn(|| take(&inbox)).flatten().collect();
        assert_eq!(rest, [1, 2, 9]);
        assert_eq!(inbox.counts(), (0, 2));
    }

    #[test]
    fn bytes_are_bounded_as_datagrams_are() {
        let inbox = Inbox::new(usize::MAX);
        let datagram = vec![1; 65_000];
        for _ in 0..100 {
            inbox.put(&datagram);
        }
        let (waiting, dropped) = inbox.counts();
        assert_eq!((waiting, dropped), (MAX_BYTES / 65_000, 100 - (MAX_BYTES / 65_000) as u64));
    }

    #[test]
    fn a_short_buffer_gets_the_begin_and_the_length_is_told() {
        let inbox = Inbox::new(1);
        inbox.put(b"hello");
        let mut buffer = [0; 2];
        assert_eq!(inbox.take(&mut buffer), Some(Taken { copied: 2, length: 5 }));
        assert_eq!(&buffer, b"he");
        assert_eq!(inbox.take(&mut buffer), None);
    }

    #[test]
    fn buffers_are_used_again() {
        let inbox = Inbox::new(4);
        inbox.put(&[1; 1000]);
        assert_eq!(take(&inbox).map(|datagram| datagram.len()), Some(1000));
        inbox.put(&[2; 3]);
        assert_eq!(take(&inbox), Some(vec![2; 3]));
        assert_eq!(inbox.queue().spare.len(), 1);
    }

    #[tokio::test]
    async fn a_dropped_wait_passes_its_permit_on() {
        let inbox = Inbox::new(4);
        let first = inbox.filled();
        let second = inbox.filled();
        tokio::pin!(first, second);
        assert!(futures::poll!(first.as_mut()).is_pending());
        assert!(futures::poll!(second.as_mut()).is_pending());
        inbox.put(b"x");
        // The first in line was woken; it goes away without having taken anything.
        first.set(inbox.filled());
        assert!(futures::poll!(second.as_mut()).is_ready());
    }
}
