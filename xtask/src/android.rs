//! `cargo xtask kotlin --android`: the artifact for Android, an AAR with four ABIs.
//!
//! Building for Android takes the NDK and Rust's targets for it. The rest of the recipe takes
//! neither: [`rehearse`] puts an AAR together around this machine's own library, on every run of the
//! Kotlin steps, and a program runs from what is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kotlin_artifact::Module;
use crate::mobile::{LIBRARY, need_programs, told};
use crate::steps::{cargo, quiet, run};
use crate::target;

/// The ABIs of an AAR, with the Rust targets behind them.
const ABIS: [(&str, &str); 4] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
    ("x86", "i686-linux-android"),
];

/// How the library of a phone is linked. Equal functions are kept once, and relocations packed in the
/// way that Android has known since its sixth version. Devices with pages of 16 KB load nothing that
/// is aligned to less. `cargo xtask size` measures what each gains and costs, in this order.
pub(crate) const LINKING: [&str; 4] = [
    "--icf=all",
    "--pack-dyn-relocs=android",
    "-z,max-page-size=16384",
    "-z,common-page-size=16384",
];

/// Android 8: `java.time` and `java.nio.file`, which the module uses.
const MIN_SDK: u32 = 26;
/// The first NDK whose own libraries are aligned for pages of 16 KB.
const MIN_NDK: u32 = 27;

/// Programs that the recipe calls, with where they come from.
const PROGRAMS: [(&str, &str); 5] = [
    ("cargo-ndk", "cargo install cargo-ndk"),
    ("rustup", "to have the Rust targets of Android"),
    ("mvn", "Maven, for classes.jar"),
    ("jar", "a JDK, 17 or later"),
    ("readelf", "binutils, to check the alignment"),
];

const MANIFEST: &str = r#"<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="ai.vtrix.sandbox">
  <uses-sdk android:minSdkVersion="MIN_SDK" />
  <uses-permission android:name="android.permission.INTERNET" />
</manifest>
"#;

/// Fails, with everything that is missing, unless Android libraries can be built here.
pub(crate) fn require() -> Result<(), String> {
    let ndk = std::env::var_os("ANDROID_NDK_HOME").map(PathBuf::from);
    lacking(need_programs(&PROGRAMS), ndk_is_usable(ndk.as_deref()))
}

fn lacking(programs: Result<(), String>, ndk: Result<(), String>) -> Result<(), String> {
    let problems: Vec<String> = [ndk.err(), programs.err()].into_iter().flatten().collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("an Android library needs the NDK and its tools\n{}", problems.join("\n")))
}

fn ndk_is_usable(directory: Option<&Path>) -> Result<(), String> {
    let wanted = format!("NDK r{MIN_NDK} or later");
    let Some(directory) = directory else {
        return Err(format!("missing:\n  ANDROID_NDK_HOME: the directory of an {wanted}"));
    };
    let told = fs::read_to_string(directory.join("source.properties")).unwrap_or_default();
    let revision =
        told.lines().find_map(|line| line.strip_prefix("Pkg.Revision")?.split('=').nth(1));
    let major = revision.and_then(|text| text.trim().split('.').next()?.parse::<u32>().ok());
    match major {
        Some(major) if major >= MIN_NDK => Ok(()),
        Some(major) => Err(format!("ANDROID_NDK_HOME is an NDK r{major}: {wanted} is needed")),
        None => Err(format!("ANDROID_NDK_HOME is {}, which is no NDK", directory.display())),
    }
}

/// Makes the AAR, its POM and its sources.
pub(crate) fn artifact(module: &Module) -> Result<(), String> {
    run(add_targets())?;
    let out = target().join("android");
    let _ = fs::remove_dir_all(&out);
    let aar = out.join("aar");
    let jni = aar.join("jni");
    fs::create_dir_all(&jni).map_err(|error| told(&jni, &error))?;
    run(native(&jni))?;
    for (abi, _) in ABIS {
        aligned(&jni.join(abi).join(library()))?;
    }
    let result = assemble(module, &aar, &out)?;
    println!("{}\nwith its POM and its sources beside it", result.display());
    Ok(())
}

fn library() -> String {
    format!("lib{LIBRARY}.so")
}

fn add_targets() -> Command {
    let mut add = Command::new("rustup");
    add.args(["target", "add"]).args(ABIS.map(|(_, target)| target));
    add
}

/// Builds the library for every ABI into directories of that name.
fn native(jni: &Path) -> Command {
    let mut native = cargo(["ndk"]);
    for (abi, _) in ABIS {
        native.args(["-t", abi]);
    }
    native.args(["--platform", &MIN_SDK.to_string(), "-o"]).arg(jni);
    native.args(["build", "--profile", "mobile", "-p", "vtrix-sandbox-uniffi"]);
    // The verifier of Android's trust store panics unless it was given a Java context.
    native.args(["--features", "bundled-roots"]);
    native.env("RUSTFLAGS", LINKING.map(|flag| format!("-C link-arg=-Wl,{flag}")).join(" "));
    native
}

/// Puts an AAR together around the libraries that are in `aar/jni`: classes, rules, a manifest. The
/// POM and the sources lie beside it, under the names that a repository gives them.
fn assemble(module: &Module, aar: &Path, out: &Path) -> Result<PathBuf, String> {
    let write = |path: PathBuf, content: &str| {
        fs::write(&path, content).map_err(|error| told(&path, &error))
    };
    let copy =
        |from: &Path, to: PathBuf| fs::copy(from, to).map(drop).map_err(|error| told(from, &error));
    let mut classes = Command::new("jar");
    classes.args(["--create", "--file"]).arg(aar.join("classes.jar"));
    // The library of the machine it is built on stays out: those of Android are in `jni`.
    for part in ["ai", "META-INF"] {
        classes.arg("-C").arg(&module.classes).arg(part);
    }
    quiet(classes)?;
    let rules = module.tree.join("src/main/resources/META-INF/proguard/vtrix-sandbox.pro");
    copy(&rules, aar.join("proguard.txt"))?;
    let manifest = MANIFEST.replace("MIN_SDK", &MIN_SDK.to_string());
    write(aar.join("AndroidManifest.xml"), &manifest)?;
    write(aar.join("R.txt"), "")?;

    let name = format!("vtrix-sandbox-android-{}", env!("CARGO_PKG_VERSION"));
    let result = out.join(format!("{name}.aar"));
    let mut zip = Command::new("jar");
    zip.args(["--create", "--no-manifest", "--file"]).arg(&result).arg("-C").arg(aar).arg(".");
    quiet(zip)?;
    let pom = module.tree.join("android-pom.xml");
    copy(&pom, out.join(format!("{name}.pom")))?;
    for classifier in ["-sources", "-javadoc"] {
        copy(&module.jar(classifier), out.join(format!("{name}{classifier}.jar")))?;
    }
    Ok(result)
}

/// What a program needs of an AAR.
pub(crate) struct Unpacked {
    /// The classes, a jar.
    pub(crate) classes: PathBuf,
    /// The directory of the library.
    pub(crate) native: PathBuf,
    /// The rules for shrinkers.
    pub(crate) rules: PathBuf,
}

/// Puts an AAR together around this machine's library, checks what is in it, and unpacks it.
pub(crate) fn rehearse(module: &Module, host: &Path, work: &Path) -> Result<Unpacked, String> {
    let out = work.join("aar");
    let _ = fs::remove_dir_all(&out);
    let arch = std::env::consts::ARCH;
    let (abi, _) = ABIS
        .into_iter()
        .find(|(_, target)| target.starts_with(arch))
        .ok_or(format!("Android has no ABI for {arch}"))?;
    let jni = out.join("aar/jni").join(abi);
    fs::create_dir_all(&jni).map_err(|error| told(&jni, &error))?;
    let copy = jni.join(library());
    fs::copy(host, &copy).map_err(|error| told(host, &error))?;
    let result = assemble(module, &out.join("aar"), &out)?;

    let unpacked = out.join("unpacked");
    fs::create_dir_all(&unpacked).map_err(|error| told(&unpacked, &error))?;
    let mut unpack = Command::new("jar");
    unpack.current_dir(&unpacked).args(["--extract", "--file"]).arg(&result);
    quiet(unpack)?;
    let native = format!("jni/{abi}/{}", library());
    for part in ["AndroidManifest.xml", "R.txt", "classes.jar", "proguard.txt", &native] {
        if !unpacked.join(part).is_file() {
            return Err(format!("{} has no {part}", result.display()));
        }
    }
    let classes = unpacked.join("classes.jar");
    let sources = module.jar("-sources");
    let documentation = module.jar("-javadoc");
    for (jar, file) in [
        (&classes, "ai/vtrix/sandbox/Sandbox.class"),
        (&sources, "ai/vtrix/sandbox/Sandbox.kt"),
        (&sources, "ai/vtrix/sandbox/ffi/vtrix_sandbox.kt"),
        (&documentation, "vtrix-sandbox/ai.vtrix.sandbox/-sandbox/index.html"),
    ] {
        let mut list = Command::new("jar");
        list.args(["--list", "--file"]).arg(jar);
        let list = quiet(list)?;
        if list.contains(&library()) || !list.contains(file) {
            return Err(format!("{} holds the wrong files:\n{list}", jar.display()));
        }
    }
    let native = unpacked.join("jni").join(abi);
    Ok(Unpacked { classes, native, rules: unpacked.join("proguard.txt") })
}

/// Fails unless every segment that is loaded is aligned to 16 KB.
fn aligned(library: &Path) -> Result<(), String> {
    let mut readelf = Command::new("readelf");
    readelf.args(["-l", "-W"]).arg(library);
    let text = quiet(readelf)?;
    let mut segments = text.lines().filter(|line| line.trim_start().starts_with("LOAD")).peekable();
    if segments.peek().is_none() {
        return Err(format!("{} has no segments", library.display()));
    }
    let enough = |line: &str| {
        let last = line.split_whitespace().last().unwrap_or_default();
        u64::from_str_radix(last.trim_start_matches("0x"), 16).is_ok_and(|align| align >= 0x4000)
    };
    if segments.all(enough) {
        Ok(())
    } else {
        Err(format!("{} is not aligned to pages of 16 KB:\n{text}", library.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;
    use crate::steps::shown;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("vtrix-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn what_is_missing_is_said_with_where_it_comes_from() {
        let programs = need_programs(&[("no-such-program", "from nowhere"), ("sh", "there")]);
        let problem = lacking(programs, ndk_is_usable(None)).unwrap_err();
        assert!(problem.contains("ANDROID_NDK_HOME: the directory of an NDK r27 or later"));
        assert!(problem.contains("no-such-program: from nowhere"));
        assert!(!problem.contains("sh: there"));
        assert_eq!(lacking(Ok(()), Ok(())), Ok(()));
    }

    #[test]
    fn an_ndk_tells_its_revision() {
        let directory = scratch("ndk");
        assert!(ndk_is_usable(Some(&directory)).unwrap_err().ends_with("which is no NDK"));
        for (revision, usable) in [("26.3.11579264", false), ("27.0.12077973", true)] {
            let properties = format!("Pkg.Desc = Android NDK\nPkg.Revision = {revision}\n");
            fs::write(directory.join("source.properties"), properties).unwrap();
            assert_eq!(ndk_is_usable(Some(&directory)).is_ok(), usable, "{revision}");
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_build_covers_every_abi_with_roots_inside() {
        let native = native(Path::new("out/jni"));
        assert_eq!(
            shown(&native),
            "cargo ndk -t arm64-v8a -t armeabi-v7a -t x86_64 -t x86 --platform 26 -o out/jni build \
             --profile mobile -p vtrix-sandbox-uniffi --features bundled-roots"
        );
        let flags = native.get_envs().find(|(name, _)| *name == "RUSTFLAGS").unwrap().1.unwrap();
        let flags = flags.to_str().unwrap();
        assert!(flags.contains("-C link-arg=-Wl,-z,max-page-size=16384"), "{flags}");
        assert_eq!(
            shown(&add_targets()),
            "rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android \
             i686-linux-android"
        );
    }

    /// Two libraries, linked for real: with this machine's pages, and as a phone's is.
    #[test]
    fn the_alignment_of_a_library_is_read_from_it() {
        let directory = scratch("aligned");
        let source = directory.join("nothing.rs");
        fs::write(&source, "#[unsafe(no_mangle)] pub extern \"C\" fn nothing() {}\n").unwrap();
        let link = |name: &str, size: &str| {
            let library = directory.join(name);
            let mut rustc = Command::new("rustc");
            rustc.args(["--crate-type", "cdylib", "--edition", "2024", "-o"]).arg(&library);
            rustc.arg(format!("-Clink-arg=-Wl,-z,max-page-size={size}")).arg(&source);
            quiet(rustc).unwrap();
            library
        };
        let problem = aligned(&link("small.so", "4096")).unwrap_err();
        assert!(problem.contains("is not aligned to pages of 16 KB"), "{problem}");
        aligned(&link("large.so", "16384")).unwrap();
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_pom_is_of_this_version() {
        let tree = root().join("bindings-swift-kotlin/kotlin");
        let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
        for pom in ["pom.xml", "android-pom.xml"] {
            assert!(fs::read_to_string(tree.join(pom)).unwrap().contains(&version), "{pom}");
        }
    }
}
