//! `cargo xtask kotlin`: the Kotlin module, built as it is published and tested on the JVM.
//!
//! Maven fetches the compiler and the libraries into a repository of this project's own, outside
//! of the tree. The artifact is installed there too, and a consumer outside of the tree (the
//! conformance runner and the five examples) is built against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{
    Gateway, LIBRARY, Profile, counted_by, generate, judged, library, locked, mirror,
    need_programs, need_space, number_after, told,
};
use crate::steps::{Count, Progress, cargo, quiet, run};
use crate::{root, target};

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 4;

const EXAMPLES: [&str; 5] = ["basic", "stream", "attach", "files", "lifecycle"];

/// The ABIs of an AAR, with the Rust targets behind them.
const ABIS: [(&str, &str); 4] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
    ("x86", "i686-linux-android"),
];

/// How the library of a phone is linked. Devices with pages of 16 KB load nothing that is aligned to
/// less. Equal functions are kept once, and relocations packed in the way that Android has known
/// since its sixth version: together 1.5 MB of 5.1, measured in the README.
const LINKING: [&str; 4] = [
    "-z,max-page-size=16384",
    "-z,common-page-size=16384",
    "--icf=all",
    "--pack-dyn-relocs=android",
];

/// Everything about the Kotlin module, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let (work, _lock) = locked("kotlin")?;
    progress.check("Kotlin: the library, its generated sources, the artifact", || {
        build(&work, Profile::Dev)
    })?;
    progress.measured("Kotlin: tests against a real gateway", || {
        let gateway = Gateway::start("extended").map_err(failed)?;
        let mut tests = maven(&work, &module());
        tests.args(paths(&work)).args(["surefire:test@default-test"]).envs(gateway.env.clone());
        tests.env("VTRIX_DOCS", root().join("docs"));
        let count = counted_by(tests, surefire)?;
        gateway.end().map_err(failed)?;
        Ok(count)
    })?;
    progress.measured("Kotlin: conformance from outside of the tree, on both wires", || {
        consumer(&work).map_err(failed)?;
        let mut all = Count::default();
        for wire in ["extended", "plain"] {
            let gateway = Gateway::start(wire).map_err(failed)?;
            let mut runner = program(&work, "conformance.MainKt");
            runner.arg(root().join("tests/conformance/scenarios"));
            runner.args(gateway.env.iter().map(|(_, value)| value)).arg(gateway.wire);
            let count = judged(runner)?;
            all.passed += count.passed;
            gateway.end().map_err(failed)?;
        }
        Ok(all)
    })?;
    progress.check("Kotlin: the five examples", || {
        let gateway = Gateway::start("extended")?;
        for example in EXAMPLES {
            let class = format!("examples.{example}.{}Kt", capital(example));
            let mut command = program(&work, &class);
            command.envs(gateway.env.clone());
            quiet(command)?;
        }
        gateway.end()
    })
}

/// `cargo xtask kotlin`.
pub(crate) fn test(android: bool, bench: bool) -> Result<(), String> {
    if android {
        return aar();
    }
    if bench {
        let (work, _lock) = locked("kotlin")?;
        build(&work, Profile::Release)?;
        consumer(&work)?;
        let gateway = Gateway::start_as("extended", Profile::Release)?;
        let mut command = program(&work, "bench.MainKt");
        command.envs(gateway.env.clone());
        run(command)?;
        return gateway.end();
    }
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

/// Compiles wrapper and tests and installs the artifact, with its sources, into the repository.
fn build(work: &Path, profile: Profile) -> Result<(), String> {
    need_programs(&[("mvn", "Maven 3.8 or later"), ("java", "a JDK, 17 or later")])?;
    need_space(1)?;
    let generated = work.join("generated");
    // Where JNA looks inside a jar.
    let resources = generated.join("resources").join(platform()?);
    let library = library(&resources, profile)?;
    let fresh = work.join("fresh");
    generate(&library, "kotlin", &fresh)?;
    mirror(&fresh, &generated.join("kotlin"))?;
    let mut install = maven(work, &module());
    install.args(paths(work)).args(["install", "-DskipTests"]);
    quiet(install).map(drop)
}

/// JNA's name for this platform.
fn platform() -> Result<&'static str, String> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-x86-64"),
        ("linux", "aarch64") => Ok("linux-aarch64"),
        ("macos", "x86_64") => Ok("darwin-x86-64"),
        ("macos", "aarch64") => Ok("darwin-aarch64"),
        (os, arch) => Err(format!("no name is known for {os} on {arch}")),
    }
}

fn module() -> PathBuf {
    root().join("bindings-swift-kotlin/kotlin")
}

fn maven(work: &Path, directory: &Path) -> Command {
    let mut command = Command::new("mvn");
    command.current_dir(directory).arg("--batch-mode");
    command.arg(format!("-Dmaven.repo.local={}", work.join("repository").display()));
    command
}

fn paths(work: &Path) -> [String; 2] {
    [
        format!("-Dvtrix.generated={}", work.join("generated").display()),
        format!("-Dvtrix.build={}", work.join("build").display()),
    ]
}

/// Copies the consumer and the examples out of the tree and builds them there.
fn consumer(work: &Path) -> Result<(), String> {
    let directory = work.join("consumer");
    mirror(&module().join("consumer"), &directory)?;
    mirror(&root().join("examples/kotlin"), &directory.join("examples"))?;
    let mut compile = maven(work, &directory);
    compile.arg("compile");
    quiet(compile).map(drop)
}

/// A program of the consumer.
fn program(work: &Path, class: &str) -> Command {
    let target = work.join("consumer/target");
    let mut command = Command::new("java");
    command.arg("-cp");
    command.arg(format!("{}:{}/lib/*", target.join("classes").display(), target.display()));
    command.arg(class);
    command
}

/// `basic` as `Basic`: Kotlin names the class of a file after it.
fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// Of Surefire's summary: `Tests run: 12, Failures: 0, Errors: 0, Skipped: 0`.
fn surefire(text: &str) -> Option<Count> {
    let line =
        text.lines().rfind(|line| line.contains("Tests run:") && !line.contains("Time elapsed"))?;
    let failed = number_after(line, "Failures:")?
        + number_after(line, "Errors:")?
        + number_after(line, "Skipped:")?;
    Some(Count { passed: number_after(line, "Tests run:")?.saturating_sub(failed), failed })
}

fn failed(problem: String) -> (Count, String) {
    (Count { passed: 0, failed: 1 }, problem)
}

/// `cargo xtask kotlin --android`: an AAR with four ABIs, aligned for pages of 16 KB.
fn aar() -> Result<(), String> {
    let mut needed = vec![
        ("cargo-ndk", "cargo install cargo-ndk"),
        ("mvn", "Maven, for classes.jar"),
        ("jar", "a JDK, 17 or later"),
        ("readelf", "binutils, to check the alignment"),
    ];
    needed.push(("rustup", "to have the Rust targets of Android"));
    let programs = need_programs(&needed);
    let ndk = std::env::var_os("ANDROID_NDK_HOME");
    if ndk.is_none() || programs.is_err() {
        let programs = programs.err().unwrap_or_default();
        let ndk =
            if ndk.is_none() { "missing: ANDROID_NDK_HOME, of NDK r27 or later\n" } else { "" };
        return Err(format!("an Android library needs the NDK and its tools\n{ndk}{programs}"));
    }
    let mut targets = Command::new("rustup");
    targets.args(["target", "add"]).args(ABIS.map(|(_, target)| target));
    run(targets)?;

    let (work, _lock) = locked("kotlin")?;
    build(&work, Profile::Dev)?;
    let out = target().join("android");
    let aar = out.join("aar");
    let _ = fs::remove_dir_all(&aar);
    fs::create_dir_all(&aar).map_err(|error| told(&aar, &error))?;
    let mut native = cargo(["ndk"]);
    for (abi, _) in ABIS {
        native.args(["-t", abi]);
    }
    // Android 8: java.time and java.nio.file, which the module uses.
    native.args(["--platform", "26", "-o"]).arg(aar.join("jni"));
    native.args(["build", "--profile", "mobile", "-p", "vtrix-sandbox-uniffi"]);
    native.args(["--features", "bundled-roots"]);
    native.env("RUSTFLAGS", LINKING.map(|flag| format!("-C link-arg=-Wl,{flag}")).join(" "));
    run(native)?;
    for (abi, _) in ABIS {
        aligned(&aar.join("jni").join(abi).join(format!("lib{LIBRARY}.so")))?;
    }
    assemble(&work, &aar, &out.join("vtrix-sandbox.aar"))
}

/// Puts an AAR together: classes without the host's library, the native ones, rules, a manifest.
fn assemble(work: &Path, aar: &Path, result: &Path) -> Result<(), String> {
    let classes = work.join("build/classes");
    let mut jar = Command::new("jar");
    jar.args(["--create", "--file"]).arg(aar.join("classes.jar"));
    jar.arg("-C").arg(&classes).arg("ai").arg("-C").arg(&classes).arg("META-INF");
    run(jar)?;
    let rules = module().join("src/main/resources/META-INF/proguard/vtrix-sandbox.pro");
    fs::copy(&rules, aar.join("proguard.txt")).map_err(|error| told(&rules, &error))?;
    let manifest = concat!(
        "<manifest xmlns:android=\"http://schemas.android.com/apk/res/android\" package=\"ai.vtrix.sandbox\">\n",
        "  <uses-sdk android:minSdkVersion=\"26\" />\n",
        "  <uses-permission android:name=\"android.permission.INTERNET\" />\n",
        "</manifest>\n"
    );
    for (name, content) in [("AndroidManifest.xml", manifest), ("R.txt", "")] {
        let path = aar.join(name);
        fs::write(&path, content).map_err(|error| told(&path, &error))?;
    }
    let mut zip = Command::new("jar");
    zip.args(["--create", "--no-manifest", "--file"]).arg(result).arg("-C").arg(aar).arg(".");
    run(zip)?;
    println!("{}", result.display());
    println!(
        "An app needs beside it: net.java.dev.jna:jna:5.19.1@aar and kotlinx-coroutines-android."
    );
    Ok(())
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
