//! Which version this is: of the header when it was compiled against, of the library when it runs.

use std::ffi::c_char;

/// The version's first number. One that differs breaks programs.
pub const VTRIX_VERSION_MAJOR: u32 = 0;
/// The version's second number. While the first is 0, one that differs may break programs.
pub const VTRIX_VERSION_MINOR: u32 = 1;
/// The version's third number.
pub const VTRIX_VERSION_PATCH: u32 = 0;
/// All three in one number that grows: major * 1,000,000 + minor * 1,000 + patch.
pub const VTRIX_VERSION_NUMBER: u32 = 1000;
/// The generation of the binary interface, the number in the shared library's soname. It changes
/// only when a program that was linked before would break.
pub const VTRIX_ABI_VERSION: u32 = 0;

const _: () = assert!(number(env!("CARGO_PKG_VERSION_MAJOR")) == VTRIX_VERSION_MAJOR);
const _: () = assert!(number(env!("CARGO_PKG_VERSION_MINOR")) == VTRIX_VERSION_MINOR);
const _: () = assert!(number(env!("CARGO_PKG_VERSION_PATCH")) == VTRIX_VERSION_PATCH);
const _: () = assert!(
    VTRIX_VERSION_MAJOR * 1_000_000 + VTRIX_VERSION_MINOR * 1_000 + VTRIX_VERSION_PATCH
        == VTRIX_VERSION_NUMBER
);

const fn number(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut at, mut number) = (0, 0);
    while at < bytes.len() {
        number = number * 10 + (bytes[at] - b'0') as u32;
        at += 1;
    }
    number
}

/// The library's version, such as `0.1.0`: a text that lives as long as the program, ended by a
/// zero byte.
#[unsafe(no_mangle)]
pub extern "C" fn vtrix_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The library's version as `VTRIX_VERSION_NUMBER` writes it, to compare with the header's.
#[unsafe(no_mangle)]
pub extern "C" fn vtrix_version_number() -> u32 {
    VTRIX_VERSION_NUMBER
}

/// The generation of the library's binary interface, to compare with the header's
/// `VTRIX_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn vtrix_abi_version() -> u32 {
    VTRIX_ABI_VERSION
}
