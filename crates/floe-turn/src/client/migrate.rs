//! An allocation that goes along to another base (RFC 8016 3.2).

use std::time::Instant;

use floe_core::BaseId;
use floe_stun::Message;

use super::{Client, PATIENCE, families::granted_lifetime};
use crate::{
    MobilityTicket,
    event::{Event, MigrateError},
    reason::RequestError,
    request::{Ask, Request},
};

impl Client {
    /// Takes the allocation along to this base, to the same server: relayed addresses, permissions and channels stay.
    /// Until [`Event::Migrated`] everything else goes by the old base; give the client what comes from the server on
    /// either. [`Event::MigrationFailed`] means that it stays where it was.
    ///
    /// Over TCP and TLS the base is another connection to the server. When the old one is about to be lost, call this
    /// first, and [`broken`](Self::broken) then.
    ///
    /// # Errors
    /// It cannot go there. Nothing was sent.
    pub fn migrate(&mut self, now: Instant, base: BaseId) -> Result<(), MigrateError> {
        self.allocation.relay().ok_or(MigrateError::NotAllocated)?;
        if base == self.config.base {
            return Err(MigrateError::SameBase);
        }
        if self.mobility.ticket().is_empty() {
            return Err(MigrateError::NoTicket);
        }
        if self.mobility.to() == Some(base) {
            return Ok(());
        }
        if let Some(before) = self.mobility.to() {
            self.abandon(Ask::Migrate(before));
        }
        self.mobility.start(base);
        self.queue.push_first(Request::until(Ask::Migrate(base), now + PATIENCE));
        self.settle(now);
        Ok(())
    }

    /// Whether the server gave a ticket, so that the allocation can go along to another base.
    #[must_use]
    pub fn can_migrate(&self) -> bool {
        !self.mobility.ticket().is_empty()
    }

    /// Where the allocation is on its way to.
    #[must_use]
    pub const fn migrating_to(&self) -> Option<BaseId> {
        self.mobility.to()
    }

    /// RFC 8016 3.1.3, 3.2.3: the newest ticket is the one that counts.
    pub(super) fn keep_ticket(&mut self, response: &Message<'_>) {
        if let Ok(Some(MobilityTicket(ticket))) = response.attribute()
            && self.config.mobility
        {
            self.mobility.keep(ticket);
        }
    }

    pub(super) fn migrated(&mut self, now: Instant, base: BaseId, asked_at: Instant, response: &Message<'_>) {
        let Some(lifetime) = granted_lifetime(response) else {
            return self.migration_failed(now, base, RequestError::Malformed);
        };
        self.mobility.arrived();
        self.keep_ticket(response);
        self.config.base = base;
        self.allocation.refreshed(lifetime, asked_at);
        self.out.move_to(base);
        if self.config.transport.is_reliable() {
            self.ask_anew(now);
        }
        self.out.tell(Event::Migrated { base });
    }

    /// What was asked for over the connection that was left is not sent again by itself.
    fn ask_anew(&mut self, now: Instant) {
        for (_, flight) in self.open.retain(|_| false) {
            for request in [flight.request].into_iter().chain(flight.rest) {
                self.queue.push(Request { overdue: Some(now + PATIENCE), ..request });
            }
        }
    }

    pub(super) fn migration_failed(&mut self, now: Instant, base: BaseId, why: RequestError) {
        self.abandon(Ask::Migrate(base));
        let unknown_there = why == RequestError::AllocationMismatch;
        self.out.tell(Event::MigrationFailed { base, why });
        match self.mobility.failed() {
            Some(broken) => self.lose(RequestError::ConnectionBroken(broken)),
            // RFC 8016 3.2.2: so speaks a server without the allocation, and one that knows nothing of tickets. The next
            // refresh tells which.
            None if unknown_there => {
                self.abandon(Ask::Refresh);
                self.queue.push_first(Request::until(Ask::Refresh, now + PATIENCE));
            }
            None => {}
        }
    }
}
