//! A command's frames made into its result, in both of the ways there are.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vtrix_sandbox::fuzzing::assembly(data));
