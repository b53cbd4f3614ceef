//! `cargo xtask swift --xcframework`: the binary target of the Swift package, for Apple's platforms.
//!
//! An XCFramework holds a static library for each platform, joined from one for each architecture,
//! and the header with its module map. Only macOS can make one. It is put into a whole package, to
//! be added to an app from where it lies; a release zips it, and its manifest names the zip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{LIBRARY, Profile, library, mirror, need_programs, told};
use crate::steps::{cargo, quiet, run};
use crate::swift::{lay_down, module_map};
use crate::target;

/// A platform's part of the framework: a name, and the Rust targets that are joined in it.
type Slice = (&'static str, &'static [&'static str]);

const SLICES: [Slice; 3] = [
    ("ios", &["aarch64-apple-ios"]),
    ("ios-simulator", &["aarch64-apple-ios-sim", "x86_64-apple-ios"]),
    ("macos", &["aarch64-apple-darwin", "x86_64-apple-darwin"]),
];

/// The oldest systems, as the manifest of the package has them.
const DEPLOYMENT: [(&str, &str); 2] =
    [("IPHONEOS_DEPLOYMENT_TARGET", "16.0"), ("MACOSX_DEPLOYMENT_TARGET", "13.0")];

/// The framework's name in a package.
const FRAMEWORK: &str = "VtrixSandboxFFI.xcframework";

/// Makes the package with the framework in it, and zips the framework. With the `url` that the zip is
/// going to have, it makes the package of a release, too, whose manifest names URL and checksum.
pub(crate) fn framework(url: Option<&str>) -> Result<(), String> {
    require(std::env::consts::OS)?;
    let out = target().join("xcframework");
    let _ = fs::remove_dir_all(&out);
    let package = out.join("package");
    lay_down(&library(&out.join("lib"), Profile::Dev)?, &out.join("generated"), &package)?;
    let headers = headers(&package, &out)?;
    let mut libraries = Vec::new();
    for (slice, targets) in SLICES {
        for triple in targets {
            let mut add = Command::new("rustup");
            add.args(["target", "add", triple]);
            run(add)?;
            run(native(triple))?;
        }
        let joined = out.join(slice).join(format!("lib{LIBRARY}.a"));
        fs::create_dir_all(out.join(slice)).map_err(|error| told(&joined, &error))?;
        run(join(targets, &joined))?;
        libraries.push(joined);
    }
    let result = package.join(FRAMEWORK);
    run(create(&libraries, &headers, &result))?;
    println!("a package to be added as it is: {}", package.display());

    let Some(url) = url else { return Ok(()) };
    let zip = out.join(format!("{FRAMEWORK}.zip"));
    let mut ditto = Command::new("ditto");
    ditto.args(["-c", "-k", "--keepParent"]).arg(&result).arg(&zip);
    run(ditto)?;
    let mut checksum = Command::new("swift");
    checksum.args(["package", "compute-checksum"]).arg(&zip).current_dir(&package);
    let checksum = quiet(checksum)?;
    let release = out.join("release");
    mirror(&package.join("Sources"), &release.join("Sources"))?;
    let manifest = package.join("Package.swift");
    let text = fs::read_to_string(&manifest).map_err(|error| told(&manifest, &error))?;
    let text = released(&text, url, checksum.trim())?;
    let manifest = release.join("Package.swift");
    fs::write(&manifest, text).map_err(|error| told(&manifest, &error))?;
    println!("a release's package, to be tagged: {}", release.display());
    println!("what has to be at {url}: {}", zip.display());
    Ok(())
}

/// Puts a framework with this machine's library alone into a package, for its tests.
pub(crate) fn for_this_machine(package: &Path, library: &Path) -> Result<(), String> {
    require(std::env::consts::OS)?;
    let framework = package.join(FRAMEWORK);
    let _ = fs::remove_dir_all(&framework);
    let headers = headers(package, &package.with_file_name("framework"))?;
    run(create(&[library.to_owned()], &headers, &framework))
}

/// The manifest of a release: the framework is where the release's zip is.
fn released(manifest: &str, url: &str, checksum: &str) -> Result<String, String> {
    let here = format!("path: \"{FRAMEWORK}\"");
    if !manifest.contains(&here) {
        return Err(format!("the manifest has no {here}"));
    }
    if !url.starts_with("https://") || url.contains(['"', '\\']) {
        return Err("the URL of a release begins with https://, and is a plain one".into());
    }
    Ok(manifest.replace(&here, &format!("url: \"{url}\", checksum: \"{checksum}\"")))
}

fn require(system: &str) -> Result<(), String> {
    if system != "macos" {
        return Err("an XCFramework can be made on macOS only: lipo and xcodebuild come with \
                    Xcode, and linking needs Apple's SDKs"
            .into());
    }
    need_programs(&[
        ("rustup", "to have the Rust targets of Apple"),
        ("lipo", "Xcode's command line tools"),
        ("xcodebuild", "Xcode 16 or later"),
    ])
}

/// The header and its module map, in a directory of their own below the one that is named: an app
/// that has two such frameworks would otherwise have two module maps in one place.
fn headers(package: &Path, out: &Path) -> Result<PathBuf, String> {
    let headers = out.join("headers");
    let own = headers.join("VtrixSandboxFFI");
    fs::create_dir_all(&own).map_err(|error| told(&own, &error))?;
    let header = package.join("Sources/VtrixSandboxFFI/VtrixSandboxFFI.h");
    fs::copy(&header, own.join("VtrixSandboxFFI.h")).map_err(|error| told(&header, &error))?;
    let map = own.join("module.modulemap");
    fs::write(&map, module_map(None)).map_err(|error| told(&map, &error))?;
    Ok(headers)
}

fn native(triple: &str) -> Command {
    let mut native = cargo(["build", "--profile", "mobile", "-p", "vtrix-sandbox-uniffi"]);
    native.args(["--target", triple]).envs(DEPLOYMENT);
    native
}

/// Joins the libraries of several architectures in one file.
fn join(targets: &[&str], joined: &Path) -> Command {
    let archive =
        |triple: &&str| target().join(triple).join("mobile").join(format!("lib{LIBRARY}.a"));
    let mut lipo = Command::new("lipo");
    lipo.args(["-create", "-output"]).arg(joined).args(targets.iter().map(archive));
    lipo
}

fn create(libraries: &[PathBuf], headers: &Path, result: &Path) -> Command {
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for library in libraries {
        create.arg("-library").arg(library).arg("-headers").arg(headers);
    }
    create.arg("-output").arg(result);
    create
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;
    use crate::steps::shown;

    #[test]
    fn elsewhere_it_says_that_it_needs_macos() {
        for system in ["linux", "windows"] {
            assert!(require(system).unwrap_err().contains("on macOS only"));
        }
    }

    #[test]
    fn a_library_is_built_for_the_oldest_systems_of_the_manifest() {
        let native = native("aarch64-apple-ios");
        assert_eq!(
            shown(&native),
            "cargo build --profile mobile -p vtrix-sandbox-uniffi --target aarch64-apple-ios"
        );
        let manifest = root().join("bindings-swift-kotlin/swift/Package.swift");
        let manifest = fs::read_to_string(manifest).unwrap();
        for (platform, (_, version)) in ["iOS", "macOS"].into_iter().zip(DEPLOYMENT) {
            let major = version.trim_end_matches(".0");
            assert!(manifest.contains(&format!(".{platform}(.v{major})")), "{platform}");
        }
        assert_eq!(native.get_envs().count(), DEPLOYMENT.len());
    }

    #[test]
    fn a_release_names_the_zip_and_its_checksum() {
        let manifest = root().join("bindings-swift-kotlin/swift/Package.swift");
        let manifest = fs::read_to_string(manifest).unwrap();
        let url = "https://example.com/VtrixSandboxFFI.xcframework.zip";
        let text = released(&manifest, url, "abc").unwrap();
        let target =
            format!(".binaryTarget(name: \"VtrixSandboxFFI\", url: \"{url}\", checksum: \"abc\")");
        assert!(text.contains(&target), "{text}");
        assert!(!text.contains("path: \"VtrixSandboxFFI"), "{text}");
        for bad in ["http://example.com/x.zip", "https://example.com/\""] {
            assert!(released(&manifest, bad, "abc").unwrap_err().contains("https://"));
        }
        assert!(released("", url, "abc").unwrap_err().contains("no path"));
    }

    #[test]
    fn architectures_are_joined_and_platforms_are_not() {
        let lipo = shown(&join(SLICES[1].1, Path::new("out/libx.a")));
        assert!(lipo.starts_with("lipo -create -output out/libx.a "), "{lipo}");
        for triple in ["aarch64-apple-ios-sim", "x86_64-apple-ios"] {
            assert!(lipo.contains(&format!("/{triple}/mobile/lib{LIBRARY}.a")), "{lipo}");
        }
        let libraries = ["ios/libx.a", "macos/libx.a"].map(PathBuf::from);
        let create = create(&libraries, Path::new("headers"), Path::new("X.xcframework"));
        assert_eq!(
            shown(&create),
            "xcodebuild -create-xcframework -library ios/libx.a -headers headers -library \
             macos/libx.a -headers headers -output X.xcframework"
        );
    }
}
