//! What an operator asks of the gateway: the figures of its pool, and a rolling update of the
//! pool's image.
//!
//! They are calls of a client, not of a sandbox.

use std::ffi::c_void;

use ::vtrix_sandbox::{PoolStatus, RollingStatus};

use super::pool_status::{vtrix_pool_status, vtrix_pool_status_fn};
use super::rolling_status::{vtrix_rolling_status, vtrix_rolling_status_fn};
use crate::call::{Told, begin, produce};
use crate::client::vtrix_client;
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::handle::usable;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{given, vtrix_str};

/// # Safety
///
/// As documented at the functions below.
unsafe fn pool_status(client: *const vtrix_client) -> Fallible<Op<PoolStatus>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "pool_status", async move { inner.pool_status().await }))
    }
}

/// Reads the pool's figures. A gateway may let only some tokens do so, here and in the other calls
/// of an operator.
///
/// \param client borrowed; not NULL.
/// \param out_status receives an owned status; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_pool_status(
    client: *const vtrix_client,
    out_status: *mut *mut vtrix_pool_status,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_status", out_status, out_error, || pool_status(client)) }
}

/// As `vtrix_client_pool_status`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param on_done comes once with what `vtrix_client_pool_status` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_pool_status_async(
    client: *const vtrix_client,
    on_done: vtrix_pool_status_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || pool_status(client)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn rolling_start(
    client: *const vtrix_client,
    image: vtrix_str,
) -> Fallible<Op<RollingStatus>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let image = given(image, "image")?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "rolling_start", async move {
            inner.rolling_start(image.as_deref()).await
        }))
    }
}

/// Starts replacing the pool's sandboxes by ones made from `image`.
///
/// \param client borrowed; not NULL.
/// \param image borrowed; not given: the image that is configured.
/// \param out_status receives an owned status; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_start(
    client: *const vtrix_client,
    image: vtrix_str,
    out_status: *mut *mut vtrix_rolling_status,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_status", out_status, out_error, || rolling_start(client, image)) }
}

/// As `vtrix_client_rolling_start`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param image borrowed; not given: the image that is configured.
/// \param on_done comes once with what `vtrix_client_rolling_start` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_start_async(
    client: *const vtrix_client,
    image: vtrix_str,
    on_done: vtrix_rolling_status_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || rolling_start(client, image)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn rolling_status(client: *const vtrix_client) -> Fallible<Op<RollingStatus>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "rolling_status", async move { inner.rolling_status().await }))
    }
}

/// Reads how far the rolling update is.
///
/// \param client borrowed; not NULL.
/// \param out_status receives an owned status; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_status(
    client: *const vtrix_client,
    out_status: *mut *mut vtrix_rolling_status,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_status", out_status, out_error, || rolling_status(client)) }
}

/// As `vtrix_client_rolling_status`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param on_done comes once with what `vtrix_client_rolling_status` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_status_async(
    client: *const vtrix_client,
    on_done: vtrix_rolling_status_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || rolling_status(client)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn rolling_cancel(client: *const vtrix_client) -> Fallible<Op<RollingStatus>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "rolling_cancel", async move { inner.rolling_cancel().await }))
    }
}

/// Stops the rolling update where it is.
///
/// \param client borrowed; not NULL.
/// \param out_status receives an owned status; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_cancel(
    client: *const vtrix_client,
    out_status: *mut *mut vtrix_rolling_status,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_status", out_status, out_error, || rolling_cancel(client)) }
}

/// As `vtrix_client_rolling_cancel`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param on_done comes once with what `vtrix_client_rolling_cancel` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_rolling_cancel_async(
    client: *const vtrix_client,
    on_done: vtrix_rolling_status_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || rolling_cancel(client)) }
}
