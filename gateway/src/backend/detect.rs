//! Which way of keeping sandboxes apart works here.
//!
//! Nothing is guessed from versions or files: a real sandbox is built once in each mode, best
//! first, until one serves. A part of it that the machine refuses and that holds nothing in is left
//! out, and it is tried again. What a mode that failed had to say is kept for the operator. A
//! program that starts many gateways asks once for each file system.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vtrix_executor::contract::{AgentConfig, Mode, Part};

use super::ids::PROBE_SLOT;
use super::local::{Local, NotStarted, Settings};
use super::{Backend, BackendError, StartRequest};
use crate::config::{self, DEFAULT_IMAGE};
use crate::error::GatewayError;
use crate::executor_image::ExecutorImage;

/// Best first. Root need not be the machine's: in a container it may have no more rights than
/// anyone.
const ROOT_MODES: [Mode; 3] = [Mode::RootUserns, Mode::Root, Mode::User];
const USER_MODES: [Mode; 2] = [Mode::UserRange, Mode::User];

/// A mode that works, what it goes without, and why better ones do not work.
#[derive(Debug, Clone)]
pub(crate) struct Detected {
    pub(crate) mode: Mode,
    pub(crate) without: Vec<(Part, String)>,
    pub(crate) failed: Vec<(Mode, String)>,
}

/// What came of trying a mode: the parts to go without, each with its reason, or why it fails.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) mode: Mode,
    pub(crate) outcome: Result<Vec<(Part, String)>, String>,
}

static KNOWN: Mutex<Option<HashMap<u64, Detected>>> = Mutex::new(None);

/// Tries the modes that `backend` stands for and returns a backend of the best that works.
pub(crate) async fn detect(
    backend: config::Backend,
    settings: Settings,
) -> Result<(Local, Detected), GatewayError> {
    let image = load(&settings.data_dir).await?;
    let device = std::fs::metadata(&settings.data_dir).map(|data| data.dev()).ok();
    let known = |detected: Detected| {
        let without = detected.without.iter().map(|(part, _)| *part).collect();
        (Local::new(detected.mode, without, settings.clone(), Arc::clone(&image)), detected)
    };
    let modes = match backend {
        config::Backend::Local => modes(),
        config::Backend::Process => &[Mode::Process],
    };
    if backend == config::Backend::Local
        && let Some(detected) = device.and_then(|device| {
            KNOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&device).cloned()
        })
    {
        return Ok(known(detected));
    }
    let mut failed = Vec::new();
    for mode in modes {
        match attempt(*mode, &settings, &image).await {
            Ok(without) => {
                let detected = Detected { mode: *mode, without, failed };
                if let (config::Backend::Local, Some(device)) = (backend, device) {
                    KNOWN
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert_default()
                        .insert(device, detected.clone());
                }
                return Ok(known(detected));
            }
            Err(why) => failed.push((*mode, why)),
        }
    }
    Err(GatewayError::Isolation(explain(&failed)))
}

/// Tries every mode there is for this user, best first.
pub(crate) async fn attempts(settings: &Settings) -> Result<Vec<Attempt>, GatewayError> {
    let image = load(&settings.data_dir).await?;
    let mut attempts = Vec::new();
    for mode in modes() {
        attempts.push(Attempt { mode: *mode, outcome: attempt(*mode, settings, &image).await });
    }
    Ok(attempts)
}

fn modes() -> &'static [Mode] {
    if rustix::process::geteuid().is_root() { &ROOT_MODES } else { &USER_MODES }
}

async fn load(dir: &Path) -> Result<Arc<ExecutorImage>, GatewayError> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || ExecutorImage::load(&dir))
        .await
        .map_err(|_| GatewayError::NoExecutor("unpacking the executor panicked".into()))?
}

/// The modes that failed, and each reason once.
pub(crate) fn explain(failed: &[(Mode, String)]) -> String {
    let mut reasons: Vec<(String, &str)> = Vec::new();
    for (mode, why) in failed {
        match reasons.iter_mut().find(|(_, known)| known == why) {
            Some((modes, _)) => *modes = format!("{modes}, {mode}"),
            None => reasons.push((mode.to_string(), why)),
        }
    }
    reasons.iter().map(|(modes, why)| format!("{modes}: {why}")).collect::<Vec<_>>().join("; ")
}

/// Tries `mode` until it works or nothing is left that it could go without.
async fn attempt(
    mode: Mode,
    settings: &Settings,
    image: &Arc<ExecutorImage>,
) -> Result<Vec<(Part, String)>, String> {
    let mut without: Vec<(Part, String)> = Vec::new();
    loop {
        let parts: BTreeSet<_> = without.iter().map(|(part, _)| *part).collect();
        let candidate = Local::new(mode, parts, settings.clone(), Arc::clone(image));
        match probe(&candidate).await {
            Ok(()) => return Ok(without),
            Err(NotStarted { error: BackendError(why), part: Some(part) })
                if without.iter().all(|(other, _)| *other != part) =>
            {
                without.push((part, why));
            }
            Err(failed) => return Err(failed.error.0),
        }
    }
}

async fn probe(backend: &Local) -> Result<(), NotStarted> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| BackendError(error.to_string()))?;
    let name = format!("probe-{:016x}", u64::from_ne_bytes(nonce));
    let request = StartRequest {
        name: name.clone(),
        image: DEFAULT_IMAGE.into(),
        slot: PROBE_SLOT,
        agent: AgentConfig::default(),
    };
    let outcome = match backend.launch(request).await {
        Ok(running) => {
            // By asking first: without isolation only the executor knows its processes.
            let patience = Duration::from_secs(1);
            backend.stop(&name, Some(&running.handle), patience).await.map_err(NotStarted::from)
        }
        Err(failed) => Err(failed),
    };
    // A mode that cannot even be tidied up after does not work.
    let removed = backend.delete(&name).await.map_err(NotStarted::from);
    outcome.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_modes_share_is_told_once() {
        let failed = [
            (Mode::RootUserns, "clone: no".to_owned()),
            (Mode::Root, "mount: no".to_owned()),
            (Mode::User, "clone: no".to_owned()),
        ];
        assert_eq!(explain(&failed), "root-userns, user: clone: no; root: mount: no");
    }
}
