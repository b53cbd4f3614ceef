//! `exec`, `exec_logs`, `kill` and the notifications of a running command.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Method that runs a command.
pub const EXEC: &str = "exec";
/// Method that replays and follows a command's output.
pub const EXEC_LOGS: &str = "exec_logs";
/// Method that signals a command's process group.
pub const KILL: &str = "kill";
/// Notification: the command runs.
pub const START: &str = "exec.start";
/// Notification: a chunk of standard output.
pub const STDOUT: &str = "exec.stdout";
/// Notification: a chunk of standard error.
pub const STDERR: &str = "exec.stderr";
/// Notification: the command exited.
pub const DONE: &str = "exec.done";

/// Parameters of `exec`.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct ExecParams {
    /// Run as `/bin/sh -c command`.
    pub command: String,
    /// Set over the sandbox's own environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where the command starts; `/workspace` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Seconds after which the command is killed; a fraction is allowed, absent and 0 mean never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<serde_json::Number>,
    /// Run as root with the environment kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sudo: bool,
    /// Written to the command's standard input, which then ends. Absent: `/dev/null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_data: Option<String>,
    /// Answer at once and let the command outlive the connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
}

impl std::fmt::Debug for ExecParams {
    // Commands, environments and standard input carry secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecParams")
            .field("timeout", &self.timeout)
            .field("sudo", &self.sudo)
            .field("detached", &self.detached)
            .finish_non_exhaustive()
    }
}

/// Parameters of `exec_logs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogsParams {
    /// The command to follow.
    pub cmd_id: String,
}

/// Parameters of `kill`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KillParams {
    /// The command to signal.
    pub cmd_id: String,
    /// `SIGTERM` (also if absent), `SIGKILL`, `SIGINT` or `SIGHUP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// Result of `exec` and `exec_logs`; of a detached `exec` without `output` and `exit_code`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecResult {
    /// The command's name.
    pub cmd_id: String,
    /// Standard output and error in arrival order, as much as the replay buffer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Absent while the command runs.
    #[serde(deserialize_with = "status", skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Process number inside the sandbox. Ours, but for a detached `exec`.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// Where the command started. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The signal that ended the command, where one did. Ours: others show only 128 + n.
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// `output` was cut from the front. Ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output_truncated: bool,
    /// Something in the background still held the pipes when the command was over. Ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output_incomplete: bool,
}

/// Parameters of `exec.start`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartParams<'a> {
    /// The request's.
    pub id: u64,
    /// The command's name. Ours.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub cmd_id: Option<Cow<'a, str>>,
    /// Process number inside the sandbox. Ours.
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// Where the command started. Ours.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Cow<'a, str>>,
}

/// Parameters of `exec.stdout` and `exec.stderr`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutputParams<'a> {
    /// The request's.
    pub id: u64,
    /// Text; bytes that are not UTF-8 have become U+FFFD.
    #[serde(borrow, default)]
    pub data: Cow<'a, str>,
    /// Position of the chunk's first byte in its stream, counted as the process wrote it. Ours: a
    /// jump past the end of the chunk before says that the replay buffer was overrun in between.
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Bytes of the process that `data` stands for. Ours.
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
}

/// Parameters of `exec.done`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DoneParams<'a> {
    /// The request's.
    pub id: u64,
    /// As in [`ExecResult`].
    #[serde(default, deserialize_with = "status")]
    pub exit_code: Option<i32>,
    /// As in [`ExecResult`].
    #[serde(borrow, default)]
    pub output: Cow<'a, str>,
    /// As in [`ExecResult`]. Ours.
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// As in [`ExecResult`]. Ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_truncated: bool,
}

/// A whole number of an addition: what is none reads as absent, since another gateway may mean
/// something else by the name.
pub(crate) fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.as_ref().and_then(number).and_then(|number| T::try_from(number).ok()))
}

/// An exit code: absent, or a whole number however it is written.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(value) => number(&value)
            .and_then(|number| i32::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| D::Error::custom("the exit code is no whole number")),
    }
}

/// A text of an addition, as [`whole`].
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'static, str>>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        Some(Value::String(text)) => Some(Cow::Owned(text)),
        _ => None,
    })
}

fn number(value: &Value) -> Option<i64> {
    // A float stands for a whole number where nothing is lost: some encoders write no others.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
    })
}

/// The number of a signal that `kill` accepts, by its name.
#[must_use]
pub fn signal_number(name: &str) -> Option<i32> {
    match name {
        "SIGHUP" => Some(1),
        "SIGINT" => Some(2),
        "SIGKILL" => Some(9),
        "SIGTERM" => Some(15),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_exec() {
        let params = ExecParams { command: "echo hi".into(), ..ExecParams::default() };
        assert_eq!(serde_json::to_string(&params).unwrap(), r#"{"command":"echo hi"}"#);
        let params = ExecParams {
            command: "cat".into(),
            env: [("A".to_owned(), "1".to_owned())].into(),
            working_dir: Some("/app".into()),
            timeout: Some(30.into()),
            sudo: true,
            stdin_data: Some("x".into()),
            detached: true,
        };
        assert_eq!(
            serde_json::to_string(&params).unwrap(),
            r#"{"command":"cat","env":{"A":"1"},"working_dir":"/app","timeout":30,"sudo":true,"stdin_data":"x","detached":true}"#
        );
    }

    #[test]
    fn golden_notifications() {
        let plain = OutputParams { id: 4, data: "a\n".into(), offset: None, len: None };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"id":4,"data":"a\n"}"#);
        let plain = StartParams { id: 4, cmd_id: None, pid: None, cwd: None };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"id":4}"#);
        let plain = DoneParams {
            id: 4,
            exit_code: Some(0),
            output: "a\n".into(),
            signal: None,
            output_truncated: false,
        };
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"id":4,"exit_code":0,"output":"a\n"}"#
        );
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let params = ExecParams {
            command: "curl -H hunter2".into(),
            env: [("K".to_owned(), "hunter2".to_owned())].into(),
            stdin_data: Some("hunter2".into()),
            ..ExecParams::default()
        };
        assert!(!format!("{params:?}").contains("hunter2"));
    }
}
