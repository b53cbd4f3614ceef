//! The life of a sandbox: its states, what may happen in each, and the words clients read.
//!
//! One table holds every legal transition; whatever it does not list is refused and changes
//! nothing. A transition is written to the store before it is acted on, so each state whose work
//! takes time has a rule for a gateway that finds it half-done at start ([`Status::after_a_crash`]).
//! Nothing here does any work.

use serde::{Deserialize, Serialize};

/// Where a sandbox is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Accepted; its first executor is on the way.
    Creating,
    /// Its next executor is on the way: after start, restart or update.
    Starting,
    /// Its executor serves.
    Active,
    /// Its executor serves, and payloads are being applied.
    Configuring,
    /// Its executor is being ended; its files stay.
    Stopping,
    /// It has files and no executor.
    Stopped,
    /// Its executor could not start, or ended by itself; its files stay.
    Failed,
    /// It is being removed. For clients it is gone.
    Destroying,
}

/// What can happen to a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Its executor serves and its payloads are applied.
    Ready,
    /// Its executor did not start, or a payload failed.
    NotStarted,
    /// A client wants it stopped.
    Stop,
    /// Its executor ended as wanted.
    Ended,
    /// Its executor could not be ended.
    Stuck,
    /// A client wants it started.
    Start,
    /// A client wants it stopped and started.
    Restart,
    /// A client wants it made anew with another spec or image.
    Update,
    /// A client wants payloads applied.
    Configure,
    /// Its payloads are applied, or one failed.
    Configured,
    /// Its executor ended by itself.
    Died,
    /// A client wants it gone, or its time is up.
    Delete,
}

/// Every legal transition.
const TABLE: &[(Status, Event, Status)] = {
    use Event as E;
    use Status as S;
    &[
        (S::Creating, E::Ready, S::Active),
        (S::Creating, E::NotStarted, S::Failed),
        (S::Creating, E::Delete, S::Destroying),
        (S::Starting, E::Ready, S::Active),
        (S::Starting, E::NotStarted, S::Failed),
        (S::Starting, E::Delete, S::Destroying),
        (S::Active, E::Stop, S::Stopping),
        (S::Active, E::Restart, S::Starting),
        (S::Active, E::Update, S::Starting),
        (S::Active, E::Configure, S::Configuring),
        (S::Active, E::Died, S::Failed),
        (S::Active, E::Delete, S::Destroying),
        (S::Configuring, E::Configured, S::Active),
        (S::Configuring, E::Died, S::Failed),
        (S::Configuring, E::Delete, S::Destroying),
        (S::Stopping, E::Ended, S::Stopped),
        (S::Stopping, E::Stuck, S::Failed),
        (S::Stopping, E::Delete, S::Destroying),
        (S::Stopped, E::Start, S::Starting),
        (S::Stopped, E::Delete, S::Destroying),
        (S::Failed, E::Start, S::Starting),
        (S::Failed, E::Delete, S::Destroying),
    ]
};

/// What a starting gateway does about a state that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// End whatever was begun, and begin again.
    StartAgain,
    /// Take the executor up if it still serves; else the sandbox died meanwhile.
    Adopt,
    /// End the executor if it still runs.
    FinishStop,
    /// Nothing was under way.
    Keep,
    /// Remove what is left.
    FinishDelete,
}

impl Status {
    #[cfg(test)]
    const ALL: [Self; 8] = [
        Self::Creating,
        Self::Starting,
        Self::Active,
        Self::Configuring,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
        Self::Destroying,
    ];

    /// The state after `event`, or `None` where that is not legal.
    pub(crate) fn after(self, event: Event) -> Option<Self> {
        TABLE.iter().find(|(from, on, _)| *from == self && *on == event).map(|(.., to)| *to)
    }

    /// What a gateway does that finds this state at its start.
    pub(crate) fn after_a_crash(self) -> Recovery {
        match self {
            Self::Creating | Self::Starting => Recovery::StartAgain,
            Self::Active | Self::Configuring => Recovery::Adopt,
            Self::Stopping => Recovery::FinishStop,
            Self::Stopped | Self::Failed => Recovery::Keep,
            Self::Destroying => Recovery::FinishDelete,
        }
    }

    /// An executor serves.
    pub(crate) fn serves(self) -> bool {
        matches!(self, Self::Active | Self::Configuring)
    }

    /// The word clients read. The plain wire has only words that deployed clients are known to
    /// wait through or to give up at.
    pub(crate) fn word(self, plain: bool) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Starting if plain => "creating",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Configuring if plain => "creating",
            Self::Configuring => "configuring",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Destroying => "destroying",
        }
    }
}

impl Event {
    #[cfg(test)]
    const ALL: [Self; 12] = [
        Self::Ready,
        Self::Stuck,
        Self::NotStarted,
        Self::Stop,
        Self::Ended,
        Self::Start,
        Self::Restart,
        Self::Update,
        Self::Configure,
        Self::Configured,
        Self::Died,
        Self::Delete,
    ];

    /// The client's verb, for a refusal.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Update => "update",
            Self::Configure => "configure",
            Self::Delete => "delete",
            Self::Ready
            | Self::NotStarted
            | Self::Ended
            | Self::Stuck
            | Self::Configured
            | Self::Died => "advance",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_transition_is_listed_twice() {
        let keys: HashSet<_> = TABLE.iter().map(|(from, on, _)| (*from, *on)).collect();
        assert_eq!(keys.len(), TABLE.len());
    }

    #[test]
    fn everything_can_be_deleted_once_and_nothing_comes_back() {
        for status in Status::ALL {
            let expected = (status != Status::Destroying).then_some(Status::Destroying);
            assert_eq!(status.after(Event::Delete), expected, "{status:?}");
        }
        for event in Event::ALL {
            assert_eq!(Status::Destroying.after(event), None, "{event:?}");
        }
    }

    #[test]
    fn every_state_is_reached_and_left() {
        let mut reached = HashSet::from([Status::Creating]);
        loop {
            let next: Vec<_> = TABLE
                .iter()
                .filter(|(from, _, to)| reached.contains(from) && !reached.contains(to))
                .map(|(.., to)| *to)
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        assert_eq!(reached.len(), Status::ALL.len());
    }

    #[test]
    fn refusals_that_clients_rely_on() {
        assert_eq!(Status::Active.after(Event::Start), None);
        for event in [Event::Stop, Event::Restart, Event::Update, Event::Configure] {
            assert_eq!(Status::Stopped.after(event), None, "{event:?}");
        }
    }

    #[test]
    fn work_that_takes_time_always_has_an_end() {
        // A state with a job behind it leads on without a client's help.
        let own = [Event::Ready, Event::NotStarted, Event::Ended, Event::Configured];
        for status in [Status::Creating, Status::Starting, Status::Stopping, Status::Configuring] {
            assert!(own.iter().any(|event| status.after(*event).is_some()), "{status:?}");
        }
    }

    #[test]
    fn the_plain_wire_has_known_words_only() {
        let known = ["creating", "active", "stopping", "stopped", "failed", "destroying"];
        for status in Status::ALL {
            assert!(known.contains(&status.word(true)), "{status:?}");
        }
    }
}
