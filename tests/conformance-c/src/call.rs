//! Making a call, by the function that waits or by its `_async` twin.
//!
//! `done!`, `gives!` and `plain!` take both names and the arguments that both have. A call in the background can be
//! cancelled from another thread: its task is where [`Canceller`] finds it.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use crate::library::*;
use crate::owned::Owned;

/// What an operation failed with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library said so: a scenario may have wanted that.
    Api(Owned<vtrix_error>),
    /// The scenario or the runner is wrong, or the library breaks a promise.
    Scenario(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Scenario(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Scenario(message.to_owned())
    }
}

/// Cancels what goes on in the background.
#[derive(Default)]
pub(crate) struct Canceller(Mutex<(bool, Option<Owned<vtrix_task>>)>);

impl Canceller {
    pub(crate) fn cancel(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 = true;
        if let Some(task) = &held.1 {
            // SAFETY: the task is alive.
            unsafe { (c().vtrix_task_cancel)(task.get()) }
        }
    }

    fn watch(&self, task: Owned<vtrix_task>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 {
            // SAFETY: the task is alive.
            unsafe { (c().vtrix_task_cancel)(task.get()) }
        }
        held.1 = Some(task);
    }
}

/// How calls are made.
#[derive(Clone, Copy)]
pub(crate) struct Mode<'a> {
    /// By the twins that do not wait.
    pub(crate) asynchronous: bool,
    /// Where a background task can be cancelled.
    pub(crate) canceller: Option<&'a Canceller>,
}

/// A value on its way from one thread to another.
struct Sent<T>(T);
// SAFETY: what the library hands to a completion belongs to the receiver, on any thread.
unsafe impl<T> Send for Sent<T> {}

type Landing<T> = Sender<(Sent<T>, Sent<*mut vtrix_error>)>;

/// The completion of a call that gives a pointer or a plain value.
pub(crate) unsafe extern "C" fn landed<T>(user: *mut c_void, value: T, error: *mut vtrix_error) {
    // SAFETY: `user` is the landing that the call was given, and alive until it is dropped.
    let landing = unsafe { &*user.cast::<Landing<T>>() };
    landing.send((Sent(value), Sent(error))).expect("the call waits for this");
}

/// The completion of a call that gives nothing.
pub(crate) unsafe extern "C" fn landed_done(user: *mut c_void, error: *mut vtrix_error) {
    // SAFETY: as `landed`.
    unsafe { landed(user, (), error) }
}

unsafe extern "C" fn dropped<T>(user: *mut c_void) {
    // SAFETY: made by `Box::into_raw`, and dropped once.
    drop(unsafe { Box::from_raw(user.cast::<Landing<T>>()) });
}

/// Begins a call and waits for its completion.
pub(crate) fn begun<T>(
    mode: Mode<'_>,
    begin: impl FnOnce(
        *mut c_void,
        vtrix_drop_fn,
        *mut *mut vtrix_task,
        *mut *mut vtrix_error,
    ) -> vtrix_status,
) -> Result<T, Failure> {
    let (landing, arrivals) = channel();
    let landing: *mut Landing<T> = Box::into_raw(Box::new(landing));
    let (mut task, mut error) = (null_mut(), null_mut());
    let status = begin(landing.cast(), Some(dropped::<T>), &raw mut task, &raw mut error);
    judged(status, error)?;
    let task = Owned::new(task, c().vtrix_task_free);
    if let Some(canceller) = mode.canceller {
        canceller.watch(task);
    }
    let (Sent(value), Sent(error)) = arrivals.recv().map_err(|_| "a call was never completed")?;
    if !error.is_null() {
        return Err(Failure::Api(Owned::new(error, c().vtrix_error_free)));
    }
    if arrivals.recv().is_ok() {
        return Err("a call was completed twice".into());
    }
    Ok(value)
}

/// Makes a result of a status and the error beside it, which must agree.
pub(crate) fn judged(status: vtrix_status, error: *mut vtrix_error) -> Result<(), Failure> {
    let owned = Owned::new(error, c().vtrix_error_free);
    if status == VTRIX_STATUS_OK && error.is_null() {
        return Ok(());
    }
    // SAFETY: NULL or alive.
    let told = unsafe { (c().vtrix_error_status)(error) };
    if error.is_null() || told != status {
        return Err(format!("status {status}, and an error with {told}").into());
    }
    Err(Failure::Api(owned))
}

/// Makes a call that gives nothing.
macro_rules! done {
    ($mode:expr, $blocking:ident, $twin:ident $(, $argument:expr)*) => {{
        let mode: $crate::call::Mode<'_> = $mode;
        if mode.asynchronous {
            $crate::call::begun::<()>(mode, |user, drop, task, error| {
                // SAFETY: what is lent is alive until the function returns; the rest is `begun`'s.
                unsafe { ($crate::library::c().$twin)($($argument,)* Some($crate::call::landed_done), user, drop, task, error) }
            })
        } else {
            let mut error = std::ptr::null_mut();
            // SAFETY: what is lent is alive until the function returns.
            let status = unsafe { ($crate::library::c().$blocking)($($argument,)* &raw mut error) };
            $crate::call::judged(status, error)
        }
    }};
}

/// Makes a call that gives a plain value, or a pointer that may be NULL.
macro_rules! plain {
    ($mode:expr, $nothing:expr, $blocking:ident, $twin:ident $(, $argument:expr)*) => {{
        let mode: $crate::call::Mode<'_> = $mode;
        let mut value = $nothing;
        if mode.asynchronous {
            $crate::call::begun(mode, |user, drop, task, error| {
                // SAFETY: what is lent is alive until the function returns; the rest is `begun`'s.
                unsafe { ($crate::library::c().$twin)($($argument,)* Some($crate::call::landed), user, drop, task, error) }
            })
        } else {
            let mut error = std::ptr::null_mut();
            // SAFETY: what is lent is alive until the function returns.
            let status = unsafe { ($crate::library::c().$blocking)($($argument,)* &raw mut value, &raw mut error) };
            $crate::call::judged(status, error).map(|()| value)
        }
    }};
}

/// Makes a call that gives something to be freed by the function named first.
macro_rules! gives {
    ($mode:expr, $free:ident, $blocking:ident, $twin:ident $(, $argument:expr)*) => {
        $crate::call::plain!($mode, std::ptr::null_mut(), $blocking, $twin $(, $argument)*)
            .map(|pointer| $crate::owned::Owned::new(pointer, $crate::library::c().$free))
    };
}

pub(crate) use {done, gives, plain};
