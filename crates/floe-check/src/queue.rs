//! A queue of pairs.

use std::collections::BTreeMap;

use floe_core::PairId;

/// Pairs in the order of their coming, each at most once; taking one out of the middle is as cheap as adding one.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    order: BTreeMap<i64, PairId>,
    tickets: BTreeMap<PairId, i64>,
    next: i64,
}

impl Queue {
    /// Appends the pair, unless it is in the queue already.
    pub(crate) fn push(&mut self, pair: PairId) {
        if !self.tickets.contains_key(&pair) {
            self.order.insert(self.next, pair);
            self.tickets.insert(pair, self.next);
            self.next += 1;
        }
    }

    /// Puts the pair before all others, wherever it was.
    pub(crate) fn push_first(&mut self, pair: PairId) {
        self.remove(pair);
        let Some((&first, _)) = self.order.first_key_value() else { return self.push(pair) };
        self.order.insert(first - 1, pair);
        self.tickets.insert(pair, first - 1);
    }

    pub(crate) fn pop(&mut self) -> Option<PairId> {
        let (_, pair) = self.order.pop_first()?;
        self.tickets.remove(&pair);
        Some(pair)
    }

    pub(crate) fn remove(&mut self, pair: PairId) {
        if let Some(ticket) = self.tickets.remove(&pair) {
            self.order.remove(&ticket);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.tickets.clear();
    }

    pub(crate) fn contains(&self, pair: PairId) -> bool {
        self.tickets.contains_key(&pair)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The pairs, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PairId> + '_ {
        self.order.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_leave_in_the_order_of_their_coming_each_once() {
        let mut queue = Queue::default();
        for id in [3, 1, 2, 3, 1] {
            queue.push(PairId(id));
        }
        assert_eq!(queue.iter().collect::<Vec<_>>(), [3, 1, 2].map(PairId));
        assert_eq!((queue.len(), queue.contains(PairId(1)), queue.contains(PairId(9))), (3, true, false));
        queue.remove(PairId(1));
        queue.remove(PairId(9));
        assert_eq!(queue.pop(), Some(PairId(3)));
        // Once out it may come again, at the end.
        queue.push(PairId(3));
        assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [2, 3].map(PairId));
        assert!(queue.is_empty() && queue.tickets.is_empty());
        for id in [5, 6, 7] {
            queue.push_first(PairId(id));
        }
        queue.push_first(PairId(5));
        queue.push(PairId(8));
        assert_eq!(queue.iter().collect::<Vec<_>>(), [5, 7, 6, 8].map(PairId));
        queue.clear();
        assert!(queue.is_empty() && !queue.contains(PairId(5)));
    }
}
