//! How far a rolling update of the pool's image is. A value: the calls that give it are in
//! `operator`.

use std::ffi::c_void;

use ::vtrix_sandbox::RollingStatus;

use crate::call::Output;
use crate::error::vtrix_error;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::text::vtrix_str;

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
