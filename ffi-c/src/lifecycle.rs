//! The sandbox as a whole: stopping, starting, changing, deleting it, and waiting for that.

use std::ffi::c_void;
use std::time::Duration;

use ::vtrix_sandbox::{StopOptions, UpdateOptions};

use crate::call::{Told, begin_done, complete, vtrix_done_fn};
use crate::client_options::{read_payloads, read_spec, vtrix_payload, vtrix_spec};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::guard::guard_value;
use crate::handle::usable;
use crate::options::{Options, flag, init, read, time, time_or};
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{given, vtrix_str};

/// Options of `vtrix_sandbox_stop`.
///
/// Functions: `vtrix_stop_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_stop_options {
    /// `sizeof(vtrix_stop_options)`, set by `vtrix_stop_options_init`.
    pub struct_size: usize,
    /// 1: wait until the sandbox is `stopped` or `failed`.
    pub blocking: u8,
    /// The longest wait between two looks; 2 s.
    pub poll_interval_ms: u64,
    /// How long to wait at most; 300 s.
    pub timeout_ms: u64,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_stop_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_stop_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stop_options_init(options: *mut vtrix_stop_options, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// Options of `vtrix_sandbox_update`; at least one is needed.
///
/// Functions: `vtrix_update_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_update_options {
    /// `sizeof(vtrix_update_options)`, set by `vtrix_update_options_init`.
    pub struct_size: usize,
    /// New resources; may be NULL.
    pub spec: *const vtrix_spec,
    /// A new image.
    pub image: vtrix_str,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_update_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_update_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_update_options_init(
    options: *mut vtrix_update_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

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
        Ok(Op::new(&sandbox.engine, async move { inner.stop(options).await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.start().await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.restart().await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.delete().await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.wait_until_active(limit).await }))
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

/// # Safety
///
/// As documented at the functions below.
unsafe fn extend(sandbox: *const vtrix_sandbox, seconds: u64) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.extend(seconds).await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.extend_timeout(seconds).await }))
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

/// # Safety
///
/// As documented at the functions below.
unsafe fn update(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_update_options,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let given_options = read(options, "options")?;
        let mut options = UpdateOptions::new();
        if let Some(spec) = read_spec(given_options.spec)? {
            options = options.spec(spec);
        }
        if let Some(image) = given(given_options.image, "image")? {
            options = options.image(image);
        }
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.update(options).await }))
    }
}

/// Changes resources or image. The gateway may make the sandbox anew for it; its files stay.
///
/// \param sandbox borrowed; not NULL.
/// \param options borrowed; NULL is all defaults, which is refused: nothing would change.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_update(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_update_options,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || update(sandbox, options)) }
}

/// As `vtrix_sandbox_update`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param options borrowed; NULL is all defaults, which is refused: nothing would change.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_update_async(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_update_options,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || update(sandbox, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn configure(
    sandbox: *const vtrix_sandbox,
    payloads: *const vtrix_payload,
    payloads_len: usize,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let payloads = read_payloads(payloads, payloads_len)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.configure(payloads).await }))
    }
}

/// Applies the sandbox's configuration now.
///
/// \param sandbox borrowed; not NULL.
/// \param payloads borrowed; used in place of the stored ones, this one time. NULL with
/// `payloads_len` 0: the stored ones.
/// \param payloads_len how many payloads `payloads` points to.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_configure(
    sandbox: *const vtrix_sandbox,
    payloads: *const vtrix_payload,
    payloads_len: usize,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || configure(sandbox, payloads, payloads_len)) }
}

/// As `vtrix_sandbox_configure`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param payloads borrowed; used in place of the stored ones, this one time. NULL with
/// `payloads_len` 0: the stored ones.
/// \param payloads_len how many payloads `payloads` points to.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_configure_async(
    sandbox: *const vtrix_sandbox,
    payloads: *const vtrix_payload,
    payloads_len: usize,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || configure(sandbox, payloads, payloads_len)) }
}

/// Largest number of seconds that one `vtrix_sandbox_extend` adds: a day.
pub const VTRIX_MAX_EXTEND_SECONDS: u64 = 86400;

const _: () = assert!(VTRIX_MAX_EXTEND_SECONDS == ::vtrix_sandbox::MAX_EXTEND_SECONDS);
