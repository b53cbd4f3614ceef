//! Runs one scenario against one gateway.
//!
//! A stage is what the scenarios of one gateway share. However a scenario ends, its sandboxes are
//! deleted and its local directory is gone.

use std::net::{Ipv4Addr, TcpListener};
use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json};
use vtrix_conformance::scenario::{SandboxUse, Scenario, Wire};
use vtrix_conformance::scope::Scope;

use crate::arguments::{Arguments, initialized};
use crate::call::{Failure, Mode, done, judged};
use crate::library::*;
use crate::operations;
use crate::owned::{Owned, lent};
use crate::results;
use crate::steps::{Handle, Handles, Run};

/// Where a gateway is and how to get in.
#[derive(Clone)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The gateway's token.
    pub token: String,
    /// The project under which scenarios work.
    pub project_id: String,
    /// The wire it speaks.
    pub wire: Wire,
}

/// What the scenarios of one gateway share.
pub struct Stage {
    endpoint: Endpoint,
    /// Takes connections, since the system does, and says nothing.
    silent: TcpListener,
    client: Arc<Owned<vtrix_client>>,
    shared: OnceLock<Result<Arc<Owned<vtrix_sandbox>>, String>>,
}

/// For what belongs to no scenario's step.
const WAITING: Mode<'static> = Mode { asynchronous: false, canceller: None };

impl Stage {
    /// A stage on a gateway that runs.
    pub fn new(endpoint: Endpoint) -> Result<Self, String> {
        let mut options = initialized(c().vtrix_client_options_init);
        options.base_url = lent(&endpoint.url);
        options.token = lent(&endpoint.token);
        options.project_id = lent(&endpoint.project_id);
        let client = new_client(&options).map_err(|failure| told(&failure))?;
        let silent =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        Ok(Self { client: Arc::new(client), shared: OnceLock::new(), silent, endpoint })
    }

    /// The wire of its gateway.
    pub fn wire(&self) -> Wire {
        self.endpoint.wire
    }

    /// Deletes what the scenarios shared.
    pub fn clear(&self) {
        if let Some(Ok(sandbox)) = self.shared.get() {
            // The gateway ends all its sandboxes anyway; an error here proves nothing.
            let _ = delete(sandbox);
        }
        // SAFETY: the client is alive.
        unsafe { (c().vtrix_client_close)(self.client.get()) }
    }

    /// Runs one scenario; a failure says at which step what differed.
    pub fn run(&self, scenario: &Scenario) -> Result<(), String> {
        let local = tempfile::tempdir().map_err(|error| error.to_string())?;
        let unique = format!("{}-{:08x}", scenario.name, random());
        let scope = Scope::default();
        let handles = Handles::default();
        handles.insert("client", Handle::Client(self.client.clone()));
        scope.save("unique", unique.clone().into());
        scope.save("wire", self.wire().name().into());
        let silent = self.silent.local_addr().map_err(|error| error.to_string())?;
        scope.save("silent", silent.to_string().into());
        let local_path = local.path().canonicalize().map_err(|error| error.to_string())?;
        scope.save("local", local_path.to_string_lossy().into_owned().into());
        let sandbox = match scenario.sandbox {
            SandboxUse::None => None,
            SandboxUse::Shared => Some(self.shared()?),
            SandboxUse::Fresh => Some(self.fresh(&unique, &scenario.create)?),
        };
        let dir = format!("/workspace/{unique}");
        if let Some(sandbox) = &sandbox {
            done!(
                WAITING,
                vtrix_sandbox_mkdir,
                vtrix_sandbox_mkdir_async,
                sandbox.get(),
                lent(&dir)
            )
            .map_err(|failure| told(&failure))?;
            scope.save("dir", dir.clone().into());
            scope.save("sandbox", operations::info(sandbox));
            handles.insert("sandbox", Handle::Sandbox(sandbox.clone()));
        }
        let run = Run::new(self.endpoint.clone(), scope, handles, local_path);
        let outcome = run.steps(&scenario.steps, "");
        run.end_tasks();
        if let Some(sandbox) = sandbox {
            if scenario.sandbox == SandboxUse::Shared {
                let arguments = Map::from_iter([
                    ("cmd".to_owned(), "rm -rf --".into()),
                    ("args".to_owned(), Json::from(vec![dir])),
                ]);
                let _ = operations::run_command(WAITING, &sandbox, Arguments(&arguments));
            } else {
                // A scenario may have deleted or closed it.
                let _ = delete(&sandbox);
            }
        }
        outcome
    }

    fn shared(&self) -> Result<Arc<Owned<vtrix_sandbox>>, String> {
        self.shared.get_or_init(|| self.fresh("conformance-shared", &Map::new())).clone()
    }

    fn fresh(
        &self,
        user: &str,
        create: &Map<String, Json>,
    ) -> Result<Arc<Owned<vtrix_sandbox>>, String> {
        let mut with = create.clone();
        with.insert("user_id".into(), user.into());
        operations::create(WAITING, &self.client, Arguments(&with))
            .map(Arc::new)
            .map_err(|failure| told(&failure))
    }
}

/// Ends the library: every thread of its is joined. All stages must be gone.
pub fn end() -> Result<(), String> {
    let mut error = null_mut();
    // SAFETY: nothing of the library's is in use any more.
    let status = unsafe { (c().vtrix_shutdown)(&raw mut error) };
    judged(status, error).map_err(|failure| told(&failure))
}

pub(crate) fn new_client(options: &vtrix_client_options) -> Result<Owned<vtrix_client>, Failure> {
    let (mut client, mut error) = (null_mut(), null_mut());
    // SAFETY: what the options lend is alive until the function returns.
    let status = unsafe { (c().vtrix_client_new)(options, &raw mut client, &raw mut error) };
    judged(status, error).map(|()| Owned::new(client, c().vtrix_client_free))
}

fn delete(sandbox: &Owned<vtrix_sandbox>) -> Result<(), Failure> {
    done!(WAITING, vtrix_sandbox_delete, vtrix_sandbox_delete_async, sandbox.get())
}

fn told(failure: &Failure) -> String {
    vtrix_conformance::matcher::show(&results::failure(failure))
}

fn random() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Keyed anew by the standard library in every call, which is all that a name needs.
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}
