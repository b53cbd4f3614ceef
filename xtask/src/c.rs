//! `cargo xtask c`: the C interface, as a C program meets it.
//!
//! Everything is built outside of the tree, from an installed prefix that was moved: the tests of
//! `tests/c` plainly, under the address and undefined-behaviour sanitizers and under valgrind;
//! programs in every way there is to link; the header by itself as C and as C++; and the examples.
//! The conformance scenarios run with the library that ships, optimised.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::examples::served;
use crate::header::{declared, scratch, symbols};
use crate::install::install;
use crate::packaging::{WARNINGS, install_and_move, pkg_config};
use crate::steps::{Count, Progress, at_once, cargo, quiet, run};
use crate::{examples, header, nulls, packaging, root};

/// Programs under `tests/c`, and whether valgrind has a part in them. A child of fork leaks by design
/// what was its parent's; what TLS' assembly encrypts looks uninitialised to valgrind; and what is kept,
/// or has no end, is so much that it would take minutes.
const TESTS: &[(&str, bool)] = &[
    (NULLS, true),
    ("misuse", true),
    ("basic", true),
    ("callbacks", true),
    ("ends", false),
    ("kept", false),
    ("faults", true),
    ("signals", false),
    (FORK, false),
];
/// The one that forks while threads are at work: plainly alone, since the sanitizer's allocator keeps
/// a lock over the fork that a thread held which the child has not.
const FORK: &str = "fork";
/// The one that is written from the header.
const NULLS: &str = "nulls";
/// Ways to run a program, the slowest first.
const WAYS: &[Way] = &[
    Way {
        name: "valgrind",
        flags: &[],
        wrapper: &[
            "valgrind",
            "--quiet",
            // Its one lock goes round: otherwise the thread that everybody waits for may starve.
            "--fair-sched=yes",
            "--leak-check=full",
            "--error-exitcode=9",
            "--errors-for-leak-kinds=definite,indirect,possible",
            "--show-leak-kinds=definite,indirect,possible",
        ],
    },
    Way {
        name: "sanitized",
        flags: &["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        wrapper: &[],
    },
    Way { name: "plain", flags: &[], wrapper: &[] },
];

/// A way to build and run a program.
struct Way {
    name: &'static str,
    flags: &'static [&'static str],
    wrapper: &'static [&'static str],
}

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 8;

/// `cargo xtask c` by itself.
pub(crate) fn test() -> Result<(), String> {
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

/// Measures the C interface beside Rust, and what it adds to a program.
pub(crate) fn bench() -> Result<(), String> {
    let directory = scratch("c/bench")?;
    let prefix = directory.join("prefix");
    install(&prefix, true)?;
    let (tests, source) = (root().join("tests/c"), root().join("tests/bench/c/bench.c"));
    let support = format!("-I{}", tests.display());
    let binary = compile(&prefix, &source, &directory.join("bench"), &["-O2", &support])?;
    run(examples::beside("C", 5, &binary))?;
    sizes(&prefix, &directory)
}

/// Prints the sizes of the libraries, and of a program that creates sandboxes and runs commands, with
/// the static one in it.
fn sizes(prefix: &Path, directory: &Path) -> Result<(), String> {
    let told = |what: &str, path: &Path| {
        let size = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{what:<44} {:>11} bytes", size.len());
        Ok::<(), String>(())
    };
    told("shared library", &prefix.join("lib/libvtrix_sandbox.so"))?;
    told("static library", &prefix.join("lib/libvtrix_sandbox.a"))?;
    let linked =
        [("static program", ""), ("static program, sections collected", "-Wl,--gc-sections")];
    for (what, flag) in linked {
        let binary = directory.join("static");
        let mut compile = Command::new("cc");
        compile.args(["-std=c11", "-O2", "-s"]).arg(root().join("examples/c/basic.c"));
        compile
            .args(pkg_config(prefix, "vtrix-sandbox-static")?)
            .args((!flag.is_empty()).then_some(flag));
        compile.arg("-o").arg(&binary);
        quiet(compile)?;
        told(what, &binary)?;
    }
    Ok(())
}

/// Everything about the C interface, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    progress.check("C: header, symbols and layouts are current", || header::run(true))?;
    let prefix = scratch("c")?.join("prefix");
    progress.check("C: install", || {
        install_and_move(&prefix, false)?;
        every_declaration_is_exported(&prefix)
    })?;
    progress.check("C: the header alone, twice, as C11 and C++17", || header_alone(&prefix))?;
    progress
        .check("C: programs by pkg-config, by CMake and by hand", || packaging::check(&prefix))?;
    progress.measured("C: tests: plainly, under sanitizers, under valgrind", || tests(&prefix))?;
    let release = prefix.with_file_name("release");
    progress.check("C: install what ships", || install_and_move(&release, true))?;
    progress.tests("C: every scenario, through what ships", scenarios(&release))?;
    progress.check("C: examples", || examples(&prefix))
}

fn every_declaration_is_exported(prefix: &Path) -> Result<(), String> {
    let text = fs::read_to_string(prefix.join("include/vtrix_sandbox.h"))
        .map_err(|error| error.to_string())?;
    let (declared, exported) = (declared(&text), symbols(&prefix.join("lib/libvtrix_sandbox.so"))?);
    if declared == exported {
        return Ok(());
    }
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|name| !those.contains(name)).cloned().collect::<Vec<_>>().join(" ")
    };
    Err(format!(
        "declared only: {}; exported only: {}",
        only(&declared, &exported),
        only(&exported, &declared)
    ))
}

fn header_alone(prefix: &Path) -> Result<(), String> {
    let include = "#include <vtrix_sandbox.h>\n#include <vtrix_sandbox.h>\n";
    let body = "int main(void) { return VTRIX_STR(\"x\").len == 1 ? 0 : 1; }\n";
    for (compiler, standard, file) in
        [("cc", "-std=c11", "alone.c"), ("c++", "-std=c++17", "alone.cc")]
    {
        let source = scratch("c")?.join(file);
        fs::write(&source, format!("{include}{body}")).map_err(|error| error.to_string())?;
        let mut compile = Command::new(compiler);
        compile.arg(standard).args(WARNINGS).arg("-fsyntax-only").arg("-I");
        compile.arg(prefix.join("include")).arg(&source);
        quiet(compile)?;
    }
    Ok(())
}

/// Every program in every way, several at the same time.
fn tests(prefix: &Path) -> Result<Count, (Count, String)> {
    let none = |problem| (Count::default(), problem);
    let directory = scratch("c/tests").map_err(none)?;
    let header = prefix.join("include/vtrix_sandbox.h");
    let header = fs::read_to_string(header).map_err(|error| none(error.to_string()))?;
    let program = nulls::program(&header).map_err(none)?;
    fs::write(directory.join(format!("{NULLS}.c")), program)
        .map_err(|error| none(error.to_string()))?;
    let runs: Vec<_> = WAYS
        .iter()
        .flat_map(|way| TESTS.iter().map(move |(name, valgrind)| (way, *name, *valgrind)))
        .filter(|(way, name, valgrind)| match way.name {
            "valgrind" => *valgrind,
            "sanitized" => *name != FORK,
            _ => true,
        })
        .collect();
    let problems = at_once(&runs, |(way, name, _)| {
        test_program(prefix, &directory, name, way)
            .map_err(|problem| format!("{name}, {}: {problem}", way.name))
    });
    let failed = problems.len() as u64;
    let count = Count { passed: runs.len() as u64 - failed, failed };
    if problems.is_empty() { Ok(count) } else { Err((count, problems.join("\n"))) }
}

fn test_program(prefix: &Path, directory: &Path, name: &str, way: &Way) -> Result<(), String> {
    let tests = root().join("tests/c");
    let place = if name == NULLS { directory } else { &tests };
    let source = place.join(format!("{name}.c"));
    let binary = directory.join(format!("{name}-{}", way.name));
    let support = format!("-I{}", tests.display());
    let flags: Vec<&str> = way.flags.iter().copied().chain([support.as_str()]).collect();
    compile(prefix, &source, &binary, &flags)?;
    let mut words = way.wrapper.iter().map(OsStr::new).chain([binary.as_os_str()]);
    let mut command = Command::new(words.next().expect("there is a program"));
    command.args(words);
    served(&mut command).map(drop)
}

/// The scenarios that every language has, run by a program that knows the installed library and
/// nothing else of what is tested.
fn scenarios(prefix: &Path) -> Command {
    let mut command = cargo(["run", "--quiet", "-p", "vtrix-conformance-c"]);
    command.env("VTRIX_C_LIBRARY", prefix.join("lib/libvtrix_sandbox.so"));
    command.env("VTRIX_C_HEADER", prefix.join("include/vtrix_sandbox.h"));
    command
}

fn compile(prefix: &Path, source: &Path, binary: &Path, flags: &[&str]) -> Result<PathBuf, String> {
    let library = prefix.join("lib");
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic"]);
    compile.args(["-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror"]);
    compile.args(flags).arg("-I").arg(prefix.join("include")).arg(source);
    compile.arg("-L").arg(&library).args(["-lvtrix_sandbox", "-lpthread"]);
    compile.arg(format!("-Wl,-rpath,{}", library.display())).arg("-o").arg(binary);
    quiet(compile)?;
    Ok(binary.to_owned())
}

/// Builds and runs each example; what it prints is the Rust one's.
fn examples(prefix: &Path) -> Result<(), String> {
    examples::print_as_rust(|name| {
        let source = root().join("examples/c").join(format!("{name}.c"));
        compile(prefix, &source, &scratch("c/examples")?.join(name), &[]).map(Command::new)
    })
}
