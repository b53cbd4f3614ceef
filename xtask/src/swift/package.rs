//! The Swift package as its users have it: the sources that are in the tree, those that uniffi
//! generates, and the native library beside them or, for Apple's platforms, inside of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mobile::{LIBRARY, Profile, generate, library, mirror, told};
use crate::{root, target};

use super::toolchain::toolchain;

/// `cargo xtask swift --install`: the package with an optimised library, to be depended on.
pub(crate) fn install() -> Result<(), String> {
    let swift = toolchain()?;
    let out = target().join("swift");
    let package = out.join("package");
    let library = library(&out.join("lib"), Profile::Release)?;
    lay_down(&library, &out.join("generated"), &package)?;
    println!("the package: {}", package.display());
    println!("the library, for -Xlinker -L and LD_LIBRARY_PATH: {}", out.join("lib").display());
    if let Some(program) = swift.program(&out.join("bin"), &out)? {
        println!("swift, which this machine has in a root directory: {}", program.display());
    }
    Ok(())
}

pub(super) fn source() -> PathBuf {
    root().join("bindings-swift-kotlin/swift")
}

/// Lays down the package as its users have it: the manifest, the sources that are in the tree, and
/// those that are generated from a library, by way of a directory that is this function's own.
pub(crate) fn lay_down(library: &Path, fresh: &Path, package: &Path) -> Result<(), String> {
    let source = source();
    mirror(&source.join("Sources/VtrixSandbox"), &package.join("Sources/VtrixSandbox"))?;
    let manifest = source.join("Package.swift");
    let copy = package.join("Package.swift");
    fs::copy(&manifest, copy).map_err(|error| told(&manifest, &error))?;
    generate(library, "swift", fresh)?;
    arrange(fresh)?;
    mirror(fresh, &package.join("Sources"))
}

/// Sorts what uniffi generated into the two modules that the manifest names. Its own module map
/// asks for modules that only Apple's platforms have.
fn arrange(directory: &Path) -> Result<(), String> {
    let files = [
        ("VtrixSandboxGenerated.swift", "VtrixSandboxGenerated/VtrixSandboxGenerated.swift"),
        ("VtrixSandboxFFI.h", "VtrixSandboxFFI/VtrixSandboxFFI.h"),
    ];
    for (from, to) in files {
        let (from, to) = (directory.join(from), directory.join(to));
        fs::create_dir_all(to.parent().expect("a file lies in a directory"))
            .and_then(|()| fs::rename(&from, &to))
            .map_err(|error| told(&from, &error))?;
    }
    let _ = fs::remove_file(directory.join("VtrixSandboxFFI.modulemap"));
    let map = directory.join("VtrixSandboxFFI/module.modulemap");
    fs::write(&map, module_map(Some(LIBRARY))).map_err(|error| told(&map, &error))
}

/// The module of the header; with a library to link where the manifest doesn't carry one.
pub(crate) fn module_map(library: Option<&str>) -> String {
    let link = library.map(|name| format!("    link \"{name}\"\n")).unwrap_or_default();
    format!("module VtrixSandboxFFI {{\n    header \"VtrixSandboxFFI.h\"\n{link}    export *\n}}\n")
}
