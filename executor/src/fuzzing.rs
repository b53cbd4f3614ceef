//! What the fuzz targets call: input in, and a panic if something does not hold. No part of the
//! interface; `fuzz/README.md` lists the targets.

pub use crate::isolation::fuzzing::host;
pub use crate::process::fuzzing::replay;
pub use crate::rpc::fuzzing::{escaping, request};
