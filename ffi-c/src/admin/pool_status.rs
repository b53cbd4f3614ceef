//! The figures of the pool of warm sandboxes, as the gateway counts them. A value: the call that
//! reads it is in `operator`.

use std::ffi::c_void;

use ::vtrix_sandbox::PoolStatus;

use crate::call::Output;
use crate::error::vtrix_error;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::text::vtrix_str;

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
