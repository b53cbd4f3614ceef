//! Acting as another id, for the file system only.
//!
//! Directories that the sandbox's root is to own are made as that id: one call each in place of
//! two, and a link that a sandbox might have planted is followed with that id's rights alone.

use rustix::io::Errno;

/// Runs `work` with the file system rights of `id`, a user and a group of the same number.
///
/// Nothing changes if the caller is `id` already. Fails before `work` runs.
pub(crate) fn acting_as<T>(id: u32, work: impl FnOnce() -> T) -> Result<T, Errno> {
    if rustix::process::geteuid().as_raw() == id {
        return Ok(work());
    }
    // The group first: without root's rights it could not be changed.
    set(libc::SYS_setfsgid, id)?;
    set(libc::SYS_setfsuid, id)?;
    let result = work();
    set(libc::SYS_setfsuid, rustix::process::geteuid().as_raw())?;
    set(libc::SYS_setfsgid, rustix::process::getegid().as_raw())?;
    Ok(result)
}

/// These calls answer the former id whether or not they did anything: a second one tells.
fn set(call: libc::c_long, id: u32) -> Result<(), Errno> {
    // SAFETY: both calls take one number and touch no memory.
    let now = unsafe {
        libc::syscall(call, id);
        libc::syscall(call, u32::MAX)
    };
    if now == libc::c_long::from(id) { Ok(()) } else { Err(Errno::PERM) }
}
