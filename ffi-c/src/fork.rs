//! What a `fork` does to this library.
//!
//! A forked child has none of the threads that drive sockets and callbacks, so nothing made
//! before the fork works there: handles refuse with `VTRIX_STATUS_FORKED`, freeing them lets their
//! memory be, and whatever is made anew gets threads of its own. [`process`] tells a child from its
//! parents; [`PerProcess`] is state that a child begins anew.
//!
//! Not the process id: in a new PID namespace a child may have its parent's.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The number of this process, which none of its parents has. It is 0 where nobody has asked since
/// the fork: the kernel or a handler makes it so.
static NUMBER: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
/// The last number given in this process or in a parent.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Which process this is, as a number that differs from that of every parent.
pub(crate) fn process() -> u64 {
    let number = number();
    let there = number.load(Ordering::Relaxed);
    if there != 0 {
        return there;
    }
    let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => new,
        // Another thread asked, too.
        Err(there) => there,
    }
}

fn number() -> &'static AtomicU64 {
    // SAFETY: NULL, or what `place` gave, which stays.
    if let Some(number) = unsafe { NUMBER.load(Ordering::Acquire).as_ref() } {
        return number;
    }
    let new = place();
    let found = NUMBER.compare_exchange(
        std::ptr::null_mut(),
        std::ptr::from_ref(new).cast_mut(),
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    match found {
        Ok(_) => new,
        // SAFETY: as above. The page of whoever comes second stays unused.
        Err(there) => unsafe { &*there },
    }
}

/// A number that is 0 in every child: in a page that the kernel wipes, which sees every fork however
/// it is made, or else by a handler.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn place() -> &'static AtomicU64 {
    let (read_write, private) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let len = size_of::<AtomicU64>();
    // SAFETY: a new mapping, of zeros, which touches no other.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), len, read_write, private, -1, 0) };
    if page == libc::MAP_FAILED {
        return handled();
    }
    // SAFETY: the mapping is this function's.
    if unsafe { libc::madvise(page, len, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above; nobody knows it yet.
        unsafe { libc::munmap(page, len) };
        return handled();
    }
    // SAFETY: aligned to a page, zeroed, never unmapped, and reached as an atomic alone.
    unsafe { &*page.cast::<AtomicU64>() }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn place() -> &'static AtomicU64 {
    handled()
}

/// Where there is no fork.
#[cfg(not(unix))]
fn place() -> &'static AtomicU64 {
    static ONLY: AtomicU64 = AtomicU64::new(0);
    &ONLY
}

/// A number that a handler clears in the child.
#[cfg(unix)]
fn handled() -> &'static AtomicU64 {
    static CLEARED: AtomicU64 = AtomicU64::new(0);
    extern "C" fn in_the_child() {
        CLEARED.store(0, Ordering::Relaxed);
    }
    // SAFETY: the handler stores a number, which may be done in a child of many threads.
    let registered = unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    assert_eq!(registered, 0, "no memory to be told of forks");
    &CLEARED
}

/// State of the whole process behind one pointer. A child never looks into its parent's, which a
/// vanished thread may have left half written or locked: it begins with the default.
pub(crate) struct PerProcess<T>(AtomicPtr<Owned<T>>);

struct Owned<T> {
    process: u64,
    value: T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// That of this process.
    pub(crate) fn get(&self) -> &T {
        let me = process();
        let there = self.0.load(Ordering::Acquire);
        // SAFETY: NULL, or made below; what was ever stored is never freed.
        if let Some(owned) = unsafe { there.as_ref() }
            && owned.process == me
        {
            return &owned.value;
        }
        let new = Box::into_raw(Box::new(Owned { process: me, value: T::default() }));
        let found =
            self.0.compare_exchange(there, new, Ordering::AcqRel, Ordering::Acquire).map(|_| new);
        let ours = found.unwrap_or_else(|other| {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
            other
        });
        // SAFETY: as above; only threads of this process can have come between.
        unsafe { &(*ours).value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_number_and_one_state() {
        static STATE: PerProcess<AtomicU64> = PerProcess::new();
        let numbers: Vec<(u64, usize)> = std::thread::scope(|scope| {
            let ask = || (process(), std::ptr::from_ref(STATE.get()).addr());
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_ne!(numbers[0].0, 0);
        assert!(numbers.iter().all(|number| *number == numbers[0]));
    }
}
