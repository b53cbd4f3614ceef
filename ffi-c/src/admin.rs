//! The calls of an operator: the pool of warm sandboxes and its rolling update.
//!
//! What is told is in `pool_status` and `rolling_status`, the calls are in `operator`.

// Apart, since the order of modules is that of the header: first the values, then the calls.
pub mod pool_status;
pub mod rolling_status;

pub mod operator;
