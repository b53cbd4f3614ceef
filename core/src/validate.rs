//! What is refused before anything is sent, with the name of the field.
//!
//! Only what no gateway could accept is refused here; everything else is the gateway's to judge.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Not empty, no NUL.
pub(crate) fn text(field: &str, value: &str) -> Result<()> {
    if value.is_empty() {
        return Err(Error::invalid(format!("{field} is empty")));
    }
    no_nul(field, value)
}

/// No NUL: neither a path nor an argument nor an environment can hold one.
pub(crate) fn no_nul(field: &str, value: &str) -> Result<()> {
    if value.contains('\0') {
        return Err(Error::invalid(format!("{field} contains a NUL character")));
    }
    Ok(())
}

/// One segment of a route: a URL has no way to carry control characters in one, and `.` and `..`
/// lead elsewhere.
pub(crate) fn id(value: &str) -> Result<()> {
    text("sandbox_id", value)?;
    if value.chars().any(char::is_control) || matches!(value, "." | "..") {
        return Err(Error::invalid("sandbox_id is no sandbox's"));
    }
    Ok(())
}

/// Names that can be set, values without NUL. The message shows no value, and no name that may
/// have a value in it.
pub(crate) fn env(env: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in env {
        text("env: a name", name)?;
        if name.contains('=') {
            return Err(Error::invalid("env: a name contains `=`"));
        }
        no_nul(&format!("env: the value of {name}"), value)?;
    }
    Ok(())
}

/// Permission bits, set-id and sticky bits included.
pub(crate) fn mode(mode: Option<u32>) -> Result<()> {
    match mode {
        Some(mode) if mode > 0o7777 => {
            Err(Error::invalid(format!("mode {mode:#o} is not a set of permission bits")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_its_field() {
        assert_eq!(text("path", "").unwrap_err().message(), "path is empty");
        assert_eq!(text("path", "a\0").unwrap_err().message(), "path contains a NUL character");
        assert!(text("path", "-rf 'a'\n$(x)").is_ok());
        assert!(mode(Some(0o4755)).is_ok() && mode(None).is_ok());
        assert!(mode(Some(0o10000)).unwrap_err().message().starts_with("mode"));
    }

    #[test]
    fn an_id_is_one_segment() {
        for wrong in ["", ".", "..", "a\nb", "a\tb", "\0", "\u{7f}"] {
            assert!(id(wrong).unwrap_err().message().starts_with("sandbox_id"), "{wrong:?}");
        }
        for right in ["a", "...", ".a", "a/b", "a b", "%2e", "\u{e9}"] {
            assert!(id(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn env_values_stay_out_of_messages() {
        let bad = |name: &str, value: &str| {
            env(&[(name.to_owned(), value.to_owned())].into()).unwrap_err().to_string()
        };
        assert_eq!(bad("", "x"), "env: a name is empty");
        assert!(!bad("A=hunter2", "").contains("hunter2"));
        let message = bad("A", "hunter2\0");
        assert!(message.contains("value of A") && !message.contains("hunter2"));
    }
}
