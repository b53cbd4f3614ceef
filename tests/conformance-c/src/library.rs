//! The installed library: loaded by its path, known by its header.
//!
//! `build.rs` reads the header, this module finds each function that it declares. All calls into
//! the library go through [`c`].

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::LazyLock;

mod declared {
    #![expect(
        non_camel_case_types,
        dead_code,
        clippy::undocumented_unsafe_blocks,
        clippy::struct_field_names,
        clippy::too_many_lines,
        reason = "generated: the header has the documentation"
    )]

    use std::ffi::c_void;

    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}

pub(crate) use declared::*;

/// Names the library to test.
const VARIABLE: &str = "VTRIX_C_LIBRARY";

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let path = std::env::var_os(VARIABLE)
        .unwrap_or_else(|| panic!("{VARIABLE} names the installed libvtrix_sandbox.so"));
    let path = CString::new(path.as_bytes()).expect("a path has no NUL");
    // SAFETY: the path ends with a NUL; nothing of this program depends on what the library does
    // when it is loaded.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{}", problem());
    let find = |name: &CStr| -> *mut c_void {
        // SAFETY: the handle is open, and stays so; the name ends with a NUL.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!found.is_null(), "{}", problem());
        found
    };
    // SAFETY: the header of the library says what each of them is.
    unsafe { Library::load(find) }
});

/// The library's functions.
pub(crate) fn c() -> &'static Library {
    &LIBRARY
}

fn problem() -> String {
    // SAFETY: gives NULL or a text that stays until the next call on this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the dynamic linker says nothing".to_owned();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
