//! The sandbox as a whole: stopping, starting, changing, deleting it, and waiting for that.
//!
//! Stop, start, restart, update and configure return once the gateway has accepted them;
//! waiting is polling, at once and then ever more slowly.

use std::time::Duration;

use tokio::time::Instant;
use vtrix_protocol::control;

use crate::MAX_EXTEND_SECONDS;
use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::Sandbox;
use crate::transport::ControlPlane;
use crate::types::{Payload, Spec};
use crate::validate;

/// The status in which a sandbox runs commands.
pub(crate) const ACTIVE: &str = "active";
const STOPPED: &str = "stopped";
const FAILED: &str = "failed";
const DESTROYING: &str = "destroying";

/// The first wait between two looks: less than a local sandbox takes to start.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// The longest wait between two looks for `active`.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// So many looks in a row may fail in a way that may pass before waiting gives up.
const FAILED_LOOKS: u32 = 5;
/// The seed's: how often stop looks, and for how long.
const STOP_POLL_INTERVAL: Duration = Duration::from_secs(2);
const STOP_TIMEOUT: Duration = Duration::from_mins(5);

/// Options of [`Sandbox::stop`].
#[derive(Debug, Clone)]
pub struct StopOptions {
    blocking: bool,
    poll_interval: Duration,
    timeout: Duration,
}

impl StopOptions {
    /// Not blocking.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until the sandbox is `stopped` or `failed`.
    #[must_use]
    pub fn blocking(mut self, blocking: bool) -> Self {
        self.blocking = blocking;
        self
    }

    /// The longest wait between two looks: 2 s unless said otherwise. The first ones are closer.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// How long to wait at most: 300 s unless said otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for StopOptions {
    fn default() -> Self {
        Self { blocking: false, poll_interval: STOP_POLL_INTERVAL, timeout: STOP_TIMEOUT }
    }
}

/// Options of [`Sandbox::update`]; at least one is needed.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    spec: Option<Spec>,
    image: Option<String>,
}

impl UpdateOptions {
    /// Nothing to change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// New resources.
    #[must_use]
    pub fn spec(mut self, spec: Spec) -> Self {
        self.spec = Some(spec);
        self
    }

    /// A new image.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }
}

/// The sandbox as a whole.
impl Sandbox {
    /// Reads what the gateway knows of the sandbox now, for [`info`](Self::info) and its
    /// neighbours. Cancel-safe.
    pub async fn refresh(&self) -> Result<()> {
        let info = self.guard("refresh", self.control().get(self.id())).await?;
        self.remember(info.into());
        Ok(())
    }

    /// Stops the sandbox; its files stay, its processes end. Calls in progress fail.
    ///
    /// Blocking, it returns once the sandbox is `stopped` or `failed` (look at
    /// [`status`](Self::status)), or fails with [`ErrorKind::Timeout`]. Dropping the future gives
    /// up the wait, not the stop.
    pub async fn stop(&self, options: StopOptions) -> Result<()> {
        let work = async {
            if options.blocking && options.poll_interval.is_zero() {
                return Err(Error::invalid("poll_interval is zero"));
            }
            self.control().stop(self.id()).await?;
            self.link().renew();
            if !options.blocking {
                return Ok(());
            }
            let over = |info: &control::Info| Ok(matches!(info.status.as_str(), STOPPED | FAILED));
            let pace = Pace { longest: options.poll_interval, limit: options.timeout };
            let info = poll(self.control(), self.id(), None, pace, over).await?;
            self.remember(info.into());
            Ok(())
        };
        self.guard("stop", work).await
    }

    /// Starts a stopped sandbox. It is not active yet when this returns:
    /// [`wait_until_active`](Self::wait_until_active).
    pub async fn start(&self) -> Result<()> {
        self.guard("start", self.renewed(self.control().start(self.id()))).await
    }

    /// Stops and starts the sandbox. It is not active yet when this returns.
    pub async fn restart(&self) -> Result<()> {
        self.guard("restart", self.renewed(self.control().restart(self.id()))).await
    }

    /// Waits until the sandbox is active.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotActive`] at once if it is stopped, has failed or is being destroyed, with
    /// status and message; [`ErrorKind::Timeout`] after `timeout`. Cancel-safe.
    pub async fn wait_until_active(&self, timeout: Duration) -> Result<()> {
        let work = async {
            let info = until_active(self.control(), self.id(), None, timeout)
                .await
                .map_err(|error| error.about(&format!("sandbox {}", self.id())))?;
            self.remember(info.into());
            Ok(())
        };
        self.guard("wait_until_active", work).await
    }

    /// Adds `seconds`, 1 to [`MAX_EXTEND_SECONDS`], to the sandbox's lifetime. What is cached
    /// stays as it is: [`extend_timeout`](Self::extend_timeout).
    pub async fn extend(&self, seconds: u64) -> Result<()> {
        let work = async {
            check_seconds(seconds)?;
            self.control().extend(self.id(), seconds).await
        };
        self.guard("extend", work).await
    }

    /// [`extend`](Self::extend), then [`refresh`](Self::refresh).
    pub async fn extend_timeout(&self, seconds: u64) -> Result<()> {
        self.extend(seconds).await?;
        self.refresh().await
    }

    /// Changes resources or image. The gateway may make the sandbox anew for it; its files stay.
    pub async fn update(&self, options: UpdateOptions) -> Result<()> {
        let work = async {
            let UpdateOptions { spec, image } = options;
            if spec.is_none() && image.is_none() {
                return Err(Error::invalid("update needs a spec or an image"));
            }
            if let Some(image) = &image {
                validate::text("image", image)?;
            }
            let body = control::UpdateRequest { spec: spec.map(Into::into), image };
            self.renewed(self.control().update(self.id(), &body)).await
        };
        self.guard("update", work).await
    }

    /// Applies the sandbox's configuration now: its stored payloads, or `payloads` in their place
    /// this one time.
    pub async fn configure(&self, payloads: Option<Vec<Payload>>) -> Result<()> {
        let work = async {
            for payload in payloads.iter().flatten() {
                validate::text("payloads: an api", &payload.api)?;
            }
            let payloads = payloads.map(|list| list.into_iter().map(Into::into).collect());
            self.renewed(self.control().configure(self.id(), payloads)).await
        };
        self.guard("configure", work).await
    }

    /// Once the gateway has accepted `work`, the executor behind today's connections is on its way
    /// out: the next call dials afresh.
    async fn renewed(&self, work: impl Future<Output = Result<()>>) -> Result<()> {
        work.await?;
        self.link().renew();
        Ok(())
    }

    /// Deletes the sandbox with everything in it, for good. The handle stays, to be closed or
    /// dropped; its calls fail. Once sent, it happens even if the future is dropped.
    pub async fn delete(&self) -> Result<()> {
        self.guard("delete", self.control().delete(self.id())).await
    }
}

fn check_seconds(seconds: u64) -> Result<()> {
    if (1..=MAX_EXTEND_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(Error::invalid(format!("seconds is {seconds}, not 1 to {MAX_EXTEND_SECONDS}")))
}

/// Waits for `active`; `first` is what is known already.
pub(crate) async fn until_active(
    control: &ControlPlane,
    id: &str,
    first: Option<control::Info>,
    timeout: Duration,
) -> Result<control::Info> {
    let pace = Pace { longest: LONGEST_WAIT, limit: timeout };
    poll(control, id, first, pace, is_active).await
}

/// Whether to stop waiting for `active`, and whether in vain.
fn is_active(info: &control::Info) -> Result<bool> {
    match info.status.as_str() {
        ACTIVE => Ok(true),
        status @ (STOPPED | FAILED | DESTROYING) => {
            let message = match info.message.as_deref() {
                None | Some("") => format!("its status is {status}"),
                Some(message) => format!("its status is {status}: {message}"),
            };
            Err(Error::new(ErrorKind::NotActive, message))
        }
        _ => Ok(false),
    }
}

struct Pace {
    longest: Duration,
    limit: Duration,
}

async fn poll(
    control: &ControlPlane,
    id: &str,
    mut known: Option<control::Info>,
    pace: Pace,
    over: impl Fn(&control::Info) -> Result<bool>,
) -> Result<control::Info> {
    let mut seen = None::<String>;
    let work = async {
        let mut wait = FIRST_WAIT.min(pace.longest);
        let mut failed = 0;
        loop {
            let look = match known.take() {
                Some(info) => Ok(info),
                None => control.look(id).await,
            };
            match look {
                Ok(info) => {
                    failed = 0;
                    if over(&info)? {
                        return Ok(info);
                    }
                    seen = Some(info.status);
                }
                // A gateway that restarts, or a network that hiccups, ends no wait.
                Err(error) if error.retryable() && failed + 1 < FAILED_LOOKS => failed += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(pace.longest);
        }
    };
    // `Duration::MAX` is for ever: the clock ends before.
    let result = match Instant::now().checked_add(pace.limit) {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    };
    result.unwrap_or_else(|| {
        let status = seen.unwrap_or_else(|| "not known".to_owned());
        let message = format!("its status is still {status} after {:?}", pace.limit);
        Err(Error::new(ErrorKind::Timeout, message).with_may_have_run(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(status: &str, message: Option<&str>) -> control::Info {
        control::Info {
            status: status.into(),
            message: message.map(str::to_owned),
            ..control::Info::default()
        }
    }

    #[test]
    fn waiting_for_active_gives_up_where_it_must() {
        assert!(is_active(&info("active", None)).unwrap());
        for status in ["creating", "warming", "warm", "", "some-new-word"] {
            assert!(!is_active(&info(status, None)).unwrap());
        }
        for status in ["stopped", "failed", "destroying"] {
            let error = is_active(&info(status, Some("no such image"))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotActive);
            assert!(error.message().contains(status) && error.message().contains("no such image"));
        }
    }

    #[test]
    fn seconds_are_bounded() {
        assert!(check_seconds(1).is_ok() && check_seconds(MAX_EXTEND_SECONDS).is_ok());
        for seconds in [0, MAX_EXTEND_SECONDS + 1, u64::MAX] {
            assert!(check_seconds(seconds).unwrap_err().message().contains("seconds"));
        }
    }
}
