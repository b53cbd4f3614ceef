//! The client's session, and whatever a gateway may send it in whatever order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vtrix_sandbox::fuzzing::session(data));
