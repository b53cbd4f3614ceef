//! The executor's end of the wire: requests, escaping, and what the gateway starts it with.
#![no_main]

use serde::Serialize;
use serde::de::DeserializeOwned;
use vtrix_executor::contract::{Activity, Report, SetEnv, SetupConfig};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    vtrix_executor::fuzzing::request(text);
    vtrix_executor::fuzzing::escaping(text, data.first().copied().unwrap_or_default().into());
    contract::<SetupConfig>(text);
    contract::<Report>(text);
    contract::<SetEnv>(text);
    contract::<Activity>(text);
});

/// What reads once reads the same again after it was written.
fn contract<T: Serialize + DeserializeOwned>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&read).expect("it was read from JSON");
    let again: T = serde_json::from_str(&written).expect("it was written by us");
    assert_eq!(serde_json::to_string(&again).expect("likewise"), written);
}
