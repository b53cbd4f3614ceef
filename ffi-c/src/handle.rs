//! Pointers to what this library owns, as the caller holds them.
//!
//! Each type is either shared or unique, by the trait it implements, so that one can't be freed
//! as the other. Shared ones are counted: every pointer handed out is one reference, and calls in
//! flight hold references of their own. What belongs to another process is never touched.

use std::sync::Arc;

use crate::error::{Failure, Fallible};
use crate::guard::guard_value;
use crate::runtime::Engine;

/// A type whose pointers are handed out.
pub(crate) trait Handle: Sized {
    /// What a message calls it.
    const NAME: &'static str;

    /// It was made before a fork, on the other side of it.
    fn forked(&self) -> bool {
        false
    }
}

/// A handle that is counted.
pub(crate) trait Shared: Handle {
    /// What drives its calls.
    fn engine(&self) -> &Arc<Engine>;

    /// Hands a reference over.
    fn into_raw(self) -> *mut Self {
        Arc::into_raw(Arc::new(self)).cast_mut()
    }
}

/// A handle of which there is one.
pub(crate) trait Unique: Handle {
    /// Hands it over.
    fn into_raw(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }
}

/// Looks at a handle.
///
/// # Safety
///
/// `pointer` is NULL or points to a live `T` for as long as the result is used.
pub(crate) unsafe fn borrow<'a, T: Handle>(pointer: *const T) -> Fallible<&'a T> {
    // SAFETY: as this function's.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(T::NAME))
}

/// Reads from a handle that may be NULL.
///
/// # Safety
///
/// As [`borrow`]; what `read` lends is used no longer than the handle lives.
pub(crate) unsafe fn get<'a, T: Handle + 'a, V: Copy>(
    pointer: *const T,
    nothing: V,
    read: impl FnOnce(&'a T) -> Option<V>,
) -> V {
    guard_value(nothing, || {
        // SAFETY: as this function's.
        unsafe { pointer.as_ref() }.and_then(read).unwrap_or(nothing)
    })
}

/// Looks at a handle whose calls are to be made, and refuses where none can be: after a fork, and
/// after a shutdown.
///
/// # Safety
///
/// As [`borrow`].
pub(crate) unsafe fn usable<'a, T: Shared>(pointer: *const T) -> Fallible<&'a T> {
    // SAFETY: as this function's.
    let handle = unsafe { borrow(pointer) }?;
    handle.engine().usable()?;
    Ok(handle)
}

/// Counts a reference more and returns the same pointer, or NULL for NULL.
///
/// # Safety
///
/// `pointer` is NULL or came from [`Shared::into_raw`] and was not freed as often as it was
/// handed out.
pub(crate) unsafe fn reference<T: Shared>(pointer: *const T) -> *mut T {
    if !pointer.is_null() {
        // SAFETY: as this function's.
        unsafe { Arc::increment_strong_count(pointer) };
    }
    pointer.cast_mut()
}

/// Gives a reference back.
///
/// # Safety
///
/// As [`reference`]; the caller does not use this reference again.
pub(crate) unsafe fn free_shared<T: Shared>(pointer: *mut T) {
    // SAFETY: as this function's.
    if let Some(handle) = unsafe { pointer.as_ref() }
        && !handle.forked()
    {
        // SAFETY: as this function's.
        drop(unsafe { Arc::from_raw(pointer) });
    }
}

/// Gives a unique handle back.
///
/// # Safety
///
/// `pointer` is NULL or came from [`Unique::into_raw`] and was not freed.
pub(crate) unsafe fn free_unique<T: Unique>(pointer: *mut T) {
    // SAFETY: as this function's.
    if let Some(handle) = unsafe { pointer.as_ref() }
        && !handle.forked()
    {
        // SAFETY: as this function's.
        drop(unsafe { Box::from_raw(pointer) });
    }
}
