//! Which way of keeping sandboxes apart works here.
//!
//! Nothing is guessed from versions or files: a real sandbox is built once in each mode, best
//! first, until one serves. What a mode that failed had to say is kept for the operator. A program
//! that starts many gateways asks once for each file system.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vtrix_executor::contract::{AgentConfig, Mode};

use super::local::{Local, Settings};
use super::{Backend, StartRequest};
use crate::config::{self, DEFAULT_IMAGE, MOST_SANDBOXES};
use crate::error::GatewayError;
use crate::executor_image::ExecutorImage;

/// Best first.
const MODES: [Mode; 3] = [Mode::RootUserns, Mode::Root, Mode::User];
/// The block of user ids after the last that a record can have.
const PROBE_SLOT: u32 = MOST_SANDBOXES as u32;

/// A mode that works, and why better ones do not.
#[derive(Debug, Clone)]
pub(crate) struct Detected {
    pub(crate) mode: Mode,
    pub(crate) failed: Vec<(Mode, String)>,
}

static KNOWN: Mutex<Option<HashMap<u64, Detected>>> = Mutex::new(None);

/// Tries the modes that `backend` stands for and returns a backend of the best that works.
pub(crate) async fn detect(
    backend: config::Backend,
    settings: Settings,
) -> Result<(Local, Detected), GatewayError> {
    let image = {
        let dir = settings.data_dir.clone();
        tokio::task::spawn_blocking(move || ExecutorImage::load(&dir))
            .await
            .map_err(|_| GatewayError::NoExecutor("unpacking the executor panicked".into()))??
    };
    let modes: &[Mode] = match backend {
        config::Backend::Local => &MODES,
        config::Backend::Process => &[Mode::Process],
    };
    let device = std::fs::metadata(&settings.data_dir).map(|data| data.dev()).ok();
    let local = |mode| Local::new(mode, settings.clone(), Arc::clone(&image));
    if backend == config::Backend::Local
        && let Some(known) = device.and_then(|device| {
            KNOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&device).cloned()
        })
    {
        return Ok((local(known.mode), known));
    }
    let mut failed = Vec::new();
    for mode in modes {
        let candidate = local(*mode);
        match probe(&candidate).await {
            Ok(()) => {
                let detected = Detected { mode: *mode, failed };
                if let (config::Backend::Local, Some(device)) = (backend, device) {
                    KNOWN
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert_default()
                        .insert(device, detected.clone());
                }
                return Ok((candidate, detected));
            }
            Err(why) => failed.push((*mode, why)),
        }
    }
    Err(GatewayError::Isolation(explain(&failed)))
}

/// Each mode that failed, and its reason.
pub(crate) fn explain(failed: &[(Mode, String)]) -> String {
    failed.iter().map(|(mode, why)| format!("{mode}: {why}")).collect::<Vec<_>>().join("; ")
}

async fn probe(backend: &Local) -> Result<(), String> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let name = format!("probe-{:016x}", u64::from_ne_bytes(nonce));
    let request = StartRequest {
        name: name.clone(),
        image: DEFAULT_IMAGE.into(),
        slot: PROBE_SLOT,
        agent: AgentConfig::default(),
    };
    let outcome = match backend.start(request).await {
        Ok(running) => {
            // By asking first: without isolation only the executor knows its processes.
            let patience = Duration::from_secs(1);
            backend
                .stop(&name, Some(&running.handle), patience)
                .await
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    // A mode that cannot even be tidied up after does not work.
    let removed = backend.delete(&name).await.map_err(|error| error.to_string());
    outcome.and(removed)
}
