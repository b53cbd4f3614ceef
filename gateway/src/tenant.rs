//! What the holder of one token may do: where, as what, how much at once, and how much of that is
//! taken.
//!
//! A [`Grant`] is what one line of a file of tokens, or `--token`, says. It never changes; a file
//! that is read again makes new ones, and their [`Usage`] goes over from the old. Nothing here
//! knows a token: a grant is found by its digest (`tokens`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use vtrix_protocol::limits::RECEIVED_MESSAGE;

use crate::error::GatewayError;
use crate::refusal::Refusal;

/// Largest body that any token may send: payloads carry scripts and environments.
pub(crate) const LARGEST_BODY: usize = 32 * 1024 * 1024;
/// Largest head that any token may send: every header a client has use for.
pub(crate) const LARGEST_HEAD: usize = 64 * 1024;
/// Below this, neither a request nor a call fits.
const LEAST_SIZE: usize = 1024;
/// Calls of the control plane that one token has under way.
const REQUESTS: usize = 256;
/// Connections of a token among others: a quarter of what the gateway takes.
const CONNECTIONS_AMONG_OTHERS: usize = 1024;
/// A sandbox that asks for no lifetime is gone after as long.
const IDLE: Duration = Duration::from_hours(12);
/// Longest `idle`: as the longest lifetime.
const LONGEST_IDLE: Duration = crate::config::LONGEST_TTL;
/// Bytes of large bodies that a token has in memory at once; further ones wait to be read.
const BODIES: usize = 128 * 1024 * 1024;
/// Bytes that what its bodies said takes in memory, likewise: from when a body is parsed to when
/// its request is done with. At least as much as one body of the largest size.
pub(crate) const PARSED: usize = 128 * 1024 * 1024;
/// Unit of these accounts.
const KIB: usize = 1024;

/// How much the holder of one token may use. A line of the file of tokens can set each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenLimits {
    /// Largest body of create and configure, in bytes; past it a request is refused with 413.
    /// 1 KiB to 32 MiB, which is the default.
    pub body: usize,
    /// Largest head of a request, in bytes; past it 431. 1 KiB to 64 KiB, which is the default.
    pub head: usize,
    /// Largest WebSocket message that a client may send, in bytes; past it the connection is closed
    /// with 1009. 1 KiB to 64 MiB, which is the default.
    pub message: usize,
    /// Requests under way at once; past it 429. 256 unless said otherwise.
    pub requests: usize,
    /// Connections at once, WebSockets included; past it 429. Without a word 1,024 for each token of
    /// a file, and as many as the gateway takes for a token that is alone.
    pub connections: Option<usize>,
    /// Sandboxes in the token's project, whoever made them; past it create is refused with 429.
    /// Without a word as many as the gateway takes.
    pub sandboxes: Option<usize>,
    /// How long a WebSocket may go without a call, open or new, before it is closed with 1001; its
    /// heartbeats are no calls. Twelve hours unless said otherwise.
    pub idle: Duration,
}

impl Default for TokenLimits {
    fn default() -> Self {
        Self {
            body: LARGEST_BODY,
            head: LARGEST_HEAD,
            message: RECEIVED_MESSAGE,
            requests: REQUESTS,
            connections: None,
            sandboxes: None,
            idle: IDLE,
        }
    }
}

impl TokenLimits {
    /// Refuses limits that cannot work, naming the first.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("max-body", self.body, LARGEST_BODY),
            ("max-head", self.head, LARGEST_HEAD),
            ("max-message", self.message, RECEIVED_MESSAGE),
        ] {
            if !(LEAST_SIZE..=most).contains(&value) {
                return Err(format!("{name}: must be {LEAST_SIZE} to {most} bytes"));
            }
        }
        let counts = [
            ("max-requests", Some(self.requests)),
            ("max-connections", self.connections),
            ("max-project-sandboxes", self.sandboxes),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, value)| *value == Some(0)) {
            return Err(format!("{name}: must be at least 1"));
        }
        if self.idle.is_zero() || self.idle > LONGEST_IDLE {
            return Err("idle-timeout: must be above zero and at most ten years".into());
        }
        Ok(())
    }

    /// The same as [`check`](Self::check), for who starts a gateway.
    pub(crate) fn check_settings(&self) -> Result<(), GatewayError> {
        self.check().map_err(GatewayError::Config)
    }
}

/// What one token opens.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The project it belongs to; `None`: its holder names one with each request.
    pub(crate) project: Option<String>,
    /// Whether it opens the admin routes.
    pub(crate) admin: bool,
    pub(crate) limits: TokenLimits,
    usage: Arc<Usage>,
}

/// What is in use of a grant, over every reading of the file.
#[derive(Debug)]
struct Usage {
    requests: AtomicUsize,
    connections: AtomicUsize,
    bodies: Arc<Semaphore>,
    parsed: Arc<Semaphore>,
    /// True once the token opens nothing any more.
    revoked: watch::Sender<bool>,
}

impl Grant {
    pub(crate) fn new(project: Option<String>, admin: bool, limits: TokenLimits) -> Self {
        let usage = Usage {
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            bodies: Arc::new(Semaphore::new(BODIES / KIB)),
            parsed: Arc::new(Semaphore::new(PARSED / KIB)),
            revoked: watch::Sender::new(false),
        };
        Self { project, admin, limits, usage: Arc::new(usage) }
    }

    /// What follows on `self` for the same token: what is in use stays so. False: it is another
    /// project's now, and nothing follows.
    pub(crate) fn hand_over(&self, next: &mut Self) -> bool {
        let same = self.project == next.project;
        if same {
            next.usage = Arc::clone(&self.usage);
        }
        same
    }

    /// Ends every WebSocket that this grant opened.
    pub(crate) fn revoke(&self) {
        self.usage.revoked.send_replace(true);
    }

    /// Becomes true when the token opens nothing any more.
    pub(crate) fn revoked(&self) -> watch::Receiver<bool> {
        self.usage.revoked.subscribe()
    }

    /// Counts a request until dropped.
    pub(crate) fn request(&self) -> Result<Counted, Refusal> {
        self.count(|usage| &usage.requests, self.limits.requests)
            .ok_or_else(|| Refusal::busy("this token has as many requests under way as it may"))
    }

    /// Counts a connection until dropped.
    pub(crate) fn connection(&self) -> Result<Counted, Refusal> {
        let alone = self.project.is_none();
        let most = match self.limits.connections {
            Some(most) => most,
            None if alone => usize::MAX,
            None => CONNECTIONS_AMONG_OTHERS,
        };
        self.count(|usage| &usage.connections, most)
            .ok_or_else(|| Refusal::busy("this token has as many connections as it may"))
    }

    /// Whether `counted` is one of this grant's.
    pub(crate) fn counts(&self, counted: &Counted) -> bool {
        Arc::ptr_eq(&self.usage, &counted.usage)
    }

    /// Waits for the right to hold a body of `bytes` in memory.
    pub(crate) async fn body(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        hold(&self.usage.bodies, bytes.min(BODIES)).await
    }

    /// Waits for the right to hold what a body says, `bytes` in memory. Who holds it waits for no
    /// right to hold a body.
    pub(crate) async fn parsed(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        hold(&self.usage.parsed, bytes.min(PARSED)).await
    }

    fn count(&self, of: fn(&Usage) -> &AtomicUsize, most: usize) -> Option<Counted> {
        of(&self.usage)
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < most).then_some(count + 1)
            })
            .ok()?;
        Some(Counted { usage: Arc::clone(&self.usage), of })
    }
}

async fn hold(account: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let kibibytes = bytes.div_ceil(KIB) as u32;
    // It is never closed.
    Arc::clone(account).acquire_many_owned(kibibytes).await.ok()
}

/// One of a token's places, given back when dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    usage: Arc<Usage>,
    of: fn(&Usage) -> &AtomicUsize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.of)(&self.usage).fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who sends a request, and where it works.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) grant: Arc<Grant>,
    /// Its token's project, or the one it named.
    pub(crate) namespace: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let limits = TokenLimits { requests: 2, connections: Some(1), ..TokenLimits::default() };
        let grant = Grant::new(Some("p".into()), false, limits);
        let first = grant.request().expect("room");
        let second = grant.request().expect("room");
        assert_eq!(grant.request().map(drop).expect_err("full").status, 429);
        let connection = grant.connection().expect("room of its own");
        assert_eq!(grant.connection().map(drop).expect_err("full").status, 429);
        drop((first, second, connection));
        assert!(grant.request().is_ok() && grant.connection().is_ok());
    }

    #[test]
    fn what_is_in_use_outlives_a_reading() {
        let limits = TokenLimits { requests: 1, ..TokenLimits::default() };
        let old = Grant::new(Some("p".into()), false, limits);
        let held = old.request().expect("room");
        let mut next = Grant::new(Some("p".into()), true, limits);
        assert!(old.hand_over(&mut next));
        assert!(next.request().is_err());
        drop(held);
        assert!(next.request().is_ok());
        let mut moved = Grant::new(Some("q".into()), true, limits);
        assert!(!old.hand_over(&mut moved));
        old.revoke();
        assert!(*next.revoked().borrow() && !*moved.revoked().borrow());
    }

    #[test]
    fn limits_that_cannot_work_are_named() {
        let named = |change: fn(&mut TokenLimits)| {
            let mut limits = TokenLimits::default();
            change(&mut limits);
            limits.check().expect_err("refused")
        };
        assert_eq!(TokenLimits::default().check(), Ok(()));
        assert!(named(|limits| limits.body = LARGEST_BODY + 1).starts_with("max-body"));
        assert!(named(|limits| limits.head = 10).starts_with("max-head"));
        assert!(named(|limits| limits.message = 0).starts_with("max-message"));
        assert!(named(|limits| limits.requests = 0).starts_with("max-requests"));
        assert!(named(|limits| limits.connections = Some(0)).starts_with("max-connections"));
        assert!(named(|limits| limits.sandboxes = Some(0)).starts_with("max-project-sandboxes"));
        assert!(named(|limits| limits.idle = Duration::ZERO).starts_with("idle-timeout"));
    }
}
