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
            // What the options carry is let go of whatever is wrong.
            let op = op();
            if out.is_null() {
                return Err(Failure::null(name));
            }
            let value = op?.block()?;
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
            let op = op();
            let announce = announce(told.on_done, user)?;
            op?.spawn(announce, told.out_task)
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
            let op = op();
            let announce = announce_done(told.on_done, user)?;
            op?.spawn(announce, told.out_task)
        })
    }
}

#[cfg(test)]
mod tests {
    //! A panic of the library's, which no caller can bring about.

    use std::ptr::null_mut;
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::error::{vtrix_error_free, vtrix_error_status};
    use crate::guard::guard_value;
    use crate::runtime::Engine;
    use crate::status::VTRIX_STATUS_INTERNAL;

    type Teller = Sender<&'static str>;

    /// Frees an error, which must be that of a panic.
    fn expect_internal(error: *mut vtrix_error) {
        // SAFETY: owned by this test.
        unsafe {
            assert_eq!(vtrix_error_status(error), VTRIX_STATUS_INTERNAL);
            vtrix_error_free(error);
        }
    }

    unsafe extern "C" fn on_done(user: *mut c_void, error: *mut vtrix_error) {
        expect_internal(error);
        // SAFETY: alive until it is dropped.
        unsafe { &*user.cast::<Teller>() }.send("done").unwrap();
    }

    unsafe extern "C" fn on_value(user: *mut c_void, value: u64, error: *mut vtrix_error) {
        assert_eq!(value, 0);
        // SAFETY: as this function's.
        unsafe { on_done(user, error) }
    }

    unsafe extern "C" fn drop_told(user: *mut c_void) {
        // SAFETY: made by `into_raw`, and dropped once.
        unsafe { Box::from_raw(user.cast::<Teller>()) }.send("dropped").unwrap();
    }

    fn bug<T>() -> Fallible<T> {
        panic!("on purpose")
    }

    fn panicking<T: Send + 'static>() -> Fallible<Op<T>> {
        Ok(Op::new(&Engine::current()?, "run", async { bug::<T>() }))
    }

    #[test]
    fn a_function_that_waits_gives_an_error() {
        let mut error = null_mut();
        // SAFETY: the pointers are good.
        let status = unsafe { guard(&raw mut error, || panic!("on purpose")) };
        assert_eq!(status, VTRIX_STATUS_INTERNAL);
        expect_internal(error);
        // SAFETY: as above.
        let status = unsafe { complete(&raw mut error, || panic!("before the call")) };
        assert_eq!(status, VTRIX_STATUS_INTERNAL);
        expect_internal(error);
        // SAFETY: as above.
        let status = unsafe { complete(&raw mut error, panicking) };
        assert_eq!(status, VTRIX_STATUS_INTERNAL);
        expect_internal(error);
        let mut value = 7_u64;
        // SAFETY: as above.
        let status = unsafe { produce("out", &raw mut value, &raw mut error, panicking::<u64>) };
        assert_eq!((status, value), (VTRIX_STATUS_INTERNAL, 0));
        expect_internal(error);
        // SAFETY: nobody wants the error.
        let status = unsafe { complete(null_mut(), panicking) };
        assert_eq!(status, VTRIX_STATUS_INTERNAL);
    }

    #[test]
    fn a_value_is_the_one_that_is_named_for_it() {
        assert_eq!(guard_value(-1, || panic!("on purpose")), -1);
    }

    #[test]
    fn a_function_that_does_not_wait_announces_an_error_once() {
        for gives_a_value in [false, true] {
            let (teller, heard) = channel();
            let user_data = Box::into_raw(Box::<Teller>::new(teller)).cast();
            let mut error = null_mut();
            let out_error = &raw mut error;
            let (drop, out_task) = (Some(drop_told as unsafe extern "C" fn(_)), null_mut());
            // SAFETY: the pointers are good, and `user_data` lives until it is dropped.
            let status = unsafe {
                if gives_a_value {
                    let on_done: Option<unsafe extern "C" fn(*mut c_void, u64, *mut vtrix_error)> =
                        Some(on_value);
                    begin(Told { on_done, user_data, drop, out_task, out_error }, panicking::<u64>)
                } else {
                    let on_done: vtrix_done_fn = Some(on_done);
                    begin_done(Told { on_done, user_data, drop, out_task, out_error }, panicking)
                }
            };
            assert_eq!((status, error), (crate::status::VTRIX_STATUS_OK, null_mut()));
            assert_eq!(heard.iter().collect::<Vec<_>>(), ["done", "dropped"]);
        }
    }

    #[test]
    fn a_function_that_could_not_begin_lets_go_and_announces_nothing() {
        let (teller, heard) = channel();
        let user_data = Box::into_raw(Box::<Teller>::new(teller)).cast();
        let mut error = null_mut();
        let told = Told {
            on_done: Some(on_done as unsafe extern "C" fn(_, _)),
            user_data,
            drop: Some(drop_told as unsafe extern "C" fn(_)),
            out_task: null_mut(),
            out_error: &raw mut error,
        };
        // SAFETY: the pointers are good, and `user_data` lives until it is dropped.
        let status = unsafe { begin_done(told, || panic!("before the call")) };
        assert_eq!(status, VTRIX_STATUS_INTERNAL);
        expect_internal(error);
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["dropped"]);
    }
}
