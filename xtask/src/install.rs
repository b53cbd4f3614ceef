//! `cargo xtask install`: the C library as other programs find it.
//!
//! Header, shared library with its links, static library, pkg-config file, CMake package, and the
//! licences of everything inside. All paths are relative to where they stand, so a prefix can be
//! moved.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::steps::{cargo, quiet};
use crate::{notices, root, target};

/// What a static library of Rust's needs on Linux; `rustc --print native-static-libs` tells.
pub(crate) const NATIVE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The number in the soname: `VTRIX_ABI_VERSION`.
pub(crate) const ABI: &str = "0";

/// Where licences lie.
const DOCUMENTS: &str = "share/doc/vtrix-sandbox";

/// Builds and lays down everything under `prefix`.
pub(crate) fn install(prefix: &Path, release: bool) -> Result<(), String> {
    let mut build = cargo(["build", "--quiet", "-p", "vtrix-sandbox-c"]);
    if release {
        build.arg("--release");
    }
    quiet(build)?;
    let from = target().join(if release { "release" } else { "debug" });
    let library = prefix.join("lib");
    for directory in ["include", "lib/pkgconfig", "lib/cmake/VtrixSandbox", DOCUMENTS] {
        let path = prefix.join(directory);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", notices::FILE] {
        copy(&root().join(file), &prefix.join(DOCUMENTS).join(file))?;
    }
    copy(&root().join("include/vtrix_sandbox.h"), &prefix.join("include/vtrix_sandbox.h"))?;
    copy(&from.join("libvtrix_sandbox.a"), &library.join("libvtrix_sandbox.a"))?;
    let real = format!("libvtrix_sandbox.so.{VERSION}");
    copy(&from.join("libvtrix_sandbox.so"), &library.join(&real))?;
    if release {
        // The dynamic symbols stay; the others are for nobody.
        let mut strip = Command::new("strip");
        strip.arg("--strip-unneeded").arg(library.join(&real));
        quiet(strip)?;
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg(library.join("libvtrix_sandbox.a"));
        quiet(strip)?;
    }
    link(&real, &library.join(format!("libvtrix_sandbox.so.{ABI}")))?;
    link(&format!("libvtrix_sandbox.so.{ABI}"), &library.join("libvtrix_sandbox.so"))?;
    let shared = format!("-L${{libdir}} -lvtrix_sandbox\nLibs.private: {NATIVE}");
    write(&library.join("pkgconfig/vtrix-sandbox.pc"), &pkg_config("vtrix-sandbox", &shared))?;
    // For build systems that can't choose between two libraries of one name.
    let archive = format!("${{libdir}}/libvtrix_sandbox.a {NATIVE}");
    write(
        &library.join("pkgconfig/vtrix-sandbox-static.pc"),
        &pkg_config("vtrix-sandbox-static", &archive),
    )?;
    let cmake = library.join("cmake/VtrixSandbox");
    write(&cmake.join("VtrixSandboxConfig.cmake"), &cmake_config())?;
    write(&cmake.join("VtrixSandboxConfigVersion.cmake"), &cmake_version())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", to.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn link(to: &str, path: &Path) -> Result<(), String> {
    let _ = fs::remove_file(path);
    std::os::unix::fs::symlink(to, path).map_err(|error| format!("{}: {error}", path.display()))
}

fn pkg_config(name: &str, libraries: &str) -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         libdir=${{prefix}}/lib\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: {name}\n\
         Description: The C interface of the Vtrix sandbox SDK\n\
         Version: {VERSION}\n\
         Cflags: -I${{includedir}}\n\
         Libs: {libraries}\n"
    )
}

fn cmake_config() -> String {
    let native = NATIVE.split(' ').map(|flag| flag.trim_start_matches("-l"));
    let native = native.filter(|name| *name != "c").collect::<Vec<_>>().join(";");
    format!(
        "get_filename_component(_vtrix_prefix \"${{CMAKE_CURRENT_LIST_DIR}}/../../..\" ABSOLUTE)\n\
         foreach(_vtrix_kind SHARED STATIC)\n\
         \x20 string(TOLOWER ${{_vtrix_kind}} _vtrix_name)\n\
         \x20 if(NOT TARGET VtrixSandbox::${{_vtrix_name}})\n\
         \x20   add_library(VtrixSandbox::${{_vtrix_name}} ${{_vtrix_kind}} IMPORTED)\n\
         \x20   set_target_properties(VtrixSandbox::${{_vtrix_name}} PROPERTIES\n\
         \x20     INTERFACE_INCLUDE_DIRECTORIES \"${{_vtrix_prefix}}/include\")\n\
         \x20 endif()\n\
         endforeach()\n\
         set_target_properties(VtrixSandbox::shared PROPERTIES\n\
         \x20 IMPORTED_LOCATION \"${{_vtrix_prefix}}/lib/libvtrix_sandbox.so.{VERSION}\"\n\
         \x20 IMPORTED_SONAME libvtrix_sandbox.so.{ABI})\n\
         set_target_properties(VtrixSandbox::static PROPERTIES\n\
         \x20 IMPORTED_LOCATION \"${{_vtrix_prefix}}/lib/libvtrix_sandbox.a\"\n\
         \x20 INTERFACE_LINK_LIBRARIES \"{native}\")\n\
         unset(_vtrix_prefix)\n"
    )
}

/// Before 1.0 a minor version may break what was built against another.
fn cmake_version() -> String {
    format!(
        "set(PACKAGE_VERSION {VERSION})\n\
         set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         string(REGEX MATCH \"^[0-9]+\\\\.[0-9]+\" _vtrix_minor ${{PACKAGE_VERSION}})\n\
         if(PACKAGE_FIND_VERSION MATCHES \"^${{_vtrix_minor}}(\\\\.|$)\"\n\
         \x20  AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         \x20 if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)\n\
         \x20   set(PACKAGE_VERSION_EXACT TRUE)\n\
         \x20 endif()\n\
         endif()\n\
         unset(_vtrix_minor)\n"
    )
}
