//! What a sandbox's `/etc` starts from.
//!
//! Of the host's only what programs need is taken, name by name, so that no token, key or account
//! of the host is inside: files are copied into the lower layer of the sandbox's `/etc`, big
//! directories become layers of their own. Names and accounts are written anew. An image's `/etc`
//! is shown whole, with the sandbox's names over it.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, statat, symlinkat};
use rustix::io::Errno;

use super::accounts;
use super::copy::{self, Copy, kept_link};
use super::plan::{Layer, Plan};
use super::step::{Step, StepError};

/// Directories that become layers, where copying each file would take longer.
const LAYERS: [&str; 2] = ["pki/ca-trust", "ssl/certs"];
/// Directories that are copied. `*` stands for any end of the name.
const COPIED: [&str; 8] = [
    "alternatives",
    "ca-certificates",
    "fonts",
    "java*",
    "ld.so.conf.d",
    "pam.d",
    "pki/tls/certs",
    "skel",
];
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
/// The layers that the host's `/etc` gives.
pub(crate) fn host_layers(etc: &Path) -> Vec<Layer> {
    let own = |name: &&&str| {
        let path = etc.join(name);
        let link = fs::read_link(&path).is_ok_and(|target| kept_link(Path::new(name), &target));
        path.is_dir() && !link
    };
    LAYERS
        .iter()
        .filter(own)
        .map(|name| Layer::new(format!("etc/{name}"), etc.join(name)))
        .collect()
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
    let read = |name| {
        let bytes = copy::read(from, Path::new(name)).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    accounts(to, &read("passwd"), &read("group"))?;
    symlinkat("../proc/self/mounts", to, "mtab").step("link /etc/mtab")?;
    for layer in &plan.layers {
        if let Some(name) = layer.at.strip_prefix("etc/") {
            copy::directories(to, Path::new(name)).step(format!("make /etc/{name}"))?;
        }
    }
    let copy = Copy { from, to };
    for name in FILES {
        copy.file(Path::new(name)).step(format!("copy /etc/{name}"))?;
    }
    for name in LAYERS {
        copy.link(Path::new(name)).step(format!("link /etc/{name}"))?;
    }
    for name in COPIED {
        let Some(start) = name.strip_suffix('*') else {
            copy.tree(Path::new(name)).step(format!("copy /etc/{name}"))?;
            continue;
        };
        for (name, _) in copy.names(Path::new(".")).step("list /etc")? {
            if name.to_str().is_some_and(|name| name.starts_with(start)) {
                copy.tree(&name).step(format!("copy /etc/{}", name.display()))?;
            }
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

fn put(to: BorrowedFd<'_>, name: &str, mode: u32, text: &str) -> Result<(), Errno> {
    copy::put(to, Path::new(name), mode, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

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
