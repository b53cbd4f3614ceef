//! Feeding a command's standard input while its output is read.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use tokio::io::Interest;

use crate::watch::watch;

/// What is to be fed, counted against the bytes that all commands together may hold for it.
pub(crate) struct Data {
    bytes: Vec<u8>,
    held: Rc<Cell<usize>>,
}

impl Data {
    /// `None` if `held` would pass `limit`.
    pub(crate) fn new(text: String, held: &Rc<Cell<usize>>, limit: usize) -> Option<Self> {
        let total = held.get() + text.len();
        if total > limit {
            return None;
        }
        held.set(total);
        Some(Self { bytes: text.into_bytes(), held: Rc::clone(held) })
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes.len());
    }
}

/// Writes all of `data` and closes the pipe. A command that does not want it is no error.
pub(super) async fn feed(fd: OwnedFd, data: Data) {
    let Ok(fd) = watch(fd, Interest::WRITABLE) else { return };
    let mut rest = &data.bytes[..];
    while !rest.is_empty() {
        let Ok(mut ready) = fd.writable().await else { return };
        match rustix::io::write(fd.get_ref(), rest) {
            Ok(n) => rest = &rest[n..],
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
