//! One overlay: a lower directory that is never written, and the sandbox's own on top.
//!
//! Mounted from inside the sandbox's user namespace where there is one, so that overlay acts with
//! the sandbox's rights and no more; there its marks are `user.` attributes, since `trusted.` ones
//! need the host's root. Paths are relative to the root being built: none of the host's shows in
//! `/proc/mounts`.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::layers::INERT;
use super::mounts::new_filesystem;

/// Makes the overlay of `lower` (one path or several, separated by colons) and the upper and work
/// directories of the name `key` below `files`.
pub(crate) fn new(lower: &str, files: &str, key: &str, userns: bool) -> Result<OwnedFd, Errno> {
    let upper = format!("{files}/upper/{key}");
    let work = format!("{files}/work/{key}");
    let mut settings = vec![
        ("source", Some("sandbox")),
        ("lowerdir", Some(lower)),
        ("upperdir", Some(upper.as_str())),
        ("workdir", Some(work.as_str())),
        ("index", Some("off")),
        ("xino", Some("off")),
    ];
    if userns {
        settings.push(("userxattr", None));
    } else {
        // A lower tree must not be able to point elsewhere by its attributes.
        settings.push(("redirect_dir", Some("nofollow")));
        settings.push(("metacopy", Some("off")));
    }
    new_filesystem("overlay", &settings, INERT)
}
