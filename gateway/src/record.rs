//! What the gateway remembers of a sandbox, and how a client sees it.
//!
//! A [`Record`] is everything that must survive the gateway, payloads aside: those may be large
//! and secret, change never, and have a table of their own. Times are milliseconds since 1970.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use vtrix_protocol::control::{Info, Spec};

use crate::backend::Handle;
use crate::config::DEFAULT_IMAGE;
use crate::lifecycle::Status;

const RFC3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) fn millis(self) -> i64 {
        self.0
    }

    /// So much later; the far end of time stays where it is.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// So much earlier.
    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How far away `self` is at `now`; zero once it is past.
    pub(crate) fn away_at(self, now: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(now.0)).unwrap_or(0))
    }

    /// As RFC 3339 in UTC with milliseconds.
    pub(crate) fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|time| time.format(RFC3339_MILLIS).ok())
            .unwrap_or_default()
    }
}

/// A sandbox, as it is written down.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) namespace: String,
    pub(crate) status: Status,
    pub(crate) image: String,
    pub(crate) spec: Option<Spec>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) allocated_at: Option<Timestamp>,
    pub(crate) expire_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    /// Which block of 65,536 user ids is its own.
    pub(crate) slot: u32,
    /// How the backend finds its executor again.
    pub(crate) handle: Option<Handle>,
    /// Why it failed, for people.
    pub(crate) message: Option<String>,
}

impl Record {
    /// What a client sees. `plain` leaves our additions out.
    pub(crate) fn info(&self, plain: bool) -> Info {
        let not_enforced = self.not_enforced();
        Info {
            id: self.id.clone(),
            user_id: self.user_id.clone(),
            namespace: self.namespace.clone(),
            status: self.status.word(plain).to_owned(),
            image_tag: self.image.clone(),
            spec: self.spec.clone(),
            labels: self.labels.clone(),
            created_at: self.created_at.rfc3339(),
            allocated_at: self.allocated_at.map(Timestamp::rfc3339).unwrap_or_default(),
            expire_at: self.expire_at.rfc3339(),
            last_active_at: self.last_active_at.rfc3339(),
            message: if plain { None } else { self.message.clone() },
            not_enforced: if plain || not_enforced.is_empty() { None } else { Some(not_enforced) },
            // Previews and addresses inside a cluster: this gateway has neither.
            ..Info::default()
        }
    }

    /// What of the spec no one holds the sandbox to.
    fn not_enforced(&self) -> Vec<String> {
        let Some(spec) = &self.spec else { return Vec::new() };
        [
            ("cpu", &spec.cpu),
            ("memory", &spec.memory),
            ("requests_cpu", &spec.requests_cpu),
            ("requests_memory", &spec.requests_memory),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| name.to_owned())
        .collect()
    }
}

/// The image a spec asks for.
pub(crate) fn image_of(spec: Option<&Spec>) -> String {
    match spec {
        Some(spec) if !spec.image.is_empty() => spec.image.clone(),
        _ => DEFAULT_IMAGE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(Timestamp(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_700_000_000_042).rfc3339(), "2023-11-14T22:13:20.042Z");
        assert_eq!(Timestamp(i64::MAX).rfc3339(), "", "past what the calendar knows");
    }

    #[test]
    fn the_far_end_of_time_stays() {
        let end = Timestamp(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp(0).away_at(end), Duration::ZERO);
    }
}
