//! The executor's replay buffer, and output on its way to text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vtrix_executor::fuzzing::replay(data));
