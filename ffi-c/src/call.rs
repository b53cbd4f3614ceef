//! From a call that is ready to be made to the two functions that make it.
//!
//! Every operation has one body, which gives an [`Op`]. [`complete`] and [`produce`] make a
//! blocking function of it, [`begin`] and [`begin_done`] its `_async` twin.

use std::ffi::c_void;
use std::sync::Arc;

use crate::completion::{Announce, Op, UserData, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::guard::{guard, store};
use crate::status::vtrix_status;
use crate::task::vtrix_task;

/// A result as C gets it: handed over, to be freed by the receiver.
pub(crate) trait Output: Send + 'static {
    /// What C sees.
    type C: Copy;

    /// What C sees beside an error.
    const NOTHING: Self::C;

    /// Hands it over.
    fn into_c(self) -> Self::C;
}

macro_rules! plain_outputs {
    ($($type:ty, $nothing:expr;)*) => {
        $(impl Output for $type {
            type C = $type;
            const NOTHING: $type = $nothing;

            fn into_c(self) -> $type {
                self
            }
        })*
    };
}

plain_outputs! { u64, 0; bool, false; }

impl<T: Output<C = *mut P>, P> Output for Option<T> {
    type C = *mut P;
    const NOTHING: *mut P = std::ptr::null_mut();

    fn into_c(self) -> *mut P {
        self.map_or(std::ptr::null_mut(), T::into_c)
    }
}

/// Announces the end of a call that gives something.
pub(crate) fn announce<T: Output>(
    on_done: Option<unsafe extern "C" fn(*mut c_void, T::C, *mut vtrix_error)>,
    user: Arc<UserData>,
) -> Fallible<Announce<T>> {
    let on_done = on_done.ok_or_else(|| Failure::null("on_done"))?;
    Ok(Box::new(move |result| {
        let (value, error) = match result {
            Ok(value) => (value.into_c(), std::ptr::null_mut()),
            Err(failure) => (T::NOTHING, vtrix_error::into_raw(failure)),
        };
        // SAFETY: the caller's function with the caller's data; both are handed over.
        unsafe { on_done(user.pointer(), value, error) };
    }))
}

/// Announces the end of a call that gives nothing.
pub(crate) fn announce_done(on_done: vtrix_done_fn, user: Arc<UserData>) -> Fallible<Announce<()>> {
    let on_done = on_done.ok_or_else(|| Failure::null("on_done"))?;
    Ok(Box::new(move |result| {
        let error = result.err().map_or(std::ptr::null_mut(), vtrix_error::into_raw);
        // SAFETY: the caller's function with the caller's data; the error is handed over.
        unsafe { on_done(user.pointer(), error) };
    }))
}

/// The end of a call that gives nothing: `error` is NULL for success, and otherwise owned by the
/// receiver, who frees it with `vtrix_error_free`.
pub type vtrix_done_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, error: *mut vtrix_error)>;

/// Makes a call that gives nothing, and waits for it.
///
/// # Safety
///
/// `out_error` is NULL or valid for a write.
pub(crate) unsafe fn complete(
    out_error: *mut *mut vtrix_error,
    op: impl FnOnce() -> Fallible<Op<()>>,
) -> vtrix_status {
    // SAFETY: as this function's.
    unsafe { guard(out_error, || op()?.block()) }
}

/// Makes a call that gives something, and waits for it.
///
/// # Safety
///
/// `out` and `out_error` are NULL or valid for a write.
pub(crate) unsafe fn produce<T: Output>(
    name: &'static str,
    out: *mut T::C,
    out_error: *mut *mut vtrix_error,
    op: impl FnOnce() -> Fallible<Op<T>>,
) -> vtrix_status {
    // SAFETY: as this function's.
    unsafe {
        store(out, T::NOTHING);
        guard(out_error, || {
            if out.is_null() {
                return Err(Failure::null(name));
            }
            let value = op()?.block()?;
            store(out, value.into_c());
            Ok(())
        })
    }
}

/// What the caller gave to be told of the end.
#[derive(Clone, Copy)]
pub(crate) struct Told<F> {
    pub(crate) on_done: F,
    pub(crate) user_data: *mut c_void,
    pub(crate) drop: vtrix_drop_fn,
    pub(crate) out_task: *mut *mut vtrix_task,
    pub(crate) out_error: *mut *mut vtrix_error,
}

/// Begins a call that gives something.
///
/// # Safety
///
/// `out_task` and `out_error` are NULL or valid for a write.
pub(crate) unsafe fn begin<T: Output>(
    told: Told<Option<unsafe extern "C" fn(*mut c_void, T::C, *mut vtrix_error)>>,
    op: impl FnOnce() -> Fallible<Op<T>>,
) -> vtrix_status {
    let user = UserData::new(told.user_data, told.drop);
    // SAFETY: as this function's.
    unsafe {
        store(told.out_task, std::ptr::null_mut());
        guard(told.out_error, || {
            let announce = announce(told.on_done, user)?;
            op()?.spawn(announce, told.out_task)
        })
    }
}

/// Begins a call that gives nothing.
///
/// # Safety
///
/// As [`begin`].
pub(crate) unsafe fn begin_done(
    told: Told<vtrix_done_fn>,
    op: impl FnOnce() -> Fallible<Op<()>>,
) -> vtrix_status {
    let user = UserData::new(told.user_data, told.drop);
    // SAFETY: as this function's.
    unsafe {
        store(told.out_task, std::ptr::null_mut());
        guard(told.out_error, || {
            let announce = announce_done(told.on_done, user)?;
            op()?.spawn(announce, told.out_task)
        })
    }
}
