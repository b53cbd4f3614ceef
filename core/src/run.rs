//! A command to be run, and the three ways to run it: to its end, in the background, or event by
//! event.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Number;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use vtrix_protocol::exec::{EXEC, ExecParams, ExecResult};

use crate::assembly::{Assembly, Pump, Watchers, collected};
use crate::callback::{CallbackResult, callback};
use crate::command::{Command, CommandFinished};
use crate::error::{Error, ErrorKind, Result};
use crate::event::ExecEvent;
use crate::events::{Events, Facts};
use crate::outcome::Streams;
use crate::quote::command_line;
use crate::sandbox::Sandbox;
use crate::stream::ExecStream;
use crate::validate;

/// Bytes of output that a result keeps where nothing else is said, 16 MiB: the log of any
/// reasonable build, and no danger to the memory of a program that runs a few at once.
pub const DEFAULT_MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// A command to be run, from [`Sandbox::run`]. Nothing happens until it is awaited,
/// [spawned](Run::spawn) or [streamed](Run::stream). `Debug` shows no command.
///
/// Awaited, it runs the command to its end and returns a [`CommandFinished`]; a non-zero exit is
/// no error. Dropping the future kills the command, as does every other way in which the wait
/// ends before the command: its deadline, a writer that fails.
///
/// # Errors
///
/// - [`ErrorKind::CommandTimedOut`]: it ran past [`timeout`](Run::timeout) and was killed.
/// - [`ErrorKind::Timeout`]: the [`deadline`](Run::deadline) passed.
/// - [`ErrorKind::Callback`]: a writer or callback failed; its error is the source.
/// - [`ErrorKind::ConnectionLost`]: nobody can say how it ended;
///   [`may_have_run`](Error::may_have_run) says whether it can have begun.
/// - [`ErrorKind::CommandNotStarted`] and the errors of files, for a `working_dir` that can't be
///   used: it did not run.
///
/// Where the command did or may have run, [`Error::command`] has what was received of it.
///
/// ```no_run
/// # async fn example(sandbox: vtrix_sandbox::Sandbox) -> vtrix_sandbox::Result<()> {
/// use std::time::Duration;
///
/// let done = sandbox
///     .run("npm install")
///     .working_dir("/app")
///     .env("CI", "1")
///     .timeout(Duration::from_secs(120))
///     .stdout(tokio::io::stdout())
///     .stderr(tokio::io::stderr())
///     .await?;
/// assert!(done.success());
/// # Ok(())
/// # }
/// ```
#[must_use = "a command does not run until it is awaited, spawned or streamed"]
pub struct Run {
    sandbox: Sandbox,
    command: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    working_dir: Option<String>,
    timeout: Duration,
    deadline: Option<Duration>,
    sudo: bool,
    stdin: Option<Bytes>,
    max_output: usize,
    watchers: Watchers,
}

impl Run {
    pub(crate) fn new(sandbox: Sandbox, command: String) -> Self {
        Self {
            sandbox,
            command,
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            timeout: Duration::ZERO,
            deadline: None,
            sudo: false,
            stdin: None,
            max_output: DEFAULT_MAX_OUTPUT,
            watchers: Watchers::default(),
        }
    }

    /// Appends one argument, quoted for the shell.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Appends arguments, each quoted for the shell.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, over the handle's own (given at create or attach) and the sandbox's.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets variables, as [`env`](Self::env).
    pub fn envs<K: Into<String>, V: Into<String>>(
        mut self,
        envs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(envs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Where the command starts: `/workspace` unless said otherwise.
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// How long the command may run, before the sandbox kills it with its process group. A
    /// fraction of a second is allowed; zero, as where nothing is said, is for ever.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long this call may take, connecting included: past it the command is killed and the
    /// call fails with [`ErrorKind::Timeout`]. Never, where nothing is said. Of
    /// [`spawn`](Self::spawn) only the start is meant.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Whether to run as root with the environment kept, as `sudo -E` would; the sandbox's
    /// commands mostly are root already.
    pub fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    /// What the command reads on its standard input, which then ends; nothing, where nothing is
    /// said. On the wire of this generation it must be UTF-8.
    pub fn stdin(mut self, data: impl Into<Bytes>) -> Self {
        self.stdin = Some(data.into());
        self
    }

    /// Writes standard output to `writer` as it arrives, flushed chunk by chunk. A writer that is
    /// slow slows the command; one that fails ends the call and kills the command.
    pub fn stdout(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.watchers.stdout = Some(Box::new(writer));
        self
    }

    /// Writes standard error to `writer`, as [`stdout`](Self::stdout).
    pub fn stderr(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.watchers.stderr = Some(Box::new(writer));
        self
    }

    /// Calls `function` with every event, in order. It runs on the task that awaits the command
    /// and must not block. It returns nothing, or a `Result`: an error ends the call and kills the
    /// command.
    pub fn on_output<R: CallbackResult>(
        mut self,
        function: impl FnMut(&ExecEvent) -> R + Send + 'static,
    ) -> Self {
        self.watchers.on_output = Some(callback(function));
        self
    }

    /// Bytes of output that the result keeps, from the beginning: [`DEFAULT_MAX_OUTPUT`] unless
    /// said otherwise. The rest is read, shown to writers and callbacks, and dropped; the result
    /// says so.
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Starts the command in the background and returns once it runs. It outlives the returned
    /// handle, the connection and the program.
    ///
    /// Dropping the future does not stop a command that was sent already.
    pub async fn spawn(self) -> Result<Command> {
        let span = tracing::debug_span!("spawn", sandbox = self.sandbox.id());
        let work = async move {
            self.no_watchers("spawn")?;
            let params = self.params(true)?;
            let deadline = self.deadline;
            let answer: Option<ExecResult> =
                self.sandbox.link().call(EXEC, &params, deadline).await?;
            let mut facts = Facts::default();
            facts.learn(&answer.unwrap_or_default());
            if facts.cmd_id.is_none() {
                let message = "the gateway did not name the command it started";
                return Err(Error::new(ErrorKind::Protocol, message).with_may_have_run(true));
            }
            Ok(Command::started(self.sandbox.clone(), &facts, self.max_output))
        };
        work.instrument(span).await.map_err(|error: Error| error.called("spawn"))
    }

    /// Runs the command and returns its events as they arrive. Dropping the stream before its end
    /// kills the command.
    ///
    /// ```no_run
    /// # async fn example(sandbox: vtrix_sandbox::Sandbox) -> vtrix_sandbox::Result<()> {
    /// use vtrix_sandbox::ExecEvent;
    ///
    /// let mut events = sandbox.run("make build").stream().await?;
    /// while let Some(event) = events.next().await {
    ///     match event? {
    ///         ExecEvent::Stdout(output) => print!("{}", output.text()),
    ///         ExecEvent::Stderr(output) => eprint!("{}", output.text()),
    ///         ExecEvent::Done { outcome, .. } => println!("{outcome}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(self) -> Result<ExecStream> {
        let span = tracing::debug_span!("stream", sandbox = self.sandbox.id());
        let deadline = self.deadline.and_then(|limit| Instant::now().checked_add(limit));
        let work = async move {
            self.no_watchers("stream")?;
            let params = self.params(false)?;
            let exchange = until(deadline, self.sandbox.link().open(EXEC, &params, true)).await?;
            let deadline = deadline.map(|deadline| (deadline, exchange.ticket().clone()));
            Ok(ExecStream::new(Events::new(exchange), &self.sandbox, "stream", deadline))
        };
        work.instrument(span).await.map_err(|error: Error| error.called("stream"))
    }

    async fn finish(self) -> Result<CommandFinished> {
        let params = self.params(false)?;
        let Self { sandbox, deadline, max_output, watchers, .. } = self;
        if watchers.is_empty() && deadline.is_none() {
            let result = sandbox.link().collect(EXEC, &params, max_output, true).await?;
            return collected(&sandbox, result);
        }
        let deadline = deadline.and_then(|limit| Instant::now().checked_add(limit));
        let exchange = until(deadline, sandbox.link().open(EXEC, &params, true)).await?;
        let ticket = exchange.ticket().clone();
        let assembly = Assembly::new(Streams::Both, max_output);
        let mut pump = Pump { events: Events::new(exchange), assembly, watchers };
        let ended = until(deadline, pump.run()).await.map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.with_may_have_run(ticket.withdraw()),
            _ => error,
        });
        pump.finish(&sandbox, true, ended, |_| {})
    }

    fn no_watchers(&self, how: &str) -> Result<()> {
        if self.watchers.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(format!("stdout, stderr and on_output have no use with {how}")))
    }

    fn params(&self, detached: bool) -> Result<ExecParams> {
        validate::text("command", &self.command)?;
        for arg in &self.args {
            validate::no_nul("args", arg)?;
        }
        validate::env(&self.env)?;
        if let Some(dir) = &self.working_dir {
            validate::text("working_dir", dir)?;
        }
        let stdin_data = self.stdin.as_ref().map(|data| {
            String::from_utf8(data.to_vec()).map_err(|_| {
                Error::invalid("stdin is not UTF-8, and this wire carries text; write a file")
            })
        });
        let mut env = self.sandbox.default_env().clone();
        env.extend(self.env.clone());
        Ok(ExecParams {
            command: command_line(&self.command, &self.args),
            env,
            working_dir: self.working_dir.clone(),
            timeout: seconds(self.timeout),
            sudo: self.sudo,
            stdin_data: stdin_data.transpose()?,
            detached,
        })
    }
}

impl IntoFuture for Run {
    type Output = Result<CommandFinished>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = tracing::debug_span!("run", sandbox = self.sandbox.id());
        Box::pin(
            async { self.finish().await.map_err(|error| error.called("run")) }.instrument(span),
        )
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("sandbox", &self.sandbox.id())
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Whoever has sent something by the deadline says so in the error.
async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(deadline) = deadline else { return work.await };
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Timeout, "the deadline passed").with_may_have_run(false))
    })
}

/// Whole seconds as an integer: gateways exist that read nothing else.
fn seconds(timeout: Duration) -> Option<Number> {
    if timeout.is_zero() {
        None
    } else if timeout.subsec_nanos() == 0 {
        Some(timeout.as_secs().into())
    } else {
        Number::from_f64(timeout.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::types::SandboxInfo;

    fn sandbox() -> Sandbox {
        let client = Client::builder().base_url("http://127.0.0.1:1").build().unwrap();
        let info = SandboxInfo { id: "a".into(), ..SandboxInfo::default() };
        let env = [("A", "default"), ("B", "default")];
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Sandbox::new(client, info, env)
    }

    fn refused(run: &Run) -> String {
        let error = run.params(false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error.message().to_owned()
    }

    #[test]
    fn what_is_sent() {
        let run = sandbox().run("echo").args(["it's", "-n"]).env("B", "own").stdin("in");
        let params = run.timeout(Duration::from_secs(30)).params(false).unwrap();
        assert_eq!(
            serde_json::to_string(&params).unwrap(),
            r#"{"command":"echo 'it'\\''s' -n","env":{"A":"default","B":"own"},"timeout":30,"stdin_data":"in"}"#
        );
    }

    #[test]
    fn a_timeout_is_as_whole_as_it_can_be() {
        let text = |millis| seconds(Duration::from_millis(millis)).map(|n| n.to_string());
        assert_eq!(text(0), None);
        assert_eq!(text(2_000).as_deref(), Some("2"));
        assert_eq!(text(1_500).as_deref(), Some("1.5"));
    }

    #[test]
    fn refusals_name_the_field() {
        let sandbox = sandbox();
        assert!(refused(&sandbox.run("")).contains("command"));
        assert!(refused(&sandbox.run("a\0b")).contains("command"));
        assert!(refused(&sandbox.run("a").arg("\0")).contains("args"));
        assert!(refused(&sandbox.run("a").env("A=B", "c")).contains("env"));
        assert!(refused(&sandbox.run("a").env("A", "\0")).contains("env"));
        assert!(refused(&sandbox.run("a").working_dir("")).contains("working_dir"));
        assert!(refused(&sandbox.run("a").stdin(&b"\xff"[..])).contains("stdin"));
    }

    #[tokio::test]
    async fn writers_are_for_waiting() {
        let error = sandbox().run("a").stdout(tokio::io::sink()).spawn().await.unwrap_err();
        assert!(error.to_string().starts_with("spawn: stdout"));
        let error = sandbox().run("a").on_output(|_| {}).stream().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn a_command_stays_out_of_debug() {
        let run = sandbox().run("hunter2").arg("hunter2").env("A", "hunter2").stdin("hunter2");
        assert!(!format!("{run:?}").contains("hunter2"));
    }
}
