//! What the tests of transfers have in common.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::Path;

use vtrix_harness::Harness;
use vtrix_sandbox::Sandbox;

pub(crate) const MIB: usize = 1024 * 1024;

/// Bytes that differ at each place of a large file, so that a part in the wrong one shows.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let words = len.div_ceil(4) as u32;
    let mut bytes: Vec<u8> =
        (0..words).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

pub(crate) fn same(a: &Path, b: &Path) -> bool {
    fs::read(a).unwrap() == fs::read(b).unwrap()
}

/// What is in a directory of the sandbox, hidden files included.
pub(crate) async fn names(sandbox: &Sandbox, directory: &str) -> Vec<String> {
    let entries = sandbox.list_files(directory).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// Runs `test` with a sandbox of each wire: with our additions and without.
pub(crate) async fn both_wires(test: impl AsyncFn(bool, &Sandbox)) {
    for plain in [false, true] {
        let harness = Harness::shared_on(plain).await;
        let sandbox = harness.sandbox().await;
        test(plain, &sandbox).await;
        sandbox.delete().await.unwrap();
    }
}

/// The handle still works.
pub(crate) async fn settled(sandbox: &Sandbox) {
    assert_eq!(sandbox.run("echo well").await.unwrap().output(), b"well\n");
}
