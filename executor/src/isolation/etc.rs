//! What a sandbox's `/etc` starts from.
//!
//! Of the host's only what programs need is taken, name by name, so that no token, key or account
//! of the host is inside: files are copied into the lower layer of the sandbox's `/etc`, the few
//! directories become layers of their own. Names and accounts are written anew. An image's `/etc`
//! is shown whole, with the sandbox's names over it.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, fstat, mkdirat, openat, readlinkat, statat, symlinkat};
use rustix::io::Errno;

use super::accounts;
use super::plan::{Layer, Plan};
use super::step::{Step, StepError};

/// Directories that become layers. `*` stands for any end of the name.
const LAYERS: [&str; 7] =
    ["alternatives", "ca-certificates", "fonts", "java*", "pam.d", "pki/ca-trust", "ssl/certs"];
/// Directories whose files are copied: few and small.
const COPIED: [&str; 3] = ["ld.so.conf.d", "pki/tls/certs", "skel"];
/// Files that are copied. No file in which hosts keep credentials or names of people.
const FILES: [&str; 45] = [
    "adduser.conf",
    "alpine-release",
    "arch-release",
    "bash.bashrc",
    "bashrc",
    "ca-certificates.conf",
    "debconf.conf",
    "debian_version",
    "deluser.conf",
    "DIR_COLORS",
    "ethertypes",
    "fedora-release",
    "gai.conf",
    "host.conf",
    "inputrc",
    "issue",
    "ld.so.cache",
    "ld.so.conf",
    "libaudit.conf",
    "locale.alias",
    "locale.conf",
    "localtime",
    "login.defs",
    "lsb-release",
    "magic",
    "magic.mime",
    "manpath.config",
    "mime.types",
    "netconfig",
    "networks",
    "nsswitch.conf",
    "os-release",
    "papersize",
    "pki/tls/openssl.cnf",
    "profile",
    "protocols",
    "redhat-release",
    "rpc",
    "security/limits.conf",
    "security/pam_env.conf",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "system-release",
    "timezone",
];
/// Largest file that is copied, in bytes: the cache of libraries of a big installation is 1 MiB.
const LARGEST: u64 = 4 << 20;

/// The layers that the host's `/etc` gives.
pub(crate) fn host_layers(etc: &Path) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut add = |name: &str| {
        let path = etc.join(name);
        let Ok(metadata) = fs::symlink_metadata(&path) else { return };
        let link =
            metadata.is_symlink() && kept_link(name, &fs::read_link(&path).unwrap_or_default());
        if path.is_dir() && !link {
            layers.push(Layer::new(format!("etc/{name}"), path));
        }
    };
    for name in LAYERS {
        match name.strip_suffix('*') {
            None => add(name),
            Some(start) => {
                let mut names: Vec<_> = fs::read_dir(etc)
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .filter(|name| name.starts_with(start) && !name.contains([':', ',', '\\']))
                    .collect();
                names.sort_unstable();
                for name in &names {
                    add(name);
                }
            }
        }
    }
    layers
}

/// Writes the lower layer of `/etc` into the empty directory `to`, from the `/etc` that the plan
/// takes files from.
pub(crate) fn fill(
    to: BorrowedFd<'_>,
    from: Option<BorrowedFd<'_>>,
    plan: &Plan,
    hostname: &str,
) -> Result<(), StepError> {
    put(to, "hostname", 0o644, &format!("{hostname}\n")).step("write /etc/hostname")?;
    put(to, "hosts", 0o644, &hosts(hostname)).step("write /etc/hosts")?;
    put(to, "resolv.conf", 0o644, RESOLV).step("write /etc/resolv.conf")?;
    let from = match (plan.image, from) {
        (false, Some(from)) => from,
        // An image's own accounts are right for its files.
        (true, Some(from)) if statat(from, "passwd", AtFlags::SYMLINK_NOFOLLOW).is_ok() => {
            return Ok(());
        }
        _ => return accounts(to, "", ""),
    };
    let read = |name| text(from, name).unwrap_or_default();
    accounts(to, &read("passwd"), &read("group"))?;
    symlinkat("../proc/self/mounts", to, "mtab").step("link /etc/mtab")?;
    for layer in &plan.layers {
        if let Some(name) = layer.at.strip_prefix("etc/") {
            directories(to, Path::new(name)).step(format!("make /etc/{name}"))?;
        }
    }
    for name in FILES {
        copy(from, to, name).step(format!("copy /etc/{name}"))?;
    }
    for name in LAYERS {
        link(from, to, name).step(format!("link /etc/{name}"))?;
    }
    for name in COPIED {
        if link(from, to, name).step(format!("link /etc/{name}"))? {
            continue;
        }
        for file in names(from, name) {
            let path = format!("{name}/{file}");
            copy(from, to, &path).step(format!("copy /etc/{path}"))?;
        }
    }
    Ok(())
}

/// Without a server a look-up fails at once, as it must where there is no network but loopback.
const RESOLV: &str = "# This sandbox has no network but loopback.\n";

fn accounts(to: BorrowedFd<'_>, passwd: &str, group: &str) -> Result<(), StepError> {
    for (name, mode, text) in accounts::files(passwd, group) {
        put(to, name, mode, &text).step(format!("write /etc/{name}"))?;
    }
    Ok(())
}

fn hosts(hostname: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{hostname}\n"
    )
}

/// Whether a link at `name` of `/etc` leads to what is inside too, so that it can stay a link.
fn kept_link(name: &str, target: &Path) -> bool {
    let mut path = PathBuf::from("/etc").join(name);
    path.pop();
    for part in target.components() {
        match part {
            Component::RootDir => path = PathBuf::from("/"),
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    ["/usr", "/etc/alternatives", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ssl/certs"]
        .iter()
        .any(|kept| path.starts_with(kept))
}

/// Copies a link that leads to what is inside. Says whether it did.
fn link(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    use std::os::unix::ffi::OsStrExt;
    let Ok(target) = readlinkat(from, name, Vec::new()) else { return Ok(false) };
    if !kept_link(name, Path::new(std::ffi::OsStr::from_bytes(target.as_bytes()))) {
        return Ok(false);
    }
    parents(to, name)?;
    symlinkat(target.as_c_str(), to, name).map(|()| true)
}

/// Copies a file, or the link at its place. One that is missing or not for everyone to read is
/// left out.
fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    if link(from, to, name)? {
        return Ok(());
    }
    let Some(bytes) = read(from, name) else { return Ok(()) };
    parents(to, name)?;
    put_bytes(to, name, 0o644, &bytes)
}

fn text(from: BorrowedFd<'_>, name: &str) -> Option<String> {
    String::from_utf8(read(from, name)?).ok()
}

fn read(from: BorrowedFd<'_>, name: &str) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(from, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    let size = stat.st_size.unsigned_abs();
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_mode & 0o004 == 0 || size > LARGEST {
        return None;
    }
    let mut bytes = vec![0; size as usize];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::read(&file, &mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(length);
    Some(bytes)
}

fn names(from: BorrowedFd<'_>, name: &str) -> Vec<String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = openat(from, name, flags, Mode::empty()) else { return Vec::new() };
    let Ok(entries) = rustix::fs::Dir::new(directory) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name != "." && name != "..")
        .collect()
}

fn put(to: BorrowedFd<'_>, name: &str, mode: u32, text: &str) -> Result<(), Errno> {
    put_bytes(to, name, mode, text.as_bytes())
}

fn put_bytes(to: BorrowedFd<'_>, name: &str, mode: u32, mut bytes: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(to, name, flags, Mode::from_raw_mode(mode))?;
    while !bytes.is_empty() {
        let written = rustix::io::write(file.as_fd(), bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

fn parents(to: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    Path::new(name).parent().map_or(Ok(()), |parent| directories(to, parent))
}

fn directories(to: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let mut at = PathBuf::new();
    for part in path.components() {
        at.push(part);
        match mkdirat(to, &at, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_what_is_inside_stay_links() {
        assert!(kept_link("localtime", Path::new("/usr/share/zoneinfo/Etc/UTC")));
        assert!(kept_link("os-release", Path::new("../usr/lib/os-release")));
        assert!(kept_link("ssl/certs", Path::new("../pki/tls/certs")));
        assert!(!kept_link("os-release", Path::new("/etc/static/os-release")));
        assert!(!kept_link("profile", Path::new("../usr/../root/.profile")));
    }

    #[test]
    fn nothing_that_holds_credentials_is_on_the_list() {
        for name in FILES.iter().chain(&LAYERS).chain(&COPIED) {
            for bad in
                ["shadow", "passwd", "ssh", "private", "npmrc", "pip", "gitconfig", "environment"]
            {
                assert!(!name.contains(bad), "{name}");
            }
        }
    }
}
