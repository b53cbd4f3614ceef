//! Images with little in them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A root directory with some of this machine's programs, the libraries they need, and nothing
/// else. It is removed when it is dropped.
///
/// # Panics
/// A program is not on this machine, or can't be copied.
pub fn image(programs: &[&str]) -> TempDir {
    let image = tempfile::Builder::new().prefix("vtrix-image-").tempdir().expect("a directory");
    let put = |from: &Path, to: &str| {
        let to = image.path().join(to.trim_start_matches('/'));
        let parent = to.parent().expect("a file is in a directory");
        fs::create_dir_all(parent).and_then(|()| fs::copy(from, &to)).expect("a copy can be made");
    };
    for program in programs {
        let path = ["/bin", "/usr/bin"]
            .map(|directory| format!("{directory}/{program}"))
            .into_iter()
            .find(|path| Path::new(path).exists())
            .unwrap_or_else(|| panic!("this machine has no {program}"));
        let real = fs::canonicalize(&path).expect("a program that exists is somewhere");
        put(&real, &format!("/bin/{program}"));
        let libraries = Command::new("ldd").arg(&real).output().expect("ldd runs");
        for word in String::from_utf8_lossy(&libraries.stdout).split_whitespace() {
            if word.starts_with('/') {
                put(Path::new(word), word);
            }
        }
    }
    fs::set_permissions(image.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    image
}
