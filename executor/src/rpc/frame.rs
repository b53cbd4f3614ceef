//! The messages that the executor sends, as text.
//!
//! Answers of moderate size are serialized from the types of the protocol crate. Whatever carries
//! output is put together here from text that is already escaped, so that it is copied once; tests
//! hold both to the same words.

use serde::Serialize;
use serde_json::value::RawValue;
use vtrix_protocol::exec::{self, ExecResult};
use vtrix_protocol::rpc::{ErrorObject, Failure, Success, VERSION};
use vtrix_protocol::{codes, files};

use super::error::RpcError;
use super::json;
use crate::process::command::{Command, Piece};
use crate::process::replay::Stream;
use crate::process::text::WholeOutput;

/// The answer of a call that succeeded.
pub(crate) fn success<R: Serialize>(id: &RawValue, result: R) -> Result<String, RpcError> {
    serde_json::to_string(&Success { jsonrpc: VERSION, id, result })
        .map_err(|_| RpcError::new(codes::INTERNAL_ERROR, "the answer could not be written"))
}

/// The answer of a call that failed; without an id where none could be read.
pub(crate) fn failure(id: Option<&RawValue>, error: RpcError, plain: bool) -> String {
    let code = if plain { codes::on_plain_wire(error.code) } else { error.code };
    let error = ErrorObject { code: code.into(), message: error.message, data: None };
    serde_json::to_string(&Failure { jsonrpc: VERSION, id, error }).unwrap_or_default()
}

fn notification(method: &str, id: &RawValue, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity + id.get().len() + 128);
    out.push_str(r#"{"jsonrpc":"2.0","method":""#);
    out.push_str(method);
    out.push_str(r#"","params":{"id":"#);
    out.push_str(id.get());
    out
}

fn number(out: &mut String, name: &str, value: impl std::fmt::Display) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = write!(out, ",\"{name}\":{value}");
}

fn text(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    json::string_into(value, out);
}

/// `exec.start`.
pub(crate) fn start(id: &RawValue, command: &Command, plain: bool) -> String {
    let mut out = notification(exec::START, id, command.cwd.len());
    if !plain {
        text(&mut out, "cmd_id", &command.id);
        number(&mut out, "pid", command.pid.as_raw_nonzero());
        text(&mut out, "cwd", &command.cwd);
    }
    out.push_str("}}");
    out
}

/// `exec.stdout` or `exec.stderr`, around whatever `fill` appends: escaped text, of which it tells
/// what it stands for. Nothing if that is nothing.
pub(crate) fn output(
    id: &RawValue,
    plain: bool,
    capacity: usize,
    fill: impl FnOnce(&mut String) -> Option<Piece>,
) -> Option<String> {
    // Both methods have names of one length, so the right one is put in place afterwards.
    let mut out = notification(exec::STDOUT, id, capacity);
    out.push_str(",\"data\":\"");
    let piece = fill(&mut out)?;
    if piece.range.len == 0 {
        return None;
    }
    if piece.stream == Stream::Stderr {
        let at = r#"{"jsonrpc":"2.0","method":""#.len();
        out.replace_range(at..at + exec::STDOUT.len(), exec::STDERR);
    }
    out.push('"');
    if !plain {
        number(&mut out, "offset", piece.range.offset);
        number(&mut out, "len", piece.range.len);
    }
    out.push_str("}}");
    Some(out)
}

/// How a command ended, as far as the wire shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) exit_code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) output: &'a WholeOutput,
    pub(crate) incomplete: bool,
}

fn signal(out: &mut String, end: &End<'_>, plain: bool) {
    if let Some(signal) = end.signal.filter(|_| !plain) {
        number(out, "signal", signal);
    }
}

/// `exec.done`.
pub(crate) fn done(id: &RawValue, end: &End<'_>, plain: bool) -> String {
    let mut out = notification(exec::DONE, id, end.output.escaped.len());
    number(&mut out, "exit_code", end.exit_code);
    out.push_str(",\"output\":\"");
    out.push_str(&end.output.escaped);
    out.push('"');
    signal(&mut out, end, plain);
    if end.output.truncated {
        number(&mut out, "output_truncated", true);
    }
    out.push_str("}}");
    out
}

/// The answer of an `exec` or `exec_logs` whose command ended by itself.
pub(crate) fn ended(id: &RawValue, command: &Command, end: &End<'_>, plain: bool) -> String {
    let capacity = end.output.escaped.len() + command.cwd.len() + id.get().len() + 384;
    let mut out = String::with_capacity(capacity);
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    out.push_str(id.get());
    out.push_str(r#","result":{"cmd_id":"#);
    json::string_into(&command.id, &mut out);
    out.push_str(",\"output\":\"");
    out.push_str(&end.output.escaped);
    out.push('"');
    number(&mut out, "exit_code", end.exit_code);
    text(&mut out, "started_at", &command.started_at);
    if !plain {
        number(&mut out, "pid", command.pid.as_raw_nonzero());
        text(&mut out, "cwd", &command.cwd);
    }
    signal(&mut out, end, plain);
    if end.output.truncated {
        number(&mut out, "output_truncated", true);
    }
    if end.incomplete {
        number(&mut out, "output_incomplete", true);
    }
    out.push_str("}}");
    out
}

/// The result of a detached `exec`.
pub(crate) fn detached(command: &Command, plain: bool) -> ExecResult {
    ExecResult {
        cmd_id: command.id.clone(),
        started_at: Some(command.started_at.clone()),
        pid: Some(command.pid.as_raw_nonzero().get().into()),
        cwd: (!plain).then(|| command.cwd.clone()),
        ..ExecResult::default()
    }
}

/// `read_stream.chunk`; `offset` is left out on the plain wire.
pub(crate) fn chunk(id: &RawValue, bytes: &[u8], offset: Option<u64>) -> String {
    use base64::Engine as _;
    let mut out = notification(files::CHUNK, id, bytes.len().div_ceil(3) * 4);
    out.push_str(",\"data\":\"");
    base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut out);
    out.push('"');
    if let Some(offset) = offset {
        number(&mut out, "offset", offset);
    }
    out.push_str("}}");
    out
}

#[cfg(test)]
mod tests {
    use rustix::process::Pid;
    use serde::de::DeserializeOwned;
    use vtrix_protocol::exec::{DoneParams, OutputParams, StartParams};
    use vtrix_protocol::files::ChunkParams;
    use vtrix_protocol::rpc::Notification;

    use super::*;
    use crate::process::text::Range;

    fn id() -> Box<RawValue> {
        RawValue::from_string("7".to_owned()).unwrap()
    }

    fn command() -> std::rc::Rc<Command> {
        let cwd = "/workspace/\"é".to_owned();
        Command::new(
            "c-1".to_owned(),
            Pid::from_raw(42).unwrap(),
            cwd,
            "2024-01-01T00:00:00Z".into(),
        )
    }

    fn result<T: DeserializeOwned>(message: &str) -> T {
        #[derive(serde::Deserialize)]
        struct Answer<T> {
            result: T,
        }
        serde_json::from_str::<Answer<T>>(message).unwrap().result
    }

    #[test]
    fn golden_start() {
        assert_eq!(
            start(&id(), &command(), true),
            r#"{"jsonrpc":"2.0","method":"exec.start","params":{"id":7}}"#
        );
        let params = StartParams {
            id: 7,
            cmd_id: Some("c-1".into()),
            pid: Some(42),
            cwd: Some("/workspace/\"é".into()),
        };
        let typed = Notification { jsonrpc: VERSION, method: exec::START, params };
        assert_eq!(start(&id(), &command(), false), serde_json::to_string(&typed).unwrap());
    }

    #[test]
    fn golden_output() {
        for (stream, method) in [(Stream::Stdout, exec::STDOUT), (Stream::Stderr, exec::STDERR)] {
            for plain in [false, true] {
                let message = output(&id(), plain, 3, |out| {
                    json::escape_into("a\n\"", out);
                    Some(Piece { stream, range: Range { offset: 9, len: 3 } })
                });
                let params = OutputParams {
                    id: 7,
                    data: "a\n\"".into(),
                    offset: (!plain).then_some(9),
                    len: (!plain).then_some(3),
                };
                let typed = Notification { jsonrpc: VERSION, method, params };
                assert_eq!(message.unwrap(), serde_json::to_string(&typed).unwrap());
            }
        }
    }

    #[test]
    fn nothing_to_say_is_no_message() {
        let nothing = Piece { stream: Stream::Stdout, range: Range { offset: 0, len: 0 } };
        assert_eq!(output(&id(), false, 0, |_| Some(nothing)), None);
        assert_eq!(output(&id(), false, 0, |_| None), None);
    }

    #[test]
    fn golden_end() {
        let whole = WholeOutput { escaped: "a\\n".to_owned(), truncated: true };
        let end = End { exit_code: 137, signal: Some(9), output: &whole, incomplete: true };
        let params = DoneParams {
            id: 7,
            exit_code: Some(137),
            output: "a\n".into(),
            signal: Some(9),
            output_truncated: true,
        };
        let typed = Notification { jsonrpc: VERSION, method: exec::DONE, params };
        assert_eq!(done(&id(), &end, false), serde_json::to_string(&typed).unwrap());
        assert_eq!(
            done(&id(), &end, true),
            r#"{"jsonrpc":"2.0","method":"exec.done","params":{"id":7,"exit_code":137,"output":"a\n","output_truncated":true}}"#
        );

        let typed = ExecResult {
            cmd_id: "c-1".into(),
            output: Some("a\n".into()),
            exit_code: Some(137),
            started_at: Some("2024-01-01T00:00:00Z".into()),
            pid: Some(42),
            cwd: Some("/workspace/\"é".into()),
            signal: Some(9),
            output_truncated: true,
            output_incomplete: true,
        };
        let message = ended(&id(), &command(), &end, false);
        assert_eq!(message, success(&id(), &typed).unwrap());
        assert_eq!(result::<ExecResult>(&message), typed);
        assert_eq!(
            ended(&id(), &command(), &end, true),
            r#"{"jsonrpc":"2.0","id":7,"result":{"cmd_id":"c-1","output":"a\n","exit_code":137,"started_at":"2024-01-01T00:00:00Z","output_truncated":true,"output_incomplete":true}}"#
        );
    }

    #[test]
    fn golden_detached_and_chunk() {
        let plain = success(&id(), detached(&command(), true)).unwrap();
        assert_eq!(
            plain,
            r#"{"jsonrpc":"2.0","id":7,"result":{"cmd_id":"c-1","started_at":"2024-01-01T00:00:00Z","pid":42}}"#
        );
        assert_eq!(
            chunk(&id(), b"hi", None),
            r#"{"jsonrpc":"2.0","method":"read_stream.chunk","params":{"id":7,"data":"aGk="}}"#
        );
        let params = ChunkParams { id: 7, data: "aGk=".into(), offset: Some(9) };
        let typed = Notification { jsonrpc: VERSION, method: files::CHUNK, params };
        assert_eq!(chunk(&id(), b"hi", Some(9)), serde_json::to_string(&typed).unwrap());
    }

    #[test]
    fn the_plain_wire_has_one_code_of_ours() {
        let error = RpcError::new(codes::IS_A_DIRECTORY, "/a: Is a directory");
        assert_eq!(
            failure(Some(&id()), error.clone(), true),
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"/a: Is a directory"}}"#
        );
        assert!(failure(None, error, false).contains(r#""id":null,"error":{"code":-32003"#));
    }
}
