//! The gateway's control plane: bodies, queries, paths and quantities.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    vtrix_gateway::fuzzing::body(data);
    if let Ok(text) = std::str::from_utf8(data) {
        vtrix_gateway::fuzzing::text(text);
    }
});
