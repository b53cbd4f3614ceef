//! Where the Swift compiler is: on this machine, or in a root directory of its own.
//!
//! On Linux the compiler is Debian's, in a root directory of its own under the cache: a machine
//! that has no Swift gets one, once. Commands run in it from a private mount namespace, so that
//! nothing stays mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{locked, need_programs, need_space, number_after, script, told};
use crate::packages;
use crate::steps::quiet;

/// The Debian release whose Swift is used: the first that has one.
const RELEASE: &str = "trixie";
/// The language version that the package is written in.
const LANGUAGE: u64 = 6;
/// What the toolchain takes on the disk while it is installed, in GiB, generously.
const SPACE: u64 = 4;
/// Parts of the toolchain that nothing here uses, most of its size.
const LEFT_OUT: [&str; 9] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/libexec/swift/bin/lldb*",
    "/usr/libexec/swift/bin/clangd",
    "/usr/libexec/swift/bin/sourcekit-lsp",
    "/usr/libexec/swift/bin/docc",
    "/usr/libexec/swift/lib/liblldb*",
    "/usr/libexec/swift/lib/libsourcekit*",
    "/usr/libexec/swift/lib/swift_static/*",
];

/// Runs a command in the root directory. Arguments: the root, the directories that are shared with
/// it, `--`, then the command. The machine's trusted roots are shared as well: a client of TLS is built
/// from nothing else.
const ENTER: &str = r#"
root=$1; shift
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
set -- /etc/ssl /usr/share/ca-certificates "$@"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then
        mkdir -p "$root$1"
        mount --bind "$1" "$root$1"
    fi
    shift
done
shift
exec chroot "$root" "$@"
"#;

/// The environment inside of the root directory.
const ENVIRONMENT: [&str; 3] = ["PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8"];

/// Where Swift is.
pub(super) enum Toolchain {
    /// On this machine.
    Here,
    /// In a root directory.
    Root(PathBuf),
}

/// Finds Swift, or installs it. Another program of that name, or an older Swift, is as good as none.
pub(super) fn toolchain() -> Result<Toolchain, String> {
    let mut version = Command::new("swift");
    version.arg("--version");
    if quiet(version).is_ok_and(|text| language(&text).is_some_and(|major| major >= LANGUAGE)) {
        return Ok(Toolchain::Here);
    }
    let (directory, _lock) = locked("swift-toolchain")?;
    let root = directory.join(RELEASE);
    let stamp = directory.join(format!("{RELEASE}.complete"));
    // What was made with other settings is made again.
    let settings = LEFT_OUT.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|made_with| made_with == settings) {
        return Ok(Toolchain::Root(root));
    }
    install(&root)?;
    fs::write(&stamp, settings).map_err(|error| told(&stamp, &error))?;
    Ok(Toolchain::Root(root))
}

/// The language's version, as the compiler tells it: `Swift version 6.0.3`.
fn language(version: &str) -> Option<u64> {
    number_after(version, "Swift version ")
}

fn install(root: &Path) -> Result<(), String> {
    need_programs(&[
        ("apt-get", "Debian's package manager; elsewhere install Swift 6 so that `swift` is found"),
        ("unshare", "util-linux"),
    ])?;
    need_space(SPACE)?;
    packages::need(&["mmdebstrap"])?;
    let _ = fs::remove_dir_all(root);
    let mut make = packages::mmdebstrap("apt");
    make.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    // libc6-dev brings sys/param.h, which the package manager's own runtime includes.
    make.args(["--include=swiftlang,libc6-dev", RELEASE]).arg(root).args(packages::mirror());
    quiet(make).map(drop)
}

/// Enters the root directory; what is shared with it follows.
fn entered(root: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    command.args(["sh", "-e", "-c", ENTER, "sh"]).arg(root);
    command
}

impl Toolchain {
    /// Where `swift` is for somebody who works on this machine: a program in `directory` that enters
    /// the root directory and shares with it the directory it is called in, and `package`. `None`
    /// where Swift is found without it.
    pub(super) fn program(
        &self,
        directory: &Path,
        package: &Path,
    ) -> Result<Option<PathBuf>, String> {
        let Self::Root(root) = self else { return Ok(None) };
        fs::create_dir_all(directory).map_err(|error| told(directory, &error))?;
        let environment = ENVIRONMENT.join(" ");
        let there = "sh -c 'cd \"$1\" && shift && exec swift \"$@\"' sh \"$PWD\" \"$@\"";
        let rest = format!("\"$PWD\" '{}' -- env {environment} {there}", package.display());
        script(directory.join("swift"), &entered(root), &rest).map(Some)
    }

    /// A command in a directory of `work`.
    pub(super) fn command(&self, work: &Path, directory: &str, arguments: &[String]) -> Command {
        let mut command = match self {
            Self::Here => Command::new("env"),
            Self::Root(root) => {
                let mut command = entered(root);
                command.arg(work).args(["--", "env", "-i"]).args(ENVIRONMENT);
                command
            }
        };
        // SwiftPM takes no unsafe flags from a package that others depend on: strictness is asked
        // for from outside.
        command.arg("VTRIX_STRICT=1");
        command.arg(format!("VTRIX_PACKAGE={}", work.join("package").display()));
        command.arg(format!("LD_LIBRARY_PATH={}", work.join("lib").display()));
        let shell = format!("cd '{}' && exec \"$@\"", work.join(directory).display());
        command.args(["sh", "-c", &shell, "sh"]).args(arguments);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_compiler_of_the_language_is_one() {
        assert_eq!(language("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64"), Some(6));
        assert_eq!(language("Apple Swift version 5.10 (swiftlang-5.10.0.13)"), Some(5));
        assert_eq!(language("python-swiftclient 4.2.0"), None);
    }
}
