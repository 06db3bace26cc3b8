//! On which path the peer's nominating checks came first. A check says who wrote it, not which way it was sent: somebody
//! on the way may send a copy from and to anywhere, now or much later.

use std::{collections::VecDeque, net::SocketAddr};

use floe_core::BaseId;
use floe_stun::TransactionId;

/// How many nominating checks are remembered for one stream: with a peer that nominates once for each component those of
/// the whole session, with one that repeats it every few seconds those of the last ten minutes.
const MAX_SEEN: usize = 256;

/// What is known of a nominating check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It has not been seen before.
    First,
    /// It has come on this path before: it was resent, or is a copy.
    Again,
    /// It came on another path before. The peer sends a check on one path only, so this is a copy.
    Elsewhere,
}

/// The nominating checks that came, the latest last, each with the path it came on first.
#[derive(Debug, Default)]
pub(crate) struct Sights(VecDeque<(TransactionId, (BaseId, SocketAddr))>);

impl Sights {
    /// A nominating check came on this path.
    pub(crate) fn note(&mut self, id: TransactionId, path: (BaseId, SocketAddr)) -> Sight {
        match self.0.iter().find(|(seen, _)| *seen == id) {
            Some((_, first)) if *first == path => Sight::Again,
            Some(_) => Sight::Elsewhere,
            None => {
                if self.0.len() >= MAX_SEEN {
                    self.0.pop_front();
                }
                self.0.push_back((id, path));
                Sight::First
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_belongs_to_the_path_it_came_on_first() {
        let [here, there] = [1, 2].map(|port| (BaseId(0), SocketAddr::from(([192, 0, 2, 1], port))));
        let id = |number: u16| {
            let mut bytes = [0; 12];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            TransactionId::new(bytes)
        };
        let mut sights = Sights::default();
        let seen = [here, here, there, here].map(|path| sights.note(id(0), path));
        assert_eq!(seen, [Sight::First, Sight::Again, Sight::Elsewhere, Sight::Again]);
        for number in 1..1_000 {
            assert_eq!(sights.note(id(number), there), Sight::First);
        }
        assert_eq!(sights.0.len(), MAX_SEEN);
        assert_eq!(sights.note(id(999), here), Sight::Elsewhere);
        assert_eq!(sights.note(id(0), there), Sight::First, "the oldest are forgotten");
    }
}
