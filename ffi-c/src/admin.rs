//! The calls of an operator: the pool of warm sandboxes and its rolling update.

use std::ffi::c_void;

use ::vtrix_sandbox::{PoolStatus, RollingStatus};

use crate::call::{Output, Told, begin, produce};
use crate::client::vtrix_client;
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get, usable};
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{given, vtrix_str};

/// The pool of sandboxes, in numbers. A value.
///
/// Functions: `vtrix_pool_status_total`, `vtrix_pool_status_warm`, `vtrix_pool_status_active`,
/// `vtrix_pool_status_creating`, `vtrix_pool_status_deleting`, `vtrix_pool_status_deleted`,
/// `vtrix_pool_status_warm_pool_size`, `vtrix_pool_status_max_total`,
/// `vtrix_pool_status_utilization`, `vtrix_pool_status_warm_ratio`, `vtrix_pool_status_healthy`,
/// `vtrix_pool_status_health_message`, `vtrix_pool_status_last_scale_at`,
/// `vtrix_pool_status_last_allocate_at`, `vtrix_pool_status_free`.
pub struct vtrix_pool_status {
    inner: PoolStatus,
}

impl Handle for vtrix_pool_status {
    const NAME: &'static str = "status";
}

impl Unique for vtrix_pool_status {}

impl Output for PoolStatus {
    type C = *mut vtrix_pool_status;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_pool_status { inner: self }.into_raw()
    }
}

/// Sandboxes of every status but deleted.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_total(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.total)) }
}

/// Ready for an owner.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_warm(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.warm)) }
}

/// With an owner.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_active(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.active)) }
}

/// On their way to either.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_creating(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.creating)) }
}

/// On their way out.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_deleting(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.deleting)) }
}

/// Gone.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_deleted(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.deleted)) }
}

/// How many should be warm.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_warm_pool_size(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.warm_pool_size)) }
}

/// How many there may be.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_max_total(status: *const vtrix_pool_status) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.max_total)) }
}

/// `total` over `max_total`, 0 to 1.
///
/// \param status borrowed; NULL gives 0.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_utilization(status: *const vtrix_pool_status) -> f64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0.0, |status| Some(status.inner.utilization)) }
}

/// `warm` over `warm_pool_size`, 0 to 1.
///
/// \param status borrowed; NULL gives 0.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_warm_ratio(status: *const vtrix_pool_status) -> f64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0.0, |status| Some(status.inner.warm_ratio)) }
}

/// The pool does what it should.
///
/// \param status borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_healthy(status: *const vtrix_pool_status) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, false, |status| Some(status.inner.healthy)) }
}

/// Why not. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_health_message(
    status: *const vtrix_pool_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.health_message.as_deref().map(vtrix_str::lend)
        })
    }
}

/// When it last grew or shrank, RFC 3339. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_last_scale_at(
    status: *const vtrix_pool_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.last_scale_at.as_deref().map(vtrix_str::lend)
        })
    }
}

/// When it last gave a sandbox to an owner, RFC 3339. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_last_allocate_at(
    status: *const vtrix_pool_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.last_allocate_at.as_deref().map(vtrix_str::lend)
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param status owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_pool_status_free(status: *mut vtrix_pool_status) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(status) });
}

/// The end of a call that gives the figures of the pool: one of `status` and `error` is NULL; both
/// are owned by the receiver.
pub type vtrix_pool_status_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        status: *mut vtrix_pool_status,
        error: *mut vtrix_error,
    ),
>;

/// A rolling update of the pool's image, or that there is none. A value.
///
/// Functions: `vtrix_rolling_status_id`, `vtrix_rolling_status_phase`,
/// `vtrix_rolling_status_target_image`, `vtrix_rolling_status_progress`,
/// `vtrix_rolling_status_warm_total`, `vtrix_rolling_status_warm_updated`,
/// `vtrix_rolling_status_active_total`, `vtrix_rolling_status_active_updated`,
/// `vtrix_rolling_status_started_at`, `vtrix_rolling_status_completed_at`,
/// `vtrix_rolling_status_duration`, `vtrix_rolling_status_message`, `vtrix_rolling_status_error`,
/// `vtrix_rolling_status_free`.
pub struct vtrix_rolling_status {
    inner: RollingStatus,
}

impl Handle for vtrix_rolling_status {
    const NAME: &'static str = "status";
}

impl Unique for vtrix_rolling_status {}

impl Output for RollingStatus {
    type C = *mut vtrix_rolling_status;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_rolling_status { inner: self }.into_raw()
    }
}

/// The update's name. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_id(status: *const vtrix_rolling_status) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| status.inner.id.as_deref().map(vtrix_str::lend))
    }
}

/// `idle`, `running` or another word. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_phase(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, vtrix_str::EMPTY, |status| Some(vtrix_str::lend(&status.inner.phase))) }
}

/// The update's image. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_target_image(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.target_image.as_deref().map(vtrix_str::lend)
        })
    }
}

/// 0 to 1.
///
/// \param status borrowed; NULL gives 0.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_progress(status: *const vtrix_rolling_status) -> f64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0.0, |status| Some(status.inner.progress)) }
}

/// Warm sandboxes to replace.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_warm_total(
    status: *const vtrix_rolling_status,
) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.warm_total)) }
}

/// Warm sandboxes replaced.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_warm_updated(
    status: *const vtrix_rolling_status,
) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.warm_updated)) }
}

/// Active sandboxes to replace.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_active_total(
    status: *const vtrix_rolling_status,
) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.active_total)) }
}

/// Active sandboxes replaced.
///
/// \param status borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_active_updated(
    status: *const vtrix_rolling_status,
) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(status, 0, |status| Some(status.inner.active_updated)) }
}

/// RFC 3339. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_started_at(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.started_at.as_deref().map(vtrix_str::lend)
        })
    }
}

/// RFC 3339. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_completed_at(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.completed_at.as_deref().map(vtrix_str::lend)
        })
    }
}

/// How long it took, for people. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_duration(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| {
            status.inner.duration.as_deref().map(vtrix_str::lend)
        })
    }
}

/// How it goes, for people. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_message(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| status.inner.message.as_deref().map(vtrix_str::lend))
    }
}

/// What went wrong, for people. Borrowed from the status.
///
/// \param status borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_error(
    status: *const vtrix_rolling_status,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(status, vtrix_str::EMPTY, |status| status.inner.error.as_deref().map(vtrix_str::lend))
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param status owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_rolling_status_free(status: *mut vtrix_rolling_status) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(status) });
}

/// The end of a call that gives a rolling update: one of `status` and `error` is NULL; both are
/// owned by the receiver.
pub type vtrix_rolling_status_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        status: *mut vtrix_rolling_status,
        error: *mut vtrix_error,
    ),
>;

/// # Safety
///
/// As documented at the functions below.
unsafe fn pool_status(client: *const vtrix_client) -> Fallible<Op<PoolStatus>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, async move { inner.pool_status().await }))
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
        Ok(Op::new(&client.engine, async move { inner.rolling_start(image.as_deref()).await }))
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
        Ok(Op::new(&client.engine, async move { inner.rolling_status().await }))
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
        Ok(Op::new(&client.engine, async move { inner.rolling_cancel().await }))
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
