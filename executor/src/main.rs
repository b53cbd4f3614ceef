//! The sandbox's one binary. The gateway runs it; people have no use for it by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        #[cfg(target_os = "linux")]
        (Some("setup"), Some(json)) => with(json, vtrix_executor::setup::main),
        #[cfg(target_os = "linux")]
        (Some("agent"), Some(json)) => with(json, vtrix_executor::agent::serve_here),
        #[cfg(target_os = "linux")]
        (Some("purge"), Some(json)) => with(json, |config| vtrix_executor::purge::main(&config)),
        (Some("version"), None) => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: vtrix-executor setup JSON | agent JSON | purge JSON | version");
            ExitCode::from(2)
        }
    }
}

/// Runs `work` with the configuration that `json` is.
#[cfg(target_os = "linux")]
fn with<T: serde::de::DeserializeOwned>(
    json: String,
    work: impl FnOnce(T) -> ExitCode,
) -> ExitCode {
    match serde_json::from_str(&json) {
        Ok(config) => {
            // It may hold values of variables, and `setup` clears the arguments themselves.
            drop(json);
            work(config)
        }
        Err(error) => {
            eprintln!("vtrix-executor: the configuration is malformed: {:?}", error.classify());
            ExitCode::from(2)
        }
    }
}
