//! What a `fork` does to this library, and the one lock that survives it.
//!
//! A forked child has none of the threads that drive sockets and callbacks, so nothing made
//! before the fork works there: handles refuse with `VTRIX_STATUS_FORKED`, freeing them lets their
//! memory be, and whatever is made anew gets threads of its own. No handler runs at fork; the
//! process id tells.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};

/// The process that this code runs in; asking costs one system call without any work.
pub(crate) fn pid() -> u32 {
    std::process::id()
}

/// A lock around state of the whole process. One that the parent held while it forked is taken
/// over by the child, whose copy of the holder does not exist: so the value must be whole between
/// any two writes to it.
pub(crate) struct ForkLock<T> {
    /// The process of the thread that holds the lock, 0 for none.
    holder: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard alone, and only one thread of a process has that.
unsafe impl<T: Send> Sync for ForkLock<T> {}

impl<T> ForkLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { holder: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock. What it guards is done in microseconds, a first start in a
    /// millisecond; so waiting is yielding.
    pub(crate) fn lock(&self) -> ForkGuard<'_, T> {
        let me = pid();
        loop {
            let holder = self.holder.load(Ordering::Relaxed);
            let free = holder != me;
            if free
                && self
                    .holder
                    .compare_exchange(holder, me, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return ForkGuard(self);
            }
            std::thread::yield_now();
        }
    }
}

/// Holds a [`ForkLock`].
pub(crate) struct ForkGuard<'a, T>(&'a ForkLock<T>);

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the only way to the value, and there is one guard at a time.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for ForkGuard<'_, T> {
    fn drop(&mut self) {
        self.0.holder.store(0, Ordering::Release);
    }
}
