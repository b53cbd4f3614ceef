//! Operations on this machine's files, inside the scenario's own directory.

use std::fs;
use std::io;
use std::path::Path;

use super::{Arguments, Failure, Gives, unknown};
use crate::runner::Run;
use crate::value::Value;

pub(super) fn perform(run: &Run, verb: &str, with: &Arguments<'_>) -> Result<Gives, Failure> {
    let path = run.local_path(&with.needed_text("path")?);
    let value = match verb {
        "write" => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|error| failed(&path, &error))?;
            }
            let content = with.needed_bytes("content")?;
            fs::write(&path, content).map_err(|error| failed(&path, &error))?;
            Value::Null
        }
        "read" => match fs::read(&path) {
            Ok(content) => content.into(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(failed(&path, &error)),
        },
        "mkdir" => {
            fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
            Value::Null
        }
        "list" => {
            let entries = fs::read_dir(&path).map_err(|error| failed(&path, &error))?;
            let mut names: Vec<String> = entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            Value::List(names.into_iter().map(Value::from).collect())
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Scenario(format!("{}: {error}", path.display()))
}
