//! A program made smaller as an app is, by ProGuard, with the rules that the Kotlin artifact brings.
//!
//! Rules that keep too little are noticed by nobody until an app of somebody's fails; so one of the
//! examples is shrunk and run. R8, which Android's own build uses, reads the same rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::told;
use crate::steps::quiet;

/// Of the Java platform, what the libraries name.
const PLATFORM: [&str; 7] = [
    "java.base",
    "java.desktop",
    "java.instrument",
    "java.logging",
    "java.management",
    "java.xml",
    "jdk.management",
];

/// What is shrunk: whatever the main class does not reach goes, the names of the rest are changed.
pub(crate) struct Program<'a> {
    /// Directories of classes, and jars.
    pub(crate) classes: &'a [PathBuf],
    /// The rules that came with the artifact.
    pub(crate) rules: &'a Path,
    /// The class that has `main`.
    pub(crate) main: &'a str,
}

/// Shrinks a program with the ProGuard that lies in `shrinker`, into one jar in `out`.
pub(crate) fn shrink(
    program: &Program<'_>,
    shrinker: &Path,
    out: &Path,
) -> Result<PathBuf, String> {
    let jar = out.join("shrunk.jar");
    let file = out.join("shrunk.pro");
    fs::write(&file, rules(program, &jar)).map_err(|error| told(&file, &error))?;
    let mut java = Command::new("java");
    java.arg("-cp").arg(shrinker.join("*")).arg("proguard.ProGuard");
    java.arg(format!("@{}", file.display()));
    quiet(java)?;
    Ok(jar)
}

fn rules(program: &Program<'_>, jar: &Path) -> String {
    let mut rules = String::new();
    let mut rule = |text: String| {
        rules.push_str(&text);
        rules.push('\n');
    };
    for path in program.classes {
        rule(format!("-injars '{}'(!META-INF/versions/**)", path.display()));
    }
    rule(format!("-outjars '{}'", jar.display()));
    for module in PLATFORM {
        let path = format!("<java.home>/jmods/{module}.jmod");
        rule(format!("-libraryjars {path}(!**.jar;!module-info.class)"));
    }
    rule(format!("-include '{}'", program.rules.display()));
    // What an app keeps of its own.
    rule(format!(
        "-keep class {} {{ public static void main(java.lang.String[]); }}",
        program.main
    ));
    // Not ours: the coroutines name classes of Android and of agents, which a JVM lacks.
    rule("-dontwarn kotlinx.coroutines.**".to_owned());
    // ProGuard's optimiser makes classes of the coroutines that the JVM does not verify. R8 has one of its
    // own; what the rules are for, what goes and what is renamed, is the same without.
    rule("-dontoptimize".to_owned());
    rule("-dontnote".to_owned());
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifacts_rules_are_taken_and_only_main_is_kept_beside() {
        let classes = [PathBuf::from("a b/classes"), PathBuf::from("x.jar")];
        let program =
            Program { classes: &classes, rules: Path::new("proguard.txt"), main: "a.BKt" };
        let rules = rules(&program, Path::new("out.jar"));
        assert!(rules.starts_with("-injars 'a b/classes'(!META-INF/versions/**)\n"), "{rules}");
        assert!(rules.contains("\n-include 'proguard.txt'\n"), "{rules}");
        assert_eq!(rules.matches("-keep ").count(), 1, "{rules}");
    }
}
