//! How a command ended, and the words around it: streams and signals.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// How a command ended, as far as it is known. Nothing here is guessed: what nobody told is
/// [`Outcome::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It exited by itself, or was killed and the gateway told only the shell's number for that
    /// (128 + signal).
    #[non_exhaustive]
    Exited {
        /// The exit status, 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    #[non_exhaustive]
    Killed {
        /// The signal's number, such as 9.
        signal: i32,
        /// The exit status that stands for it: 128 + signal.
        code: i32,
    },
    /// It ran past its own `timeout` and was killed with its process group. It has no exit code.
    TimedOut,
    /// Nobody knows: the connection was lost, the wait was given up, or the gateway did not say.
    #[non_exhaustive]
    Unknown {
        /// What happened instead, for people.
        reason: String,
        /// Bytes of standard output that were received before that, from the command's start.
        stdout_offset: u64,
        /// The same of standard error.
        stderr_offset: u64,
    },
}

impl Outcome {
    /// From what the wire tells: an exit code, a signal, or neither.
    pub(crate) fn told(code: Option<i32>, signal: Option<i32>, offsets: (u64, u64)) -> Self {
        // An exit status has room for no other; a gateway that says so has told nothing.
        let signal = signal.filter(|signal| (1..=127).contains(signal));
        match (code, signal) {
            (code, Some(signal)) => Self::Killed { signal, code: code.unwrap_or(128 + signal) },
            (Some(code), None) => Self::Exited { code },
            (None, None) => Self::unknown("the gateway did not say how the command ended", offsets),
        }
    }

    pub(crate) fn unknown(reason: impl Into<String>, (stdout, stderr): (u64, u64)) -> Self {
        Self::Unknown { reason: reason.into(), stdout_offset: stdout, stderr_offset: stderr }
    }

    /// The exit status, where the command has one.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exited { code } | Self::Killed { code, .. } => Some(*code),
            Self::TimedOut | Self::Unknown { .. } => None,
        }
    }

    /// It exited, with status 0.
    pub fn success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "exited with {code}"),
            Self::Killed { signal, .. } => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unknown { reason, .. } => write!(f, "unknown: {reason}"),
        }
    }
}

/// One of a command's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl OutputStream {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl fmt::Display for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of the two to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Streams {
    /// Standard output alone.
    Stdout,
    /// Standard error alone.
    Stderr,
    /// Both, in the order of arrival.
    #[default]
    Both,
}

impl Streams {
    pub(crate) fn include(self, stream: OutputStream) -> bool {
        self == Self::Both || self == Self::from(stream)
    }
}

impl From<OutputStream> for Streams {
    fn from(stream: OutputStream) -> Self {
        match stream {
            OutputStream::Stdout => Self::Stdout,
            OutputStream::Stderr => Self::Stderr,
        }
    }
}

impl FromStr for Streams {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "both" => Ok(Self::Both),
            _ => Err(Error::invalid("stream is none of stdout, stderr, both")),
        }
    }
}

/// A signal that a command's process group can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGTERM`: end, in good order.
    #[default]
    Term,
    /// `SIGKILL`: end, now.
    Kill,
    /// `SIGINT`: as Ctrl-C.
    Int,
    /// `SIGHUP`: as a closed terminal.
    Hup,
}

impl Signal {
    /// The signal's name, such as `SIGTERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Kill => "SIGKILL",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Signal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Term, Self::Kill, Self::Int, Self::Hup]
            .into_iter()
            .find(|signal| signal.name() == name)
            .ok_or_else(|| Error::invalid("signal is none of SIGTERM, SIGKILL, SIGINT, SIGHUP"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_none_is_not_told() {
        for signal in [i32::MIN, -1, 0, 128, i32::MAX] {
            assert_eq!(Outcome::told(Some(3), Some(signal), (0, 0)), Outcome::Exited { code: 3 });
            let unknown = Outcome::told(None, Some(signal), (0, 0));
            assert!(matches!(unknown, Outcome::Unknown { .. }), "{signal}");
        }
    }

    #[test]
    fn no_exit_code_is_made_up() {
        assert_eq!(Outcome::told(Some(3), None, (0, 0)).exit_code(), Some(3));
        assert_eq!(Outcome::told(None, Some(9), (0, 0)).exit_code(), Some(137));
        assert_eq!(Outcome::told(None, None, (1, 2)).exit_code(), None);
        assert_eq!(Outcome::TimedOut.exit_code(), None);
        assert!(!Outcome::told(Some(137), Some(9), (0, 0)).success());
    }

    #[test]
    fn signals_have_the_names_of_the_wire() {
        for name in ["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP"] {
            let signal: Signal = name.parse().unwrap();
            assert_eq!(signal.name(), name);
            assert!(vtrix_protocol::exec::signal_number(name).is_some());
        }
        assert!("TERM".parse::<Signal>().is_err());
        assert_eq!(Signal::default(), Signal::Term);
    }

    #[test]
    fn both_streams_include_each() {
        assert!(Streams::Both.include(OutputStream::Stderr));
        assert!(!Streams::Stdout.include(OutputStream::Stderr));
        assert_eq!("both".parse::<Streams>().unwrap(), Streams::Both);
    }
}
