//! The wire's types: bodies of the control plane, frames of the data plane, bytes made into text.
//! And what an answer over HTTP becomes.
#![no_main]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vtrix_protocol::control::{
    ConfigureRequest, CreateRequest, Created, Envelope, ExtendRequest, Info, ListRequest,
    ListResponse, PoolStatus, RollingStatus, UpdateRequest,
};
use vtrix_protocol::exec::{
    DoneParams, ExecParams, ExecResult, KillParams, OutputParams, StartParams,
};
use vtrix_protocol::files::{ChunkParams, FileEntry, ReadResult, StatResult, WriteBinaryParams};
use vtrix_protocol::rpc::{Incoming, IncomingRequest};
use vtrix_protocol::text::{Utf8Splitter, whole_characters};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    text(data);
    let Ok(data) = std::str::from_utf8(data) else { return };
    owned::<Envelope<serde_json::Value>>(data);
    owned::<Envelope<Created>>(data);
    owned::<Info>(data);
    owned::<ListResponse>(data);
    owned::<CreateRequest>(data);
    owned::<ListRequest>(data);
    owned::<ExtendRequest>(data);
    owned::<UpdateRequest>(data);
    owned::<ConfigureRequest>(data);
    owned::<PoolStatus>(data);
    owned::<RollingStatus>(data);
    owned::<ExecParams>(data);
    owned::<ExecResult>(data);
    owned::<KillParams>(data);
    owned::<Vec<FileEntry>>(data);
    owned::<ReadResult>(data);
    owned::<StatResult>(data);
    owned::<WriteBinaryParams>(data);
    borrowed::<StartParams<'_>>(data);
    borrowed::<OutputParams<'_>>(data);
    borrowed::<DoneParams<'_>>(data);
    borrowed::<ChunkParams<'_>>(data);
    frames(data);
    vtrix_sandbox::fuzzing::answer(data);
});

/// What reads once reads the same again after it was written.
fn owned<T: Serialize + DeserializeOwned>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&read).expect("it was read from JSON");
    let again: T = serde_json::from_str(&written).expect("it was written by us");
    assert_eq!(serde_json::to_string(&again).expect("likewise"), written);
}

fn borrowed<'a, T: Serialize + Deserialize<'a>>(text: &'a str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&read).expect("it was read from JSON");
    assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok());
}

/// The parts that a frame borrows are JSON, each by itself.
fn frames(text: &str) {
    if let Ok(frame) = serde_json::from_str::<Incoming<'_>>(text) {
        for part in [frame.params, frame.result].into_iter().flatten() {
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(part.get()).is_ok());
        }
    }
    if let Ok(frame) = serde_json::from_str::<IncomingRequest<'_>>(text) {
        for part in [frame.params, frame.id].into_iter().flatten() {
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(part.get()).is_ok());
        }
    }
}

/// Cut anywhere, bytes become the text that they would have become whole.
fn text(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let mut splitter = Utf8Splitter::new();
    let mut text = String::new();
    for chunk in bytes.chunks(usize::from(*first) % 16 + 1) {
        splitter.push(chunk, &mut text);
        assert!(splitter.held() <= 3);
    }
    splitter.finish(&mut text);
    assert_eq!(text, String::from_utf8_lossy(bytes));
    let cut = whole_characters(bytes, (*first).into());
    assert!(cut.len() <= usize::from(*first) && bytes.starts_with(cut));
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(text.is_char_boundary(cut.len()));
    }
}
