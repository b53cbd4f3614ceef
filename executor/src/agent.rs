//! The serving half of the executor: from a listening socket to the sandbox's end.
//!
//! [`serve`] runs in the process that stays, PID 1 where there is a pid namespace. It owns the
//! runtime, accepts the connections that the gateway relays, and ends the sandbox's processes
//! when it is told to or its lifeline breaks. It builds nothing: namespaces, mounts and dropped
//! privileges are in place when it is called.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Resource;
use tokio::io::Interest;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, LocalOptions};

use crate::contract::{AgentConfig, Report};
use crate::process::reaper::{self, Children};
use crate::process::registry::{Limits, Registry};
use crate::process::spawn;
use crate::rpc::connection;
use crate::state::Sandbox;
use crate::watch::watch;

/// Descriptors that the agent may have open: three pipes for each of 2,048 commands, two for each
/// of 512 that are over and are read on, 1,024 connections, and the rest for files. Commands
/// inherit the number.
const DESCRIPTORS: u64 = 10_240;

/// Threads that touch files. Few: they wait for the disk, and each answer in the making is memory.
const FILE_THREADS: usize = 16;

/// How long an idle one of them stays.
const THREAD_IDLE: Duration = Duration::from_secs(10);

/// How long connections may take to close at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long processes that were killed may take to be gone.
const BURIAL: Duration = Duration::from_secs(5);

/// How long to wait before accepting again when the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the sandbox around the agent looks like, as its builder left it.
pub struct AgentContext {
    /// Where commands start and relative paths begin; an absolute path, `/workspace` inside a
    /// sandbox of its own.
    pub workdir: PathBuf,
    /// `HOME` of commands; an absolute path, `/root` inside a sandbox of its own.
    pub home: PathBuf,
    /// The agent ends, and the sandbox with it, when this descriptor reads end of file.
    pub lifeline: Option<OwnedFd>,
    /// Called once, when connections are accepted. Whatever it does must not block.
    pub on_ready: Box<dyn FnOnce()>,
}

impl std::fmt::Debug for AgentContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentContext")
            .field("workdir", &self.workdir)
            .field("home", &self.home)
            .field("lifeline", &self.lifeline.is_some())
            .finish_non_exhaustive()
    }
}

/// Serves clients on `listener`, a listening unix socket, until `control.shutdown` or the end of
/// the lifeline; every process of the sandbox is gone when it returns.
///
/// Every child of the calling process is reaped here, and signals of the calling thread change
/// (`SIGCHLD` is blocked, all others are set to their default): nothing else may wait for
/// children. Commands inherit the privileges, limits and filters of the caller, and of its
/// descriptors only 0, 1 and 2, which are replaced.
#[must_use]
pub fn serve(listener: OwnedFd, config: AgentConfig, context: AgentContext) -> ExitCode {
    match run(listener, config, context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vtrix-executor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves without a sandbox around it, as an ordinary program: descriptor 0 is the listening
/// socket, 1 takes the report and is the lifeline, and commands start in the current directory,
/// which is also their home. For tests, and for looking at the agent by itself.
#[must_use]
pub fn serve_here(config: AgentConfig) -> ExitCode {
    let prepared = || -> io::Result<(OwnedFd, AgentContext)> {
        let listener = io::stdin().as_fd().try_clone_to_owned()?;
        let lifeline = io::stdout().as_fd().try_clone_to_owned()?;
        let workdir = std::env::current_dir()?;
        let on_ready = Box::new(|| {
            let ready = Report::Ready { pid: std::process::id() };
            println!("{}", serde_json::to_string(&ready).unwrap_or_default());
        });
        let home = workdir.clone();
        Ok((listener, AgentContext { workdir, home, lifeline: Some(lifeline), on_ready }))
    };
    match prepared() {
        Ok((listener, context)) => serve(listener, config, context),
        Err(error) => {
            eprintln!("vtrix-executor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(listener: OwnedFd, config: AgentConfig, context: AgentContext) -> io::Result<()> {
    // Before any thread is started: threads inherit the mask.
    reaper::prepare_signals()?;
    raise_descriptor_limit();
    spawn::keep_descriptors_to_ourselves();
    // Where the agent is not PID 1, orphans are its children all the same.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(FILE_THREADS)
        .thread_keep_alive(THREAD_IDLE)
        .build_local(LocalOptions::default())?;
    let result = runtime.block_on(live(listener, config, context));
    // A thread may still hang in a file system; the process ends all the same.
    runtime.shutdown_background();
    result
}

async fn live(listener: OwnedFd, config: AgentConfig, context: AgentContext) -> io::Result<()> {
    let listener = StdListener::from(listener);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let registry = Registry::new(Limits {
        running: config.running_commands,
        finished: config.finished_commands,
        client_grace: Duration::from_millis(config.client_grace_ms),
        kill_grace: Duration::from_millis(config.kill_grace_ms),
    });
    let sandbox = Sandbox::new(config, context.workdir, &context.home, Rc::clone(&registry));
    let children = Rc::new(Children::new()?);
    let reaping = tokio::task::spawn_local({
        let children = Rc::clone(&children);
        async move { children.reap(|pid, exit| registry.child_ended(pid, exit)).await }
    });
    (context.on_ready)();
    tokio::select! {
        () = accept(&listener, &sandbox) => {}
        () = broken(context.lifeline) => {}
        () = sandbox.closing() => {
            drop(listener);
            let _ = tokio::time::timeout(FAREWELL, sandbox.deserted()).await;
        }
    }
    reaping.abort();
    children.end_all(BURIAL).await;
    Ok(())
}

async fn accept(listener: &UnixListener, sandbox: &Rc<Sandbox>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::task::spawn_local(connection::serve(socket, Rc::clone(sandbox)));
            }
            // Out of descriptors or memory: the peer waits in the backlog meanwhile.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Waits for the end of file of the lifeline; without one, for ever.
async fn broken(lifeline: Option<OwnedFd>) {
    let Some(lifeline) = lifeline else { return std::future::pending().await };
    let watched = rustix::io::ioctl_fionbio(&lifeline, true)
        .and_then(|()| watch(lifeline, Interest::READABLE).map_err(|_| rustix::io::Errno::BADF));
    // One that cannot be watched must not end the sandbox, nor pretend to guard it.
    let Ok(lifeline) = watched else {
        eprintln!("vtrix-executor: the lifeline cannot be watched");
        return std::future::pending().await;
    };
    let mut sink = [0u8; 64];
    loop {
        let Ok(mut ready) = lifeline.readable().await else { return };
        match rustix::io::read(lifeline.as_fd(), &mut sink) {
            Ok(0) => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
            Err(_) => return,
        }
    }
}

/// As far as the caller's hard limit goes; with less there is less room, and calls say so.
fn raise_descriptor_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    let Some(soft) = limit.current else { return };
    let wanted = limit.maximum.map_or(DESCRIPTORS, |hard| hard.min(DESCRIPTORS));
    if soft < wanted {
        limit.current = Some(wanted);
        let _ = rustix::process::setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::run::DRAINS;

    #[test]
    fn the_limits_fit_into_the_descriptors() {
        let config = AgentConfig::default();
        assert_eq!(config.connections, 1_024);
        let most = 3 * config.running_commands + 2 * DRAINS + config.connections;
        assert!(most as u64 + 1_024 <= DESCRIPTORS, "{most}");
    }
}
