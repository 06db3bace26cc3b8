//! What takes an allocation along to another base (RFC 8016).

use floe_core::BaseId;

use crate::Broken;

/// The longest ticket that is kept: it has to fit into a request beside all else (RFC 8016 3.1.2).
const MAX_TICKET: usize = 1024;

/// The ticket, and the way that it is used for.
///
/// ```text
///   at home ──start──> under way to a base ──arrived──> at home, there
///      ^───────────────failed───┘
/// ```
#[derive(Debug, Default)]
pub(crate) struct Mobility {
    ticket: Vec<u8>,
    to: Option<BaseId>,
    /// Why the base that is being left is gone already.
    gone: Option<Broken>,
}

impl Mobility {
    /// The newest ticket; nothing where there is none.
    pub(crate) fn ticket(&self) -> &[u8] {
        &self.ticket
    }

    /// The server gave a ticket. One that fits into no request is of no use.
    pub(crate) fn keep(&mut self, ticket: &[u8]) {
        self.ticket.clear();
        if ticket.len() <= MAX_TICKET {
            self.ticket.extend_from_slice(ticket);
        }
    }

    /// Where the allocation is under way to.
    pub(crate) const fn to(&self) -> Option<BaseId> {
        self.to
    }

    pub(crate) const fn start(&mut self, to: BaseId) {
        self.to = Some(to);
    }

    /// The base that is being left is gone.
    pub(crate) const fn lose_home(&mut self, why: Broken) {
        self.gone = Some(why);
    }

    /// It is there. The ticket is spent.
    pub(crate) fn arrived(&mut self) {
        *self = Self::default();
    }

    /// It is not, and stays. Why it cannot even do that.
    pub(crate) const fn failed(&mut self) -> Option<Broken> {
        self.to = None;
        self.gone.take()
    }
}
