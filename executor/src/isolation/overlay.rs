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

/// The parts of an overlay.
pub(crate) struct Overlay<'a> {
    /// One path or several, separated by colons.
    pub(crate) lower: &'a str,
    /// The directory that holds `upper` and `work`.
    pub(crate) files: &'a str,
    /// The name in both.
    pub(crate) key: &'a str,
    /// Whether what is synced must be on the disk.
    pub(crate) durable: bool,
    /// Whether the caller is in a user namespace, its own or one around this all.
    pub(crate) user_attributes: bool,
}

/// Makes an overlay that is mounted nowhere yet.
pub(crate) fn new(overlay: &Overlay<'_>) -> Result<OwnedFd, Errno> {
    let Overlay { lower, files, key, durable, user_attributes } = *overlay;
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
    if !durable {
        settings.push(("volatile", None));
    }
    if user_attributes {
        settings.push(("userxattr", None));
    } else {
        // A lower tree must not be able to point elsewhere by its attributes.
        settings.push(("redirect_dir", Some("nofollow")));
        settings.push(("metacopy", Some("off")));
    }
    new_filesystem("overlay", &settings, INERT)
}
