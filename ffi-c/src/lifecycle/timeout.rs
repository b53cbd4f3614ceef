//! How long a sandbox lives: more time for one that is there.

use std::ffi::c_void;

use crate::call::{Told, begin_done, complete, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::handle::usable;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;

/// # Safety
///
/// As documented at the functions below.
unsafe fn extend(sandbox: *const vtrix_sandbox, seconds: u64) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "extend", async move { inner.extend(seconds).await }))
    }
}

/// Adds to the sandbox's lifetime. What is cached stays as it is: see
/// `vtrix_sandbox_extend_timeout`.
///
/// \param sandbox borrowed; not NULL.
/// \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_extend(
    sandbox: *const vtrix_sandbox,
    seconds: u64,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || extend(sandbox, seconds)) }
}

/// As `vtrix_sandbox_extend`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_extend_async(
    sandbox: *const vtrix_sandbox,
    seconds: u64,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || extend(sandbox, seconds)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn extend_timeout(sandbox: *const vtrix_sandbox, seconds: u64) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "extend", async move { inner.extend_timeout(seconds).await }))
    }
}

/// Adds to the sandbox's lifetime, then refreshes what is known of it.
///
/// \param sandbox borrowed; not NULL.
/// \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_extend_timeout(
    sandbox: *const vtrix_sandbox,
    seconds: u64,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || extend_timeout(sandbox, seconds)) }
}

/// As `vtrix_sandbox_extend_timeout`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_extend_timeout_async(
    sandbox: *const vtrix_sandbox,
    seconds: u64,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || extend_timeout(sandbox, seconds)) }
}

/// Largest number of seconds that one `vtrix_sandbox_extend` adds: a day.
pub const VTRIX_MAX_EXTEND_SECONDS: u64 = 86400;

const _: () = assert!(VTRIX_MAX_EXTEND_SECONDS == ::vtrix_sandbox::MAX_EXTEND_SECONDS);
