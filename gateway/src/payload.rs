//! Payloads: calls made to a sandbox once it runs.
//!
//! Two are known. `/api/v1/env` sets variables for every later command; `/api/v1/exec` runs a
//! command and must succeed. They are checked when they arrive, and applied in order over one
//! control connection at each start. Their bodies are secrets: no error repeats a value.

use std::time::Duration;

use serde_json::{Value, json};
use vtrix_executor::contract::CONTROL_ENV;
use vtrix_protocol::control::Payload;
use vtrix_protocol::exec::EXEC;

use crate::control::Control;
use crate::refusal::Refusal;

const ENV: &str = "/api/v1/env";
const EXEC_API: &str = "/api/v1/exec";
/// Payloads of one sandbox; setting it up with more is a script's work.
const MOST_PAYLOADS: usize = 64;
/// Variables of one call, as many as a full environment plausibly has.
const MOST_VARIABLES: usize = 4096;
/// Seconds that a command may take if its payload does not say: clients wait 180 for a create.
const DEFAULT_TIMEOUT: u32 = 120;
/// Seconds that a command may take at most, so that no sandbox is creating forever.
const LONGEST_TIMEOUT: u32 = 3600;
/// Beyond a command's own limit, for the killing of it and the answer.
const ANSWER_GRACE: Duration = Duration::from_secs(10);
/// Setting variables is a map insert.
const ENV_TIMEOUT: Duration = Duration::from_secs(10);
/// What of a failed command's output is told: the end, where the reason usually is.
const TOLD_OUTPUT: usize = 500;

/// Refuses what could not be applied, naming `payloads[i]` and the field.
pub(crate) fn check(payloads: &[Payload]) -> Result<(), Refusal> {
    if payloads.len() > MOST_PAYLOADS {
        return Err(Refusal::field("payloads", &format!("must be at most {MOST_PAYLOADS}")));
    }
    for (index, payload) in payloads.iter().enumerate() {
        let field = |rest: &str| format!("payloads[{index}].{rest}");
        if let Some(envs) = &payload.envs {
            check_names(
                envs.iter().map(|(name, value)| (name, Some(value.as_str()))),
                &field("envs"),
            )?;
        }
        match payload.api.as_str() {
            ENV => {
                let Some(Value::Object(body)) = &payload.body else {
                    return Err(Refusal::field(
                        &field("body"),
                        "must be an object of name to value",
                    ));
                };
                check_names(
                    body.iter().map(|(name, value)| (name, value.as_str())),
                    &field("body"),
                )?;
            }
            EXEC_API => check_exec(payload.body.as_ref(), &field("body"))?,
            "" => return Err(Refusal::field(&field("api"), "must not be empty")),
            _ => {
                return Err(Refusal::field(
                    &field("api"),
                    "is unknown; known are /api/v1/env and /api/v1/exec",
                ));
            }
        }
    }
    Ok(())
}

fn check_names<'a>(
    variables: impl ExactSizeIterator<Item = (&'a String, Option<&'a str>)>,
    field: &str,
) -> Result<(), Refusal> {
    if variables.len() > MOST_VARIABLES {
        return Err(Refusal::field(field, &format!("must be at most {MOST_VARIABLES} variables")));
    }
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Refusal::field(
                field,
                "a variable's name must not be empty nor hold \"=\" or NUL",
            ));
        }
        match value {
            None => return Err(Refusal::field(&format!("{field}.{name}"), "must be a string")),
            Some(value) if value.contains('\0') => {
                return Err(Refusal::field(&format!("{field}.{name}"), "must not hold NUL"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_exec(body: Option<&Value>, field: &str) -> Result<(), Refusal> {
    let Some(Value::Object(body)) = body else {
        return Err(Refusal::field(field, "must be an object with a command"));
    };
    match body.get("command") {
        Some(Value::String(command)) if !command.is_empty() && !command.contains('\0') => {}
        _ => {
            return Err(Refusal::field(
                &format!("{field}.command"),
                "must be a string, not empty, without NUL",
            ));
        }
    }
    match body.get("working_dir") {
        None | Some(Value::Null) => {}
        Some(Value::String(dir)) if !dir.contains('\0') => {}
        Some(_) => {
            return Err(Refusal::field(
                &format!("{field}.working_dir"),
                "must be a string without NUL",
            ));
        }
    }
    match body.get("timeout") {
        None | Some(Value::Null) => {}
        Some(Value::Number(n))
            if n.as_f64().is_some_and(|n| (0.0..=f64::from(LONGEST_TIMEOUT)).contains(&n)) => {}
        Some(_) => {
            return Err(Refusal::field(
                &format!("{field}.timeout"),
                &format!("must be a number of seconds from 0 to {LONGEST_TIMEOUT}"),
            ));
        }
    }
    Ok(())
}

/// Applies `payloads` in order and stops at the first that fails; the error is for people.
pub(crate) async fn apply(control: &mut Control, payloads: &[Payload]) -> Result<(), String> {
    for (index, payload) in payloads.iter().enumerate() {
        let outcome = match payload.api.as_str() {
            ENV => control
                .call(CONTROL_ENV, &json!({ "set": payload.body }), ENV_TIMEOUT)
                .await
                .map(drop)
                .map_err(|error| error.to_string()),
            _ => exec(control, payload).await,
        };
        outcome.map_err(|error| format!("payloads[{index}] ({}): {error}", payload.api))?;
    }
    Ok(())
}

async fn exec(control: &mut Control, payload: &Payload) -> Result<(), String> {
    let body = payload.body.as_ref().unwrap_or(&Value::Null);
    let asked = body.get("timeout").and_then(Value::as_f64).filter(|seconds| *seconds > 0.0);
    let timeout = asked.unwrap_or(f64::from(DEFAULT_TIMEOUT));
    let mut params = json!({ "command": body.get("command"), "timeout": timeout });
    if let Some(dir) = body.get("working_dir").filter(|dir| dir.is_string()) {
        params["working_dir"] = dir.clone();
    }
    if let Some(envs) = &payload.envs {
        params["env"] = json!(envs);
    }
    let patience = Duration::from_secs_f64(timeout) + ANSWER_GRACE;
    let result = control.call(EXEC, &params, patience).await.map_err(|error| error.to_string())?;
    match result.get("exit_code").and_then(Value::as_i64) {
        Some(0) => Ok(()),
        Some(code) => {
            let output =
                result.get("output").and_then(Value::as_str).unwrap_or_default().trim_end();
            let cut = output.len().saturating_sub(TOLD_OUTPUT);
            let cut = (cut..=output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
            let told = &output[cut..];
            Err(if told.is_empty() {
                format!("the command exited with status {code}")
            } else {
                format!("the command exited with status {code}: {told}")
            })
        }
        None => Err("the executor told no exit status".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn payload(api: &str, body: Option<Value>) -> Payload {
        Payload { api: api.into(), body, envs: None }
    }

    fn refused(payload: Payload) -> String {
        check(&[payload]).expect_err("refused").message.into_owned()
    }

    #[test]
    fn what_is_right_passes() {
        let mut exec =
            payload(EXEC_API, Some(json!({"command": "true", "timeout": 1.5, "working_dir": "/"})));
        exec.envs = Some(env(&[("A", "b")]));
        assert_eq!(check(&[payload(ENV, Some(json!({"A": "b"}))), exec]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn every_refusal_names_its_field() {
        assert!(refused(payload("/api/v1/nope", None)).starts_with("payloads[0].api: "));
        assert!(refused(payload("", None)).starts_with("payloads[0].api: "));
        assert!(refused(payload(ENV, None)).starts_with("payloads[0].body: "));
        assert!(refused(payload(ENV, Some(json!([1])))).starts_with("payloads[0].body: "));
        assert!(refused(payload(ENV, Some(json!({"A": 1})))).starts_with("payloads[0].body.A: "));
        assert!(refused(payload(ENV, Some(json!({"A=": "1"})))).starts_with("payloads[0].body: "));
        assert!(
            refused(payload(ENV, Some(json!({"A": "\u{0}"})))).starts_with("payloads[0].body.A: ")
        );
        assert!(refused(payload(EXEC_API, None)).starts_with("payloads[0].body: "));
        assert!(
            refused(payload(EXEC_API, Some(json!({})))).starts_with("payloads[0].body.command: ")
        );
        assert!(refused(payload(EXEC_API, Some(json!({"command": ""})))).contains(".command: "));
        for timeout in [json!(-1), json!("1"), json!(1e300)] {
            let body = json!({"command": "true", "timeout": timeout});
            assert!(refused(payload(EXEC_API, Some(body))).contains(".timeout: "));
        }
        let mut with_envs = payload(EXEC_API, Some(json!({"command": "true"})));
        with_envs.envs = Some(env(&[("", "x")]));
        assert!(refused(with_envs).starts_with("payloads[0].envs: "));
        let many = vec![payload(ENV, Some(json!({}))); MOST_PAYLOADS + 1];
        assert!(check(&many).expect_err("refused").message.starts_with("payloads: "));
    }

    #[test]
    fn no_refusal_repeats_a_value() {
        let text = refused(payload(ENV, Some(json!({"A": "hunter2\u{0}"}))));
        assert!(!text.contains("hunter2"));
    }
}
