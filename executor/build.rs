//! Tells the gateway's build script where the sources of this crate are.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::metadata=manifest_dir={}", env!("CARGO_MANIFEST_DIR"));
}
