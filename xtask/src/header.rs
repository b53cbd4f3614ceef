//! `cargo xtask header`: the C header and what must not change behind it, written or checked.
//!
//! The header comes from the source of `ffi-c`; the list of exported symbols and of the sizes and
//! offsets of structs, in `ffi-c/abi`, from the header and the built library. Both are kept, so
//! that a change shows.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{cargo, quiet};
use crate::{root, target};

/// Writes both, or says which is not current.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let header = quiet(cargo(["run", "--quiet", "-p", "vtrix-header"]))?;
    keep(&root().join("include/vtrix_sandbox.h"), &header, check)?;
    statuses(&header)?;
    client_options(&header)?;
    quiet(cargo(["build", "--quiet", "-p", "vtrix-sandbox-c"]))?;
    let library = target().join("debug/libvtrix_sandbox.so");
    let mut abi = String::from("# Exported symbols, and structs: size, then offset and field.\n");
    for symbol in symbols(&library)? {
        let _ = writeln!(abi, "{symbol}");
    }
    abi.push_str(&layouts(&header)?);
    keep(&root().join("ffi-c/abi/linux-x86_64.txt"), &abi, check)
}

/// Every kind of error has its status in the header, with the number of docs/errors.json.
fn statuses(header: &str) -> Result<(), String> {
    let path = root().join("docs/errors.json");
    let kinds =
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut found = 0;
    for after in kinds.split("\"name\": \"VTRIX_STATUS_").skip(1) {
        let name = after.split('"').next().unwrap_or_default();
        let number = after.split("\"number\": ").nth(1).unwrap_or_default();
        let number: String = number.chars().take_while(char::is_ascii_digit).collect();
        let wanted = format!("#define VTRIX_STATUS_{name} {number}");
        if !header.lines().any(|line| line == wanted) {
            return Err(format!("the header lacks `{wanted}`"));
        }
        found += 1;
    }
    if found == 0 { Err("docs/errors.json names no status".into()) } else { Ok(()) }
}

/// Every option of the core's client has its field in C and in Go, of the same name.
fn client_options(header: &str) -> Result<(), String> {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let (core, go) = (read("core/src/client_builder.rs")?, read("bindings-go/client.go")?);
    let options = |text: &str, from: &str| {
        let options = text.split(from).nth(1).and_then(|rest| rest.split('}').next());
        options.unwrap_or_default().to_lowercase().replace('_', "")
    };
    let c = options(header, "typedef struct vtrix_client_options {");
    let go = options(&go, "type Options struct {");
    let names = core.split("    pub fn ").skip(1).filter_map(|rest| rest.split_once("(mut self"));
    let missing: Vec<&str> = names
        .map(|(name, _)| name)
        .filter(|name| !name.contains(['(', ' ']))
        .filter(|name| {
            let word = name.replace('_', "").replace("rootpem", "rootspem");
            let field = |text: &str, before: &str| text.contains(&format!("{before}{word}"));
            !field(&c, " ") || !field(&go, "\t")
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("not an option in C and in Go: {}", missing.join(", ")))
}

fn keep(path: &Path, wanted: &str, check: bool) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", path.display());
    if check {
        let kept = fs::read_to_string(path).map_err(failed)?;
        let differs = kept.lines().zip(wanted.lines()).position(|(kept, wanted)| kept != wanted);
        return match differs {
            None if kept == wanted => Ok(()),
            line => Err(format!(
                "{} is not current from line {} on: run `cargo xtask header`, and look at what changes",
                path.display(),
                line.unwrap_or_default() + 1
            )),
        };
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    fs::write(path, wanted).map_err(failed)
}

/// What the shared library exports: the interface, and nothing else.
pub(crate) fn symbols(library: &Path) -> Result<Vec<String>, String> {
    let mut command = Command::new("nm");
    command.args(["--dynamic", "--defined-only", "--format=posix"]).arg(library);
    let listed = quiet(command)?;
    let mut symbols: Vec<String> =
        listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    symbols.sort();
    match symbols.iter().find(|symbol| !symbol.starts_with("vtrix_")) {
        Some(stray) => Err(format!("{}: exports {stray}", library.display())),
        None => Ok(symbols),
    }
}

/// Names in the header of functions that are declared, one by one.
pub(crate) fn declared(header: &str) -> Vec<String> {
    let mut declared = Vec::new();
    let mut comment = false;
    for line in header.lines() {
        let text = line.trim_start();
        comment |= text.starts_with("/*");
        if !comment
            && !line.starts_with([' ', '#', '}'])
            && !line.starts_with("typedef")
            && let Some((before, _)) = line.split_once('(')
        {
            let name = before.rsplit([' ', '*']).next().unwrap_or_default();
            declared.push(name.to_owned());
        }
        comment &= !text.ends_with("*/");
    }
    declared.sort();
    declared
}

fn layouts(header: &str) -> Result<String, String> {
    let mut program =
        String::from("#include <stdio.h>\n#include \"vtrix_sandbox.h\"\nint main(void) {\n");
    let mut inside: Option<&str> = None;
    for line in header.lines() {
        if let Some(rest) = line.strip_prefix("typedef struct ")
            && let Some(name) = rest.strip_suffix(" {")
        {
            inside = Some(name);
            let _ = writeln!(program, "printf(\"{name} %zu\\n\", sizeof({name}));");
        } else if line.starts_with('}') {
            inside = None;
        } else if let Some(name) = inside
            && let Some(declaration) = line.strip_suffix(';')
            && line.starts_with("    ")
            && !line.trim_start().starts_with('*')
        {
            let field = declaration.rsplit([' ', '*']).next().unwrap_or_default();
            let field = field.split('[').next().unwrap_or_default();
            let _ =
                writeln!(program, "printf(\"{name} %zu {field}\\n\", offsetof({name}, {field}));");
        }
    }
    program.push_str("return 0; }\n");
    let scratch = scratch("layout")?;
    let source = scratch.join("layout.c");
    fs::write(&source, program).map_err(|error| error.to_string())?;
    let binary = scratch.join("layout");
    let mut compile = Command::new("cc");
    compile.arg("-I").arg(root().join("include")).arg(&source).arg("-o").arg(&binary);
    quiet(compile)?;
    quiet(Command::new(binary))
}

/// A directory of the build's for files that come and go.
pub(crate) fn scratch(name: &str) -> Result<PathBuf, String> {
    let path = target().join("xtask").join(name);
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_told_from_the_rest() {
        let header = "/**\n * vtrix_no(\n */\ntypedef void (*vtrix_fn)(void *user_data,\n    int x);\n\
                      vtrix_status vtrix_a(int x,\n                     int y);\nconst char *vtrix_b(void);\n\
                      #define VTRIX_STR(literal) x\n";
        assert_eq!(declared(header), ["vtrix_a", "vtrix_b"]);
    }
}
