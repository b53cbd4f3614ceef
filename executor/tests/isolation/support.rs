//! Starting a sandbox as the gateway does, running commands in it, and leaving nothing behind.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Gid, MemfdFlags, SealFlags, Uid, fcntl_add_seals, memfd_create};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::thread::{
    UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use vtrix_executor::contract::{AgentConfig, Mode, Report, SetupConfig};

/// Far more than anything here takes: reaching it means that it will never come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The user that plays an ordinary one where the tests run as root.
const ORDINARY: u32 = 65_534;

/// The executor in sealed memory.
pub(crate) static PROGRAM: LazyLock<File> = LazyLock::new(|| {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut memory = File::from(memfd_create("vtrix-executor", flags).unwrap());
    let mut program = File::open(env!("CARGO_BIN_EXE_vtrix-executor")).unwrap();
    std::io::copy(&mut program, &mut memory).unwrap();
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&memory, seals).unwrap();
    memory
});

/// The modes with isolation that whoever runs the tests has.
pub(crate) fn modes() -> &'static [Mode] {
    if is_root() {
        &[Mode::RootUserns, Mode::Root, Mode::UserRange, Mode::User]
    } else {
        &[Mode::User]
    }
}

/// The mode that a gateway would choose.
pub(crate) fn best() -> Mode {
    modes()[0]
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The directory of one sandbox, removed at the end whatever is in it.
pub(crate) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    pub(crate) fn new(mode: Mode) -> Self {
        let path = tempfile::Builder::new().prefix("vtrix-isolation-").tempdir().unwrap().keep();
        if mode.is_user() && is_root() {
            std::os::unix::fs::chown(&path, Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file inside, seen from the host.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.path.join("fs").join(path)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Overlay's own directories have no mode at all, which stops an ordinary user.
        for entry in fs::read_dir(self.file("work")).into_iter().flatten().flatten() {
            for part in ["work", "work/incompat", "work/incompat/volatile"] {
                let open = fs::Permissions::from_mode(0o700);
                let _ = fs::set_permissions(entry.path().join(part), open);
            }
        }
        let removed = fs::remove_dir_all(&self.path);
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

/// What a sandbox is started with.
pub(crate) fn config(mode: Mode, data: &DataDir) -> SetupConfig {
    static NEXT: AtomicU32 = AtomicU32::new(16);
    SetupConfig {
        sandbox_id: "test".into(),
        mode,
        without: std::collections::BTreeSet::new(),
        data_dir: data.path().to_owned(),
        image: None,
        expose: Vec::new(),
        id_base: NEXT.fetch_add(1, Ordering::Relaxed) << 16,
        hostname: "inside".into(),
        lifeline: true,
        agent: AgentConfig::default(),
    }
}

/// A running sandbox. Dropping it ends it and waits until it is gone.
pub(crate) struct Sandbox {
    outer: Child,
    report: Option<BufReader<UnixStream>>,
    pub(crate) pid: Pid,
    pidfd: OwnedFd,
    socket: PathBuf,
    scratch: tempfile::TempDir,
}

/// A set-up that has been started and has not reported yet.
pub(crate) struct Starting {
    pub(crate) outer: Child,
    pub(crate) report: BufReader<UnixStream>,
    socket: PathBuf,
    scratch: tempfile::TempDir,
}

/// Starts the set-up as the gateway does.
pub(crate) fn spawn(config: &SetupConfig) -> Starting {
    let scratch = tempfile::Builder::new().prefix("vtrix-socket-").tempdir().unwrap();
    let socket = scratch.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    // As the gateway does; and the user that plays the ordinary one may not be able to walk to the
    // program's path.
    let mut command = Command::new(format!("/proc/self/fd/{}", PROGRAM.as_raw_fd()));
    command
        .arg0("vtrix-executor")
        .arg("setup")
        .arg(serde_json::to_string(config).unwrap())
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::null());
    if config.mode.is_user() && is_root() {
        become_ordinary(&mut command, config.mode, scratch.path());
    }
    let outer = command.spawn().unwrap();
    // The command holds the other end of the report; without it the end of file can be seen.
    drop(command);
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    Starting { outer, report: BufReader::new(ours), socket, scratch }
}

/// Makes the command an ordinary user's. In a mount namespace of its own, and so for nobody else,
/// that user is lent ids, or none.
fn become_ordinary(command: &mut Command, mode: Mode, scratch: &Path) {
    let lent = scratch.join("lent");
    let line = format!("{ORDINARY}:1610612736:65536\n");
    fs::write(&lent, if mode == Mode::UserRange { &line } else { "" }).unwrap();
    let lent = CString::new(lent.into_os_string().into_encoded_bytes()).unwrap();
    let (uid, gid) = (Uid::from_raw(ORDINARY), Gid::from_raw(ORDINARY));
    // SAFETY: between fork and exec only system calls are made, on memory made before.
    unsafe {
        command.pre_exec(move || {
            unshare_unsafe(UnshareFlags::NEWNS)?;
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
            for file in [c"/etc/subuid", c"/etc/subgid"] {
                mount_bind(&*lent, file)?;
            }
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
            Ok(())
        });
    }
}

impl Starting {
    /// Waits for the report.
    pub(crate) fn finish(mut self) -> Result<Sandbox, (String, String)> {
        let mut line = String::new();
        self.report.read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(Report::Ready { pid }) => {
                let pid = Pid::from_raw(pid.cast_signed()).unwrap();
                Ok(Sandbox {
                    pidfd: pidfd_open(pid, PidfdFlags::empty()).unwrap(),
                    outer: self.outer,
                    report: Some(self.report),
                    pid,
                    socket: self.socket,
                    scratch: self.scratch,
                })
            }
            Ok(Report::Failed { step, message, .. }) => {
                // It says so last, and exits.
                assert!(!self.outer.wait().unwrap().success());
                assert_eq!(self.report.read(&mut [0]).unwrap(), 0, "someone holds the report");
                Err((step, message))
            }
            Err(error) => panic!("no report: {error}: {line:?}, {:?}", self.outer.wait()),
        }
    }
}

/// Starts a sandbox that must come up.
pub(crate) fn start(config: &SetupConfig) -> Sandbox {
    match spawn(config).finish() {
        Ok(sandbox) => sandbox,
        Err((step, message)) => panic!("{}: {step}: {message}", config.mode),
    }
}

/// Starts a sandbox that must not come up, and says why it did not.
pub(crate) fn refused(config: &SetupConfig) -> (String, String) {
    spawn(config).finish().err().expect("it came up")
}

/// A sandbox of `mode` with a directory of its own.
pub(crate) fn sandbox(mode: Mode) -> (Sandbox, DataDir) {
    let data = DataDir::new(mode);
    (start(&config(mode, &data)), data)
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i64,
    pub(crate) text: String,
}

impl Sandbox {
    /// Runs a command to its end.
    pub(crate) fn run(&self, command: &str) -> Output {
        let answer = self.call("exec", &json!({ "command": command }));
        let result = &answer["result"];
        assert!(result.is_object(), "{answer}");
        Output {
            code: result["exit_code"].as_i64().unwrap_or(-1),
            text: result["output"].as_str().unwrap().to_owned(),
        }
    }

    /// Makes a call of its own connection and gives the whole answer.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        self.messages(method, params).pop().unwrap()
    }

    /// Makes a call of its own connection and gives everything that came of it, the answer last.
    pub(crate) fn messages(&self, method: &str, params: &Value) -> Vec<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let call = async {
            let stream = tokio::net::UnixStream::connect(&self.socket).await.unwrap();
            let (mut socket, _) =
                tokio_tungstenite::client_async("ws://sandbox/", stream).await.unwrap();
            let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            socket.send(Message::text(request.to_string())).await.unwrap();
            let mut messages: Vec<Value> = Vec::new();
            while messages.last().is_none_or(|last| last["id"] != 1) {
                let message = socket.next().await.expect("the connection ended").unwrap();
                let Message::Text(text) = message else { continue };
                messages.push(serde_json::from_str(&text).unwrap());
            }
            messages
        };
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, call).await })
            .unwrap_or_else(|_| panic!("no answer: {method} {params}"))
    }

    /// Runs a command that must succeed, and gives what it printed, trimmed.
    pub(crate) fn ok(&self, command: &str) -> String {
        let output = self.run(command);
        assert_eq!(output.code, 0, "{command}: {}", output.text);
        output.text.trim().to_owned()
    }

    /// Runs a command that must fail, and gives what it printed.
    pub(crate) fn fails(&self, command: &str) -> String {
        let output = self.run(command);
        assert_ne!(output.code, 0, "{command}: {}", output.text);
        output.text
    }

    /// Ends the gateway's end of the report, as its death does.
    pub(crate) fn forsake(&mut self) {
        self.report = None;
    }

    /// Kills the outer process, and nothing else.
    pub(crate) fn kill_outer(&mut self) {
        self.outer.kill().unwrap();
        self.outer.wait().unwrap();
    }

    /// Kills the process that was reported.
    pub(crate) fn kill_inner(&self) {
        kill_process(self.pid, Signal::KILL).unwrap();
    }

    /// Waits until the process that was reported is gone.
    pub(crate) fn wait_gone(&self) {
        wait_readable(&self.pidfd, "the reported process is still there");
    }

    /// Waits for the outer process.
    pub(crate) fn wait_outer(&mut self) -> ExitStatus {
        self.outer.wait().unwrap()
    }

    /// Whether anyone still listens.
    pub(crate) fn listens(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
    }

    /// Ends it and waits until nothing of it runs, as a stop does.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.report = None;
        let _ = kill_process(self.pid, Signal::KILL);
        wait_readable(&self.pidfd, "the sandbox did not end");
        let _ = self.outer.wait();
        let _ = &self.scratch;
    }
}

/// Waits until a descriptor has something or is at its end.
pub(crate) fn wait_readable(fd: &impl std::os::fd::AsFd, complaint: &str) {
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let mut polled = [PollFd::new(fd, PollFlags::IN)];
    let count = poll(&mut polled, Some(&patience)).unwrap();
    assert!(count > 0 || std::thread::panicking(), "{complaint}");
}

/// A pipe of a sandbox's file tree, read from the host: its end tells that no process inside is
/// left that holds it.
pub(crate) struct Witness {
    file: File,
}

impl Witness {
    /// Makes a pipe at `path` of the data directory, which is already there.
    pub(crate) fn new(data: &DataDir, path: &str) -> Self {
        let path = data.file(path);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o666),
            0,
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let flags =
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        Self { file: file.into() }
    }

    /// Waits for a line of a process inside.
    pub(crate) fn wait_line(&mut self) {
        wait_readable(&self.file, "no process said anything");
        let mut byte = [0];
        while self.file.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {}
    }

    /// Waits until every process that held it is gone.
    pub(crate) fn wait_end(&mut self) {
        wait_readable(&self.file, "a process is left that holds the pipe");
        assert_eq!(self.file.read(&mut [0; 64]).unwrap(), 0, "a process still writes");
    }
}

/// Starts something in a session of its own that holds the pipe `name` of the workspace.
pub(crate) fn daemon(name: &str) -> String {
    format!(
        "setsid sh -c 'exec 3>{name}; echo up >&3; trap \"\" TERM HUP INT; \
         while :; do sleep 1000; done' >/dev/null 2>&1 </dev/null & exit 0"
    )
}
