//! Operations on this machine's files, inside the scenario's own directory.

use std::{fs, io};

use vtrix_conformance::value::Value;

use super::unknown;
use crate::arguments::Arguments;
use crate::call::Failure;
use crate::steps::{Gives, Run};

pub(super) fn perform(run: &Run, verb: &str, with: Arguments<'_>) -> Result<Gives, Failure> {
    let path = run.local.join(with.needed_text("path")?);
    let failed = |error: io::Error| Failure::from(format!("{}: {error}", path.display()));
    let value = match verb {
        "write" => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            fs::write(&path, with.needed_bytes("content")?).map_err(failed)?;
            Value::Null
        }
        "read" => match fs::read(&path) {
            Ok(content) => content.into(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(failed(error)),
        },
        "mkdir" => {
            fs::create_dir_all(&path).map_err(failed)?;
            Value::Null
        }
        "list" => {
            let entries = fs::read_dir(&path).map_err(failed)?.flatten();
            let mut names: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            Value::List(names.into_iter().map(Value::from).collect())
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}
