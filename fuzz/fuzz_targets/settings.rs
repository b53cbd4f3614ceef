//! What operators, environments and machines say: files of tokens, headers that guard the gateway,
//! proxies, accounts, mounts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    vtrix_gateway::fuzzing::tokens(text);
    vtrix_gateway::fuzzing::units(text);
    vtrix_gateway::fuzzing::guard(text);
    vtrix_gateway::fuzzing::machine(text);
    vtrix_executor::fuzzing::host(text);
    vtrix_sandbox::fuzzing::proxy(text);
});
