//! Writes the C header to standard output, from `ffi-c/src` and `ffi-c/cbindgen.toml`.
//!
//! A program of its own, so that nothing else waits for the generator to be built. Where the text
//! goes, and whether it is current, is for `cargo xtask header`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), String> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let config = cbindgen::Config::from_file(library.join("cbindgen.toml"))?;
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(library.join("src/lib.rs"))
        .generate()
        .map_err(|error| error.to_string())?;
    bindings.write(std::io::stdout().lock());
    Ok(())
}
