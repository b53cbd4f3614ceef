//! The sandbox as a whole: stopping, starting, changing, deleting it, and waiting for that.
//!
//! Creating one is in `client`.

pub mod options;
pub mod state;
pub mod timeout;
pub mod update;
