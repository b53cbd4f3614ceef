//! Running commands one after the other, with a line for each and the tests counted.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::root;

/// Tests that were counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// A command of cargo's in the workspace.
pub(crate) fn cargo<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command with this program's own input and output.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let shown = shown(&command);
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {shown}")) }
}

/// Runs a command, passes its output on, and counts what it says of tests.
pub(crate) fn counted(mut command: Command) -> Result<Count, (Count, String)> {
    let mut count = Count::default();
    let repeat = shown(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| (count, format!("{repeat}: {error}")))?;
    let output = child.stdout.take().expect("the output is a pipe");
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { break };
        println!("{line}");
        if let Some(result) = line.trim().strip_prefix("test result: ") {
            count.passed += number_before(result, " passed");
            count.failed += number_before(result, " failed");
        } else if line.contains(" in ") && line.ends_with(['s', ')']) && line.contains(" passed") {
            // The last line of pytest: `1 failed, 12 passed in 3.45s (0:00:03)`.
            count.passed += number_before(&line, " passed");
            count.failed += number_before(&line, " failed");
            count.failed += number_before(&line, " error");
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(count),
        Ok(_) => {
            // A test binary that crashed counts nothing itself.
            count.failed = count.failed.max(1);
            Err((count, repeat))
        }
        Err(error) => Err((count, format!("{repeat}: {error}"))),
    }
}

/// Runs a command in silence and gives its output if it fails.
pub(crate) fn quiet(mut command: Command) -> Result<String, String> {
    let repeat = shown(&command);
    let output = command.output().map_err(|error| format!("{repeat}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{text}{}\nto repeat: {repeat}", String::from_utf8_lossy(&output.stderr)))
}

/// The command as it would be typed.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command.get_args().map(|argument| {
        let argument = argument.to_string_lossy();
        if argument.contains(' ') { format!("'{argument}'") } else { argument.into_owned() }
    });
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Programs at a time, each with a gateway: they wait more than they work.
const AT_ONCE: usize = 4;

/// Does all of it, several at the same time, and gives what went wrong.
pub(crate) fn at_once<T: Sync>(
    jobs: &[T],
    run: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut problems = Vec::new();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            problems.extend(run(job).err());
        }
        problems
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    })
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some(end) = text.find(word) else { return 0 };
    let digits = text[..end].rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// A run of steps that ends at the first failure.
pub(crate) struct Progress {
    only: String,
    total: usize,
    done: usize,
    count: Count,
}

impl Progress {
    /// Before the first of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { only: String::new(), total, done: 0, count: Count::default() }
    }

    /// Takes only the steps whose name contains `text`.
    pub(crate) fn only(mut self, text: String) -> Self {
        self.only = text;
        self
    }

    /// Whether only some steps are taken.
    pub(crate) fn is_partial(&self) -> bool {
        !self.only.is_empty()
    }

    /// Announces a step; `None` if it is not to be taken.
    fn begin(&mut self, what: &str) -> Option<Instant> {
        self.done += 1;
        if !what.contains(&self.only) {
            return None;
        }
        println!("[{}/{}] {what}", self.done, self.total);
        let _ = std::io::stdout().flush();
        Some(Instant::now())
    }

    /// A step that passes or fails as a whole.
    pub(crate) fn check(
        &mut self,
        what: &str,
        step: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(begun) = self.begin(what) else { return Ok(()) };
        match step() {
            Ok(()) => {
                self.count.passed += 1;
                println!("      ok in {:.0} s", begun.elapsed().as_secs_f64());
                Ok(())
            }
            Err(problem) => {
                self.count.failed += 1;
                Err(format!("{what}: {problem}"))
            }
        }
    }

    /// A step that counts tests of its own.
    pub(crate) fn tests(&mut self, what: &str, command: Command) -> Result<(), String> {
        let Some(begun) = self.begin(what) else { return Ok(()) };
        match counted(command) {
            Ok(count) => {
                self.add(count);
                let seconds = begun.elapsed().as_secs_f64();
                println!("      ok: {} tests in {seconds:.0} s", count.passed);
                Ok(())
            }
            Err((count, repeat)) => {
                self.add(count);
                Err(format!("{what} failed; to repeat: {repeat}"))
            }
        }
    }

    /// A step that counts its tests itself.
    pub(crate) fn measured(
        &mut self,
        what: &str,
        step: impl FnOnce() -> Result<Count, (Count, String)>,
    ) -> Result<(), String> {
        let Some(begun) = self.begin(what) else { return Ok(()) };
        match step() {
            Ok(count) => {
                self.add(count);
                let seconds = begun.elapsed().as_secs_f64();
                println!("      ok: {} tests in {seconds:.0} s", count.passed);
                Ok(())
            }
            Err((count, problem)) => {
                self.add(count);
                Err(format!("{what}: {problem}"))
            }
        }
    }

    fn add(&mut self, count: Count) {
        self.count.passed += count.passed;
        self.count.failed += count.failed;
    }

    /// The last line, which machines read.
    pub(crate) fn last_line(&self) -> String {
        format!("{} passed, {} failed", self.count.passed, self.count.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_lines() {
        let line = "ok. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out";
        assert_eq!(number_before(line, " passed"), 12);
        assert_eq!(number_before(line, " failed"), 3);
        assert_eq!(number_before("nothing", " passed"), 0);
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "-p", "a b"]);
        assert_eq!(shown(&command), "cargo test -p 'a b'");
    }
}
