//! Making a call again: when that is safe, how often, and after what wait.
//!
//! **What is made again.** A call that provably never reached the gateway may be, whatever it does.
//! A call that may have reached it is made again only if it is idempotent, and only after an error
//! that another attempt can mend. A deadline that has passed is never such an error. Which calls
//! are idempotent is said where they are made.
//!
//! **After what wait.** It doubles from [`FIRST_WAIT`] to [`LONGEST_WAIT`], and half of it is left
//! to chance, so that clients that were cut off together do not come back together. Where the
//! gateway said when to come back, never before that. An attempt that could not begin before the
//! call's deadline is not waited for: its caller has the error at once. Waiting holds nothing, and
//! dropping the call ends it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// The wait before the second attempt, in full.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The wait that no further doubling lengthens.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A gateway that asks for more than this is not waited for; the error says how long.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The attempts of one call that are left.
pub(crate) struct Retry {
    left: u32,
    wait: Duration,
    deadline: Instant,
}

impl Retry {
    /// For a call that has been made once by `deadline`.
    pub(super) fn new(config: &Config, deadline: Instant) -> Self {
        Self { left: config.max_retries, wait: FIRST_WAIT, deadline }
    }

    /// For what is made again as often as there is time.
    pub(crate) fn within(limit: Duration) -> Self {
        Self { left: u32::MAX, wait: FIRST_WAIT, deadline: deadline(limit) }
    }

    /// Waits until the call may be made again after `error`, or gives the error back where it may
    /// not. Cancel-safe.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        let asked = error.retry_after().unwrap_or_default();
        let wait = jitter(self.wait).max(asked);
        let next = Instant::now() + wait;
        if self.left == 0 || asked > LONGEST_RETRY_AFTER || next >= self.deadline {
            return Err(error);
        }
        self.left -= 1;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        tracing::debug!(%error, ?wait, "trying again");
        tokio::time::sleep_until(next).await;
        Ok(())
    }
}

/// Half of `wait`, and a random part of the other half.
fn jitter(wait: Duration) -> Duration {
    // Seeded here: fastrand's own generator asks for the thread's id, which leaves a record of the
    // caller's thread behind, in memory that is never freed.
    let seed = RandomState::new().build_hasher().finish();
    wait.mul_f64(0.5 + fastrand::Rng::with_seed(seed).f64() / 2.0)
}

/// Whether a call that failed so never reached the gateway, and another attempt may.
pub(super) fn never_reached(error: &Error) -> bool {
    error.kind() == ErrorKind::ConnectFailed && error.may_have_run() == Some(false)
}

/// Whether an idempotent call that failed so is worth another attempt.
pub(super) fn transient(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectFailed
            | ErrorKind::ConnectionLost
            | ErrorKind::RateLimited
            | ErrorKind::Unavailable
    )
}

/// The end of a wait that begins now. [`Duration::MAX`], and what no clock reaches, is for ever.
pub(crate) fn deadline(limit: Duration) -> Instant {
    // Tokio's own measure of "far": its timers hold no more.
    const FAR: Duration = Duration::from_hours(30 * 365 * 24);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + FAR)
}

/// When the gateway asks to be called again: in seconds, or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date has whole seconds: what is left of this one is waited for, too.
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "x")
    }

    fn retries(left: u32, limit: Duration) -> Retry {
        Retry { left, wait: FIRST_WAIT, deadline: deadline(limit) }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_a_limit_and_then_the_error_comes_back() {
        let mut retry = retries(8, Duration::MAX);
        let mut whole = FIRST_WAIT;
        for _ in 0..8 {
            let begun = Instant::now();
            retry.again(error(ErrorKind::Unavailable)).await.unwrap();
            let waited = begun.elapsed();
            // The timer counts whole milliseconds.
            assert!(waited >= whole / 2 && waited <= whole + Duration::from_millis(1));
            whole = (whole * 2).min(LONGEST_WAIT);
        }
        let end = retry.again(error(ErrorKind::Unavailable)).await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_reaches_past_the_deadline() {
        let begun = Instant::now();
        let mut retry = retries(9, Duration::from_millis(20));
        retry.again(error(ErrorKind::Unavailable)).await.unwrap_err();
        let late = error(ErrorKind::RateLimited).with_retry_after(Some(Duration::from_secs(5)));
        let mut retry = retries(9, Duration::from_secs(5));
        let end = retry.again(late).await.unwrap_err();
        assert_eq!(end.retry_after(), Some(Duration::from_secs(5)));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_gateway_asks_for_is_waited_for_up_to_a_limit() {
        let asked = |after| error(ErrorKind::RateLimited).with_retry_after(Some(after));
        let begun = Instant::now();
        retries(1, Duration::MAX).again(asked(LONGEST_RETRY_AFTER)).await.unwrap();
        assert!(begun.elapsed() >= LONGEST_RETRY_AFTER);
        let begun = Instant::now();
        let more = LONGEST_RETRY_AFTER + Duration::from_secs(1);
        retries(1, Duration::MAX).again(asked(more)).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let left = read(&date).unwrap();
        assert!(left > Duration::from_secs(90) && left <= Duration::from_secs(100), "{left:?}");
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn deadlines_are_not_tried_again() {
        for kind in [ErrorKind::Timeout, ErrorKind::ConnectTimeout, ErrorKind::Cancelled] {
            assert!(!transient(&error(kind)) && !never_reached(&error(kind)));
        }
        assert!(!never_reached(&error(ErrorKind::ConnectFailed)));
        assert!(never_reached(&error(ErrorKind::ConnectFailed).with_may_have_run(false)));
    }
}
