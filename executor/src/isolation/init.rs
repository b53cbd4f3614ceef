//! The process inside: it builds its own root, gives up its privileges and becomes the agent.
//!
//! It runs on a copy of the outer process's memory, as PID 1 of the sandbox. Until it serves, it
//! dies with the outer process; afterwards only if the sandbox has a lifeline.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};
use rustix::process::set_parent_process_death_signal as die_with_parent;
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::layers::Trees;
use super::plan::Plan;
use super::rootfs::Kind;
use super::step::{Step, StepError};
use super::{caps, control, idmap, namespaces, network, rlimits, rootfs, seccomp, tree};
use crate::agent::{self, AgentContext};
use crate::contract::{Mode, SetupConfig};

/// What the outer process leaves to the one inside.
pub(crate) struct Inherited {
    /// The end of the socket pair that is this side's.
    pub(crate) control: OwnedFd,
    /// The socket to serve.
    pub(crate) listener: OwnedFd,
    /// Kept open until the end, and so the files locked.
    pub(crate) lock: OwnedFd,
}

/// Builds the sandbox that `config` and `plan` describe and serves it.
pub(crate) fn run(config: SetupConfig, plan: &Plan, inherited: Inherited) -> ExitCode {
    let Inherited { control, listener, lock: _lock } = inherited;
    match build(&config, plan, &control) {
        Ok(true) => {}
        // The outer process is gone, and with it whoever could be told.
        Ok(false) => return ExitCode::FAILURE,
        Err(error) => {
            let _ = control::send_failed(&control, &error);
            return ExitCode::FAILURE;
        }
    }
    let lifeline = config.lifeline;
    let on_ready = Box::new(move || {
        if !lifeline {
            let _ = die_with_parent(None);
        }
        let _ = control::send_ready(&control);
    });
    let context = AgentContext {
        workdir: PathBuf::from("/workspace"),
        home: PathBuf::from("/root"),
        lifeline: None,
        on_ready,
    };
    agent::serve(listener, config.agent, context)
}

fn build(config: &SetupConfig, plan: &Plan, control: &OwnedFd) -> Result<bool, StepError> {
    die_with_parent(Some(Signal::KILL)).step("ask to die with the parent")?;
    own_descriptors().step("open /dev/null")?;
    namespaces::enter_own().step("unshare the mount, uts, ipc, cgroup and net namespaces")?;
    let Some(descriptors) = control::receive_go(control).step("wait for the layers")? else {
        return Ok(false);
    };
    let kind = Kind {
        userns: config.mode != Mode::Root,
        ids: config.mode != Mode::User,
        user_attributes: config.mode != Mode::Root || !idmap::is_initial(),
        without: &config.without,
    };
    // An ordinary user's map holds no group to drop to; its groups show as nobody's. Who has none
    // need not have the right to drop them.
    if kind.ids && !rustix::process::getgroups().step("read the groups")?.is_empty() {
        set_thread_groups(&[]).step("drop the groups")?;
    }
    let (user, group) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    set_thread_res_gid(group, group, group).step("become root's group")?;
    set_thread_res_uid(user, user, user).step("become root")?;
    // Changing ids forgot it.
    die_with_parent(Some(Signal::KILL)).step("ask to die with the parent")?;
    let trees = if config.mode.is_user() {
        own_trees(config, plan)?
    } else {
        Trees::from_descriptors(descriptors, plan)
            .ok_or_else(|| StepError::new("receive the layers", "some did not arrive"))?
    };
    rustix::system::sethostname(config.hostname.as_bytes()).step("set the host name")?;
    network::loopback_up().step("bring lo up")?;
    rootfs::build(plan, &trees, kind, &config.hostname)?;
    drop(trees);
    lock_down()?;
    // What dropped capabilities forgot again. If the parent died before, its end is closed.
    die_with_parent(Some(Signal::KILL)).step("ask to die with the parent")?;
    Ok(!closed(control))
}

/// Without root outside, only a process inside the user namespace may clone mounts, and only
/// those of its own mount namespace.
fn own_trees(config: &SetupConfig, plan: &Plan) -> Result<Trees, StepError> {
    let path = config.data_dir.join("fs");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let files = openat(CWD, &path, flags, FileMode::empty()).step("open the sandbox's files")?;
    Trees::open(std::os::fd::AsFd::as_fd(&files), plan, None)
}

/// Descriptors 0 and 1 were for the outer process: the socket came along as another, and the
/// report's end must close when the outer process does.
fn own_descriptors() -> Result<(), rustix::io::Errno> {
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, FileMode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)
}

/// Gives up whatever a command must not have: all of it is inherited by every process inside.
fn lock_down() -> Result<(), StepError> {
    rlimits::apply().step("set the limits")?;
    new_keyring();
    rustix::process::umask(FileMode::from_raw_mode(0o022));
    caps::drop_others().step("drop capabilities")?;
    // PID 1's memory, descriptors and root are closed to the processes inside, root's included.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("close PID 1 to others")?;
    seccomp::no_new_privileges().step("set no_new_privs")?;
    seccomp::install()
}

/// Leaves the session keyring of whoever started the gateway. A kernel without keyrings has none
/// to leave.
fn new_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name makes an unnamed keyring; no memory is read.
    unsafe {
        libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>());
    }
}

/// Whether the other end of the socket pair is closed.
fn closed(control: &OwnedFd) -> bool {
    let mut poll = libc::pollfd { fd: control.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call; no waiting.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 }
}

/// The same without isolation: a directory of its own, limits, and an end for everything below.
pub(crate) fn run_process(mut config: SetupConfig, inherited: Inherited) -> ExitCode {
    let Inherited { control, listener, lock: _lock } = inherited;
    let files = config.data_dir.join("fs");
    let prepare = || -> Result<OwnedFd, StepError> {
        own_descriptors().step("open /dev/null")?;
        rlimits::apply().step("set the limits")?;
        rustix::process::umask(FileMode::from_raw_mode(0o022));
        tree::adopt_orphans().step("adopt orphans")?;
        rustix::process::chdir(files.join("workspace")).step("enter the workspace")?;
        control.try_clone().step("keep the lifeline")
    };
    let lifeline = match prepare() {
        Ok(lifeline) => lifeline,
        Err(error) => {
            let _ = control::send_failed(&control, &error);
            return ExitCode::FAILURE;
        }
    };
    let temporary = files.join("tmp").to_string_lossy().into_owned();
    config.agent.env.entry("TMPDIR".to_owned()).or_insert(temporary);
    let context = AgentContext {
        workdir: files.join("workspace"),
        home: files.join("root"),
        // Always: without the outer process nothing else would end what a command left behind.
        lifeline: Some(lifeline),
        on_ready: Box::new(move || {
            let _ = control::send_ready(&control);
        }),
    };
    let code = agent::serve(listener, config.agent, context);
    tree::end_descendants();
    code
}
