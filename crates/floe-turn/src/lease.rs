//! What a server grants for a while: a permission or a channel.

use std::time::{Duration, Instant};

/// Nothing is renewed more often: that would be a flood.
pub(crate) const MIN_RENEWAL: Duration = Duration::from_secs(1);

/// How long it lasts, and when it is renewed, both counted from the request.
///
/// The server's clock starts when the request arrives. Counted from when it was first sent, we never believe in more
/// than there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) lasts: Duration,
    pub(crate) renew_after: Duration,
}

/// The state of a lease.
///
/// | from \ on | want | granted | refused | renewal is due | its end |
/// |---|---|---|---|---|---|
/// | Asked | - | Granted | Refused | - | - |
/// | Granted | - | Granted | - | Renewing, if wanted | Asked if wanted, else Ended |
/// | Renewing | - | Granted | Refused | - | Refused if wanted, else Ended |
/// | Refused | Asked | Granted | - | - | - |
/// | Ended | Asked | Granted | - | - | - |
///
/// An answer that comes late is an answer: what is granted counts, whatever was believed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// Asked for.
    Asked,
    /// There, until then; to be renewed before.
    Granted { renew_at: Instant, until: Instant },
    /// There, until then; asked for again.
    Renewing { until: Instant },
    /// Not there. Nobody asks again by himself.
    Refused,
    /// Not there, for nobody wanted it any longer.
    Ended,
}

/// What time has made of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has to be asked for again; that was due then.
    Renew { due: Instant },
    /// It ended although it was wanted: no answer came.
    Refused,
    /// It ended, and nobody minds.
    Ended,
}

impl Lease {
    /// Somebody wants it. Whether it has to be asked for.
    pub(crate) fn want(&mut self) -> bool {
        let ask = matches!(self, Self::Refused | Self::Ended);
        if ask {
            *self = Self::Asked;
        }
        ask
    }

    /// The server granted what was asked for at that time. Whether that is news.
    pub(crate) fn granted(&mut self, asked_at: Instant, terms: Terms) -> bool {
        let news = !self.is_there();
        *self = Self::Granted { renew_at: asked_at + terms.renew_after, until: asked_at + terms.lasts };
        news
    }

    /// The server refused. Whether that is news.
    pub(crate) fn refused(&mut self) -> bool {
        let news = matches!(self, Self::Asked | Self::Renewing { .. });
        if news {
            *self = Self::Refused;
        }
        news
    }

    /// What has become of it by now.
    pub(crate) fn step(&mut self, now: Instant, wanted: bool) -> Option<Step> {
        match *self {
            Self::Granted { until, .. } | Self::Renewing { until } if until <= now && !wanted => {
                *self = Self::Ended;
                Some(Step::Ended)
            }
            // Nobody has looked at the clock for so long that it is over.
            Self::Granted { renew_at, until } if until <= now => {
                *self = Self::Asked;
                Some(Step::Renew { due: renew_at })
            }
            Self::Granted { renew_at, until } if renew_at <= now && wanted => {
                *self = Self::Renewing { until };
                Some(Step::Renew { due: renew_at })
            }
            Self::Renewing { until } if until <= now => {
                *self = Self::Refused;
                Some(Step::Refused)
            }
            _ => None,
        }
    }

    /// When [`step`](Self::step) has something.
    pub(crate) const fn deadline(&self, wanted: bool) -> Option<Instant> {
        match *self {
            Self::Granted { renew_at, .. } if wanted => Some(renew_at),
            Self::Granted { until, .. } | Self::Renewing { until } => Some(until),
            Self::Asked | Self::Refused | Self::Ended => None,
        }
    }

    pub(crate) const fn is_there(&self) -> bool {
        matches!(self, Self::Granted { .. } | Self::Renewing { .. })
    }

    /// Whether a request for it is under way, or waits.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self, Self::Asked | Self::Renewing { .. })
    }

    pub(crate) const fn is_renewing(&self) -> bool {
        matches!(self, Self::Renewing { .. })
    }

    /// Whether the server may have it: there, or asked for.
    pub(crate) const fn may_be_there(&self) -> bool {
        self.is_there() || matches!(self, Self::Asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { lasts: Duration::from_secs(300), renew_after: Duration::from_secs(240) };

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    #[derive(Debug, Clone, Copy)]
    enum On {
        Want,
        Granted,
        Refused,
        Due,
        DueUnwanted,
        End,
        EndUnwanted,
    }

    fn name(lease: Lease) -> &'static str {
        match lease {
            Lease::Asked => "Asked",
            Lease::Granted { .. } => "Granted",
            Lease::Renewing { .. } => "Renewing",
            Lease::Refused => "Refused",
            Lease::Ended => "Ended",
        }
    }

    fn after(mut lease: Lease, on: On, epoch: Instant) -> &'static str {
        let at = |seconds| epoch + Duration::from_secs(seconds);
        match on {
            On::Want => drop(lease.want()),
            On::Granted => drop(lease.granted(at(100), TERMS)),
            On::Refused => drop(lease.refused()),
            On::Due => drop(lease.step(at(240), true)),
            On::DueUnwanted => drop(lease.step(at(240), false)),
            On::End => drop(lease.step(at(300), true)),
            On::EndUnwanted => drop(lease.step(at(300), false)),
        }
        name(lease)
    }

    #[test]
    fn every_transition_is_that_of_the_table() {
        let epoch = epoch();
        let until = epoch + TERMS.lasts;
        let granted = Lease::Granted { renew_at: epoch + TERMS.renew_after, until };
        // Want, granted, refused, due, due unwanted, end, end unwanted.
        let table = [
            (Lease::Asked, ["Asked", "Granted", "Refused", "Asked", "Asked", "Asked", "Asked"]),
            (granted, ["Granted", "Granted", "Granted", "Renewing", "Granted", "Asked", "Ended"]),
            (
                Lease::Renewing { until },
                ["Renewing", "Granted", "Refused", "Renewing", "Renewing", "Refused", "Ended"],
            ),
            (Lease::Refused, ["Asked", "Granted", "Refused", "Refused", "Refused", "Refused", "Refused"]),
            (Lease::Ended, ["Asked", "Granted", "Ended", "Ended", "Ended", "Ended", "Ended"]),
        ];
        let inputs = [On::Want, On::Granted, On::Refused, On::Due, On::DueUnwanted, On::End, On::EndUnwanted];
        for (from, expected) in table {
            for (on, expected) in inputs.into_iter().zip(expected) {
                assert_eq!(after(from, on, epoch), expected, "{} on {on:?}", name(from));
            }
        }
    }

    #[test]
    fn nothing_is_due_a_millisecond_before() {
        let epoch = epoch();
        let mut lease = Lease::Asked;
        assert_eq!(lease.deadline(true), None);
        assert!(lease.granted(epoch, TERMS));
        assert!(!lease.granted(epoch, TERMS), "no news");
        let due = epoch + TERMS.renew_after;
        assert_eq!(lease.deadline(true), Some(due));
        assert_eq!(lease.deadline(false), Some(epoch + TERMS.lasts));
        assert_eq!(lease.step(due - Duration::from_millis(1), true), None);
        assert_eq!(lease.step(due, true), Some(Step::Renew { due }));
        assert_eq!(lease.deadline(true), Some(epoch + TERMS.lasts));
        assert_eq!(lease.step(epoch + TERMS.lasts, true), Some(Step::Refused));
    }
}
