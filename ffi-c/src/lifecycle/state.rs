//! The state of a sandbox: stopping, starting, restarting and deleting it, and waiting until it is
//! active.

use std::ffi::c_void;
use std::time::Duration;

use ::vtrix_sandbox::StopOptions;

use super::options::vtrix_stop_options;
use crate::call::{Told, begin_done, complete, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::handle::usable;
use crate::options::{flag, read, time, time_or};
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;

/// How long to wait for a sandbox to become active, where nothing else is said; as create does.
const ACTIVE_TIMEOUT: Duration = Duration::from_mins(3);

/// # Safety
///
/// As documented at the functions below.
unsafe fn stop(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_stop_options,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let given = read(options, "options")?;
        let mut options = StopOptions::new().blocking(flag(given.blocking, "blocking")?);
        if let Some(time) = time(given.poll_interval_ms) {
            options = options.poll_interval(time);
        }
        if let Some(time) = time(given.timeout_ms) {
            options = options.timeout(time);
        }
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "stop", async move { inner.stop(options).await }))
    }
}

/// Stops the sandbox; its files stay, its processes end. Returns once the gateway has accepted it,
/// or, if `blocking`, once the sandbox is `stopped` or `failed`.
///
/// \param sandbox borrowed; not NULL.
/// \param options borrowed; NULL is all defaults.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stop(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_stop_options,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || stop(sandbox, options)) }
}

/// As `vtrix_sandbox_stop`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stop_async(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_stop_options,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || stop(sandbox, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn start(sandbox: *const vtrix_sandbox) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "start", async move { inner.start().await }))
    }
}

/// Starts a stopped sandbox. It is not active yet when this returns: see
/// `vtrix_sandbox_wait_until_active`.
///
/// \param sandbox borrowed; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_start(
    sandbox: *const vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || start(sandbox)) }
}

/// As `vtrix_sandbox_start`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_start_async(
    sandbox: *const vtrix_sandbox,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || start(sandbox)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn restart(sandbox: *const vtrix_sandbox) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "restart", async move { inner.restart().await }))
    }
}

/// Stops and starts the sandbox. It is not active yet when this returns.
///
/// \param sandbox borrowed; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_restart(
    sandbox: *const vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || restart(sandbox)) }
}

/// As `vtrix_sandbox_restart`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_restart_async(
    sandbox: *const vtrix_sandbox,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || restart(sandbox)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn delete(sandbox: *const vtrix_sandbox) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "delete", async move { inner.delete().await }))
    }
}

/// Deletes the sandbox with everything in it, for good. The handle stays, to be freed; its calls
/// fail.
///
/// \param sandbox borrowed; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_delete(
    sandbox: *const vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || delete(sandbox)) }
}

/// As `vtrix_sandbox_delete`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_delete_async(
    sandbox: *const vtrix_sandbox,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || delete(sandbox)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn wait_until_active(sandbox: *const vtrix_sandbox, timeout_ms: u64) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let limit = time_or(timeout_ms, ACTIVE_TIMEOUT);
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "wait_until_active", async move {
            inner.wait_until_active(limit).await
        }))
    }
}

/// Waits until the sandbox is active. Fails at once, with `VTRIX_STATUS_NOT_ACTIVE`, if it is
/// stopped, has failed or is being destroyed.
///
/// \param sandbox borrowed; not NULL.
/// \param timeout_ms how long to wait at most; 0 is 180 s, `UINT64_MAX` for ever.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_wait_until_active(
    sandbox: *const vtrix_sandbox,
    timeout_ms: u64,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || wait_until_active(sandbox, timeout_ms)) }
}

/// As `vtrix_sandbox_wait_until_active`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param timeout_ms how long to wait at most; 0 is 180 s, `UINT64_MAX` for ever.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_wait_until_active_async(
    sandbox: *const vtrix_sandbox,
    timeout_ms: u64,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || wait_until_active(sandbox, timeout_ms)) }
}
