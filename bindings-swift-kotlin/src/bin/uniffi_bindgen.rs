//! Generates the Swift and the Kotlin side from the built library: `cargo xtask swift` and
//! `cargo xtask kotlin` call it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
