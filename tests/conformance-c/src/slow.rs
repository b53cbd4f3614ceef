//! Peers that are slower than any time that C can say.
//!
//! A scenario gives a call a microsecond, so that any gateway is too slow for it. The interface
//! counts in milliseconds, and a gateway on this machine may answer within one: so such a call
//! goes to a peer that never does.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

/// A connection that this machine has room for is there long before.
const PATIENCE: Duration = Duration::from_millis(300);
/// More than fit in a queue of length zero.
const MANY: usize = 16;

/// The URL of a peer that accepts a connection and never says anything.
pub(crate) fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    kept(listener)
}

/// The URL of a peer that accepts no connection, and refuses none.
pub(crate) fn full() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    // SAFETY: the socket is open; listening again only changes the length of the queue.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0, "the queue is shortened");
    let at: SocketAddr = listener.local_addr().expect("a bound socket has an address");
    for _ in 0..MANY {
        match TcpStream::connect_timeout(&at, PATIENCE) {
            Ok(stream) => std::mem::forget(stream),
            Err(_) => return kept(listener),
        }
    }
    panic!("a queue of length zero took {MANY} connections");
}

/// The listener stays open as long as this program runs.
fn kept(listener: TcpListener) -> String {
    let at = listener.local_addr().expect("a bound socket has an address");
    std::mem::forget(listener);
    format!("http://{at}")
}
