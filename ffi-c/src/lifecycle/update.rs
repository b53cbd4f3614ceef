//! What a sandbox is made of: new resources, a new image, new payloads.

use std::ffi::c_void;

use ::vtrix_sandbox::UpdateOptions;

use super::options::vtrix_update_options;
use crate::call::{Told, begin_done, complete, vtrix_done_fn};
use crate::client_options::{read_payloads, read_spec, vtrix_payload};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::handle::usable;
use crate::options::read;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::given;

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
        Ok(Op::new(&sandbox.engine, "update", async move { inner.update(options).await }))
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
        Ok(Op::new(&sandbox.engine, "configure", async move { inner.configure(payloads).await }))
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
