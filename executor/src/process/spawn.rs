//! Starting one shell: pipes, working directory, `posix_spawn`.
//!
//! The only way in which the agent makes a child. `posix_spawn` shares the agent's memory until
//! the exec, so that its cost does not grow with what the agent holds, and nothing of ours runs in
//! the child. The child leads a session and process group of its own, has every signal at its
//! default and unblocked, and of our descriptors only 0, 1 and 2.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::pipe::PipeFlags;
use rustix::process::Pid;

const SHELL: &CStr = c"/bin/sh";

/// Longest command passed as an argument, in bytes: Linux takes 128 KiB for one string with its
/// final NUL (`MAX_ARG_STRLEN`).
const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// Where a long command lies in the child until its first words close it. The shell's own grammar
/// has one digit for a descriptor.
const SCRIPT_FD: RawFd = 9;

/// What a shell is started with.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a CStr,
    pub(crate) environment: &'a [CString],
    pub(crate) directory: BorrowedFd<'a>,
    /// Whether standard input is a pipe of ours instead of `/dev/null`.
    pub(crate) stdin: bool,
}

/// A shell that runs, and our ends of its pipes, which do not block.
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Starts `/bin/sh -c command`. On an error nothing was started.
pub(crate) fn start(start: &Start<'_>) -> io::Result<Started> {
    let (stdout, stdout_theirs) = pipe_read_by_us()?;
    let (stderr, stderr_theirs) = pipe_read_by_us()?;
    let (stdin_theirs, stdin) = if start.stdin {
        let (theirs, ours) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        nonblocking(&ours)?;
        (theirs, Some(ours))
    } else {
        let null = rustix::fs::open(c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        (null, None)
    };

    let mut actions = FileActions::new()?;
    actions.dup2(stdin_theirs.as_raw_fd(), 0)?;
    actions.dup2(stdout_theirs.as_raw_fd(), 1)?;
    actions.dup2(stderr_theirs.as_raw_fd(), 2)?;
    actions.change_directory(start.directory.as_raw_fd())?;
    let script;
    let command = if start.command.to_bytes().len() > LONGEST_ARGUMENT {
        script = script_file(start.command)?;
        actions.dup2(script.as_raw_fd(), SCRIPT_FD)?;
        c". /proc/self/fd/9"
    } else {
        start.command
    };
    let pid = posix_spawn(&actions, command, start.environment)?;
    Ok(Started { pid, stdin, stdout, stderr })
}

/// Sees to it that no descriptor that this process was started with reaches a command. Those that
/// the agent opens itself are never inheritable.
pub(crate) fn keep_descriptors_to_ourselves() {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;
    // SAFETY: sets a flag on open descriptors; none is opened or closed. Older kernels refuse,
    // and then the caller's own care must do.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
}

fn pipe_read_by_us() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    nonblocking(&ours)?;
    Ok((ours, theirs))
}

/// Sets `O_NONBLOCK` on our end alone: commands expect pipes that block.
fn nonblocking(fd: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK)?)
}

/// A file without a name that holds a long command. Its first words close the descriptor by which
/// the shell found it, so that programs it starts do not inherit it; on the same line, so that the
/// line numbers in the shell's messages stay right.
fn script_file(command: &CStr) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(c"command", MemfdFlags::CLOEXEC)?;
    for mut part in [b"exec 9<&-; ", command.to_bytes()] {
        while !part.is_empty() {
            let written = rustix::io::write(file.as_fd(), part)?;
            part = &part[written..];
        }
    }
    Ok(file)
}

fn posix_spawn(actions: &FileActions, command: &CStr, environment: &[CString]) -> io::Result<Pid> {
    let attributes = Attributes::new()?;
    let argv = [c"sh".as_ptr(), c"-c".as_ptr(), command.as_ptr(), ptr::null()];
    let envp: Vec<_> =
        environment.iter().map(|variable| variable.as_ptr()).chain([ptr::null()]).collect();
    let mut pid: libc::pid_t = 0;
    // SAFETY: both arrays end with a null pointer and their strings outlive the call, which only
    // reads them; actions and attributes were initialised by their constructors.
    let result = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            SHELL.as_ptr(),
            actions.0.as_ptr(),
            attributes.0.as_ptr(),
            argv.as_ptr().cast(),
            envp.as_ptr().cast(),
        )
    };
    check(result)?;
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("posix_spawn gave no process number"))
}

/// The calls of this family return an error number instead of setting `errno`.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

struct FileActions(Box<MaybeUninit<libc::posix_spawn_file_actions_t>>);

impl FileActions {
    fn new() -> io::Result<Self> {
        let mut actions = Box::new(MaybeUninit::uninit());
        // SAFETY: the call initialises what the pointer, which is valid for writes, points to.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Self(actions))
    }

    fn dup2(&mut self, from: RawFd, to: RawFd) -> io::Result<()> {
        // SAFETY: `self` was initialised by `new`; descriptors are plain numbers here.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(self.0.as_mut_ptr(), from, to) })
    }

    fn change_directory(&mut self, directory: RawFd) -> io::Result<()> {
        // SAFETY: as in `dup2`.
        check(unsafe {
            libc::posix_spawn_file_actions_addfchdir_np(self.0.as_mut_ptr(), directory)
        })
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new` and destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the call initialises what the pointer, which is valid for writes, points to.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        let mut this = Self(attributes);
        let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
        let flags = libc::c_int::from(libc::POSIX_SPAWN_SETSID)
            | libc::POSIX_SPAWN_SETSIGMASK
            | libc::POSIX_SPAWN_SETSIGDEF;
        // SAFETY: the attributes are initialised above, the set by the call before its use. Of all
        // signals only SIGPIPE is ignored by the agent, and only ignored ones survive an exec.
        unsafe {
            libc::sigemptyset(signals.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(this.0.as_mut_ptr(), signals.as_ptr()))?;
            libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
            check(libc::posix_spawnattr_setsigdefault(this.0.as_mut_ptr(), signals.as_ptr()))?;
            check(libc::posix_spawnattr_setflags(this.0.as_mut_ptr(), flags as libc::c_short))?;
        }
        Ok(this)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new` and destroyed once.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}
