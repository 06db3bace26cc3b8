//! An allocation that the server has made and that we never heard of (RFC 8656 7.2, 7.4).
//!
//! The success was lost on its way. A server that remembers its answers sends it once more; one that does not says 437,
//! for the 5-tuple is taken: by ourselves. Nothing asks for the lost address again, so the allocation is given back and
//! asked for anew. Where somebody else has the 5-tuple the server does not let us (441), and it ends with the 437.

use floe_stun::TransactionId;

use super::Client;
use crate::{
    auth::Verdict,
    event::Event,
    reason::RequestError,
    request::{Ask, Request},
};

/// How often it is given back before the server is taken at its word.
const MAX_RECLAIMS: u8 = 3;

/// Whether the server refuses to allocate what it may have allocated to us. What was sent once may have come twice, for
/// networks double datagrams, and after a delete a late copy of the first request may have allocated once more. Should
/// the 5-tuple be a client's that had our port before, that one is cut off already.
pub(super) fn is_taken_by_us(request: &Request, verdict: &Verdict) -> bool {
    let may_be_ours = request.in_doubt || request.reclaims > 0;
    request.ask == Ask::Allocate
        && matches!(verdict, Verdict::Failed(RequestError::AllocationMismatch))
        && may_be_ours
        && request.reclaims < MAX_RECLAIMS
}

impl Client {
    /// The server has it already. The request stays open for the success that it had.
    pub(super) fn taken(&mut self, id: TransactionId, request: Request) {
        self.open.stop_retransmitting(id);
        self.allocation.taken();
        let reclaim = Request { reclaims: request.reclaims + 1, ..Request::patient(Ask::Reclaim) };
        self.queue.push_first(reclaim);
    }

    /// It is being given back: whatever the request that allocated is answered from now on is of the past.
    pub(super) fn reclaiming(&mut self) {
        self.allocation.delete_sent();
        self.open.retain(|flight| flight.request.ask != Ask::Allocate);
    }

    /// It is gone, and is allocated anew.
    pub(super) fn reclaimed(&mut self, request: Request) {
        self.allocation.returned();
        let allocate = Request { reclaims: request.reclaims, ..Request::patient(Ask::Allocate) };
        self.queue.push_first(allocate);
    }

    /// It was not given back, as it seems.
    pub(super) fn reclaim_failed(&mut self, request: Request, why: RequestError) {
        match why {
            RequestError::TimedOut | RequestError::IntegrityViolated | RequestError::TooLong => {
                self.allocate_failed(why);
            }
            // It is somebody else's after all.
            RequestError::WrongCredentials => self.allocate_failed(RequestError::AllocationMismatch),
            // RFC 8656 8.3: a 437 says that it is gone. Of anything else the next Allocate tells what it means.
            _ => self.reclaimed(request),
        }
    }

    pub(super) fn allocate_failed(&mut self, why: RequestError) {
        self.end();
        self.out.tell(Event::AllocateFailed(why));
    }
}
