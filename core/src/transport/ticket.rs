//! Whether a call has gone out: known for sure at any moment, to both of its ends.
//!
//! The driver takes a [`Ticket`] right before it hands the call's frame to the socket; a caller
//! that stops waiting withdraws it. Exactly one of the two succeeds, so a call that is reported
//! as not sent never is. It is not about what becomes of the call once it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// One call's way out. Clones are the same ticket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// The driver's: whether the frame may be sent. True once at most, and then it counts as sent.
    pub(super) fn take(&self) -> bool {
        self.settle(SENT)
    }

    /// The caller's: whether the call can have had an effect. Where it can't, it is never sent.
    pub(crate) fn withdraw(&self) -> bool {
        !self.settle(WITHDRAWN) && self.0.load(Ordering::Acquire) == SENT
    }

    /// The caller's: for a call that is made again. The attempt before is over, whatever became of
    /// it; a ticket that was withdrawn stays so.
    pub(super) fn again(&self) {
        let _ = self.0.compare_exchange(SENT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn settle(&self, to: u8) -> bool {
        self.0.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_succeeds() {
        let ticket = Ticket::default();
        assert!(ticket.take() && !ticket.take());
        assert!(ticket.withdraw(), "it was sent");
        let ticket = Ticket::default();
        assert!(!ticket.withdraw(), "it was not sent");
        assert!(!ticket.take(), "and is not any more");
        assert!(!ticket.withdraw());
    }

    #[test]
    fn an_attempt_that_is_over_leaves_room_for_another() {
        let ticket = Ticket::default();
        assert!(ticket.take());
        ticket.again();
        assert!(ticket.take() && !ticket.take());
        ticket.again();
        assert!(!ticket.withdraw());
        ticket.again();
        assert!(!ticket.take(), "nobody waits for it any more");
    }
}
