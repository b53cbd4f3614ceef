//! What `cargo xtask swift` and `cargo xtask kotlin` have in common: the native library, the
//! sources that uniffi generates from it, a gateway for tests, and a place outside of the tree.
//!
//! Everything is made in one directory under the user's cache, whose lock keeps two runs apart;
//! what is there from the run before makes the next one quick.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::steps::{Count, cargo, quiet};
use crate::{root, target};

/// The library's name, without `lib` and its ending.
pub(crate) const LIBRARY: &str = "vtrix_sandbox_uniffi";

/// What is kept between runs, outside of the tree.
pub(crate) fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("vtrix-sandbox")
}

/// A directory under [`cache`] that this run has for itself until the lock is dropped.
pub(crate) fn locked(name: &str) -> Result<(PathBuf, File), String> {
    let directory = cache().join(name);
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    let path = directory.join(".lock");
    let lock = File::create(&path).map_err(|error| told(&path, &error))?;
    lock.lock().map_err(|error| told(&path, &error))?;
    Ok((directory, lock))
}

/// Fails unless so many GiB are free where the cache is.
pub(crate) fn need_space(gibibytes: u64) -> Result<(), String> {
    let directory = cache();
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    let mut df = Command::new("df");
    df.args(["-P", "-k"]).arg(&directory);
    let text = quiet(df)?;
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    let free: u64 = free.and_then(|kib| kib.parse().ok()).ok_or("df said nothing")?;
    if free < gibibytes * 1024 * 1024 {
        let free = free / 1024;
        return Err(format!("{free} MiB free in {}, {gibibytes} GiB needed", directory.display()));
    }
    Ok(())
}

/// Which build of the library: `dev` for tests, `release` to use and to measure, `mobile` for phones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
    Mobile,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Mobile => "mobile",
        }
    }

    /// Where cargo puts what it builds so.
    pub(crate) fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
            Self::Mobile => "mobile",
        }
    }
}

/// How this machine links the library of a phone, to run it: as [`crate::android::LINKING`], with
/// relocations packed in the form that its own loader knows.
const HOST_LINKING: [&str; 4] =
    ["--icf=all", "--pack-dyn-relocs=relr", "-z,max-page-size=16384", "-z,common-page-size=16384"];

/// Builds the library and puts it, without debug information, into `directory`.
pub(crate) fn library(directory: &Path, profile: Profile) -> Result<PathBuf, String> {
    library_with(directory, profile, "")
}

/// As [`library`], with features of the crate, separated by commas.
pub(crate) fn library_with(
    directory: &Path,
    profile: Profile,
    features: &str,
) -> Result<PathBuf, String> {
    let package = "vtrix-sandbox-uniffi";
    let profile_name = profile.name();
    quiet(match profile {
        Profile::Mobile => linked(profile, &HOST_LINKING),
        _ => cargo([
            "build",
            "-q",
            "--profile",
            profile_name,
            "-p",
            package,
            "--lib",
            "--features",
            features,
        ]),
    })?;
    let name = format!("{}{LIBRARY}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = target().join(profile.directory()).join(&name);
    fs::create_dir_all(directory).map_err(|error| told(directory, &error))?;
    let copy = directory.join(&name);
    let mut strip = Command::new("objcopy");
    strip.arg("--strip-debug").arg(&built).arg(&copy);
    if cfg!(not(target_os = "linux")) || quiet(strip).is_err() {
        fs::copy(&built, &copy).map_err(|error| told(&built, &error))?;
    }
    Ok(copy)
}

/// Builds the library as a phone's is, with Mozilla's roots, and with flags for the linker.
pub(crate) fn linked(profile: Profile, flags: &[&str]) -> Command {
    let mut command = cargo(["rustc", "--quiet", "--profile", profile.name()]);
    command.args(["-p", "vtrix-sandbox-uniffi", "--lib", "--crate-type", "cdylib"]);
    command.args(["--features", "bundled-roots", "--"]);
    command.args(flags.iter().map(|flag| format!("-Clink-arg=-Wl,{flag}")));
    command
}

/// Generates a language's sources from the library into `directory`, which holds nothing else.
pub(crate) fn generate(library: &Path, language: &str, directory: &Path) -> Result<(), String> {
    quiet(cargo([
        "build",
        "-q",
        "-p",
        "vtrix-sandbox-uniffi",
        "--features",
        "bindgen",
        "--bin",
        "uniffi-bindgen",
    ]))?;
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).map_err(|error| told(directory, &error))?;
    let mut bindgen = Command::new(target().join("debug/uniffi-bindgen"));
    // The generator reads the crate's uniffi.toml by way of cargo's metadata.
    bindgen.current_dir(root()).arg("generate").arg(library).args(["--language", language]);
    bindgen.args(["--no-format", "--out-dir"]).arg(directory);
    quiet(bindgen).map(drop)
}

/// Copies a directory over another; files that did not change keep their times, so that builds
/// stay incremental, and files that are no longer there are removed.
pub(crate) fn mirror(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| told(to, &error))?;
    for entry in fs::read_dir(to).map_err(|error| told(to, &error))?.flatten() {
        if !from.join(entry.file_name()).exists() && entry.path().is_file() {
            let _ = fs::remove_file(entry.path());
        }
    }
    for entry in fs::read_dir(from).map_err(|error| told(from, &error))?.flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            mirror(&path, &copy)?;
        } else {
            let content = fs::read(&path).map_err(|error| told(&path, &error))?;
            if fs::read(&copy).ok().as_ref() != Some(&content) {
                fs::write(&copy, content).map_err(|error| told(&copy, &error))?;
            }
        }
    }
    Ok(())
}

/// A gateway that runs while this lives.
pub(crate) struct Gateway {
    child: Child,
    /// `VTRIX_BASE_URL` and the like, for a client's environment.
    pub(crate) env: Vec<(&'static str, String)>,
    /// `plain` or `extended`.
    pub(crate) wire: &'static str,
}

impl Gateway {
    /// Starts one on a wire.
    pub(crate) fn start(wire: &'static str) -> Result<Self, String> {
        quiet(cargo(["build", "-q", "-p", "vtrix-harness"]))?;
        let program = target().join("debug/vtrix-harness");
        let mut command = Command::new(program);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        if wire == "plain" {
            command.arg("--plain-wire");
        }
        let mut child = command.spawn().map_err(|error| format!("vtrix-harness: {error}"))?;
        let mut line = String::new();
        let output = child.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let mut env = Vec::new();
        for (variable, name) in [
            ("VTRIX_BASE_URL", "url"),
            ("VTRIX_TOKEN", "token"),
            ("VTRIX_PROJECT_ID", "project_id"),
            ("VTRIX_SILENT", "silent"),
        ] {
            let Some(value) = field(name) else {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the harness said {line:?}"));
            };
            env.push((variable, value));
        }
        Ok(Self { child, env, wire })
    }

    /// Ends it; fails if anything was left behind.
    pub(crate) fn end(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                Err(format!("the gateway ended with {status}: something was left behind"))
            }
            Err(error) => Err(format!("the gateway: {error}")),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Its standard input ends with this; the gateway then deletes everything by itself.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Writes a command as a program: its words, then `rest` as a shell takes it.
pub(crate) fn script(path: PathBuf, command: &Command, rest: &str) -> Result<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    let words: Vec<String> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let text = format!("#!/bin/sh\nexec {} {rest}\n", words.join(" "));
    fs::write(&path, text)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| told(&path, &error))?;
    Ok(path)
}

/// Runs a program that says `test result: … N passed; M failed` and gives the numbers.
pub(crate) fn judged(command: Command) -> Result<Count, (Count, String)> {
    crate::steps::counted(command)
}

/// Runs `command` in silence, and reads how many tests ran and failed from its output.
pub(crate) fn counted_by(
    command: Command,
    read: impl Fn(&str) -> Option<Count>,
) -> Result<Count, (Count, String)> {
    match quiet(command) {
        Ok(text) => read(&text)
            .filter(|count| count.passed > 0 && count.failed == 0)
            .ok_or_else(|| (Count { passed: 0, failed: 1 }, format!("{text}\nno tests ran"))),
        Err(problem) => Err((
            read(&problem)
                .filter(|count| count.failed > 0)
                .unwrap_or(Count { passed: 0, failed: 1 }),
            problem,
        )),
    }
}

/// The number that follows `word` in `text`.
pub(crate) fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    let digits = rest.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The first that this machine lacks of the programs that a recipe needs, said with what it is for.
pub(crate) fn need_programs(programs: &[(&str, &str)]) -> Result<(), String> {
    let missing: Vec<String> = programs
        .iter()
        .filter(|(program, _)| {
            let mut which = Command::new("sh");
            which.args(["-c", &format!("command -v {program}")]);
            quiet(which).is_err()
        })
        .map(|(program, why)| format!("  {program}: {why}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing:\n{}", missing.join("\n"))) }
}

/// An error of a file, with its name.
pub(crate) fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
