//! How calls reach the gateway.
//!
//! Two ways lead there. [`ControlPlane`] makes HTTP calls, one at a time and stateless. [`Link`]
//! is the way into one sandbox: it keeps as many WebSocket connections as the calls in flight
//! need (one, as a rule), dials when a call needs one, and never resends what may have run.
//!
//! Inside a link, `session` is the state of one connection without any IO: ids, open calls,
//! streams, and what a cut does to each. `driver` is the one task that owns a socket and feeds
//! its session; `writer` is its sending half. A `frame` is what came for one call, `sink` is where a
//! call's frames go, `queue` the bounded way from a driver to one reader, `exchange` that reader's
//! end. `pool` chooses the connection for a call. `ticket` tells for sure whether a call went out.
//! `socket` makes sockets.
//!
//! Both ways share one `connector`: name, TCP, proxy (`tunnel`) and TLS (`tls`). `retry` says what
//! is made again, and when.
//! Nothing here knows what a file or a command means to a user.

mod answer;
mod connector;
mod driver;
mod exchange;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod http;
mod link;
mod pool;
mod queue;
mod retry;
mod routes;
mod session;
mod sink;
mod socket;
mod stream;
mod ticket;
mod tls;
mod tunnel;
mod upgrade;
mod writer;

pub(crate) use self::exchange::Exchange;
pub(crate) use self::frame::{Chunk, Frame, Started};
pub(crate) use self::http::ControlPlane;
pub(crate) use self::link::Link;
pub(crate) use self::retry::{Retry, deadline};
pub(crate) use self::sink::Collected;
pub(crate) use self::ticket::Ticket;
