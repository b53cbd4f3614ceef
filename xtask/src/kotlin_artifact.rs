//! What the Kotlin module is published as: a jar, its POM, its sources, its documentation, in a Maven
//! repository.
//!
//! Also which part of it is nobody's business: what uniffi generates is written to be public, and is
//! made internal here before it is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::told;
use crate::root;
use crate::steps::quiet;

/// What begins a declaration in the generated sources.
const DECLARATIONS: [&str; 16] = [
    "class ",
    "data class ",
    "enum class ",
    "sealed class ",
    "open class ",
    "abstract class ",
    "object ",
    "data object ",
    "interface ",
    "sealed interface ",
    "typealias ",
    "inline fun ",
    "suspend fun ",
    "fun ",
    "val ",
    "const val ",
];

/// What the module's build left.
pub(crate) struct Module {
    /// The compiled classes, with the rules for shrinkers.
    pub(crate) classes: PathBuf,
    /// The module's directory in the tree.
    pub(crate) tree: PathBuf,
    build: PathBuf,
}

impl Module {
    pub(crate) fn new(build: PathBuf) -> Self {
        Self { classes: build.join("classes"), tree: tree(), build }
    }

    /// One of the jars: the module's own, `-sources` or `-javadoc`.
    pub(crate) fn jar(&self, classifier: &str) -> PathBuf {
        self.build.join(format!("vtrix-sandbox-{}{classifier}.jar", env!("CARGO_PKG_VERSION")))
    }

    /// Puts the jars and the POM into a repository, by a Maven that is told where.
    pub(crate) fn publish(&self, mut maven: Command, repository: &Path) -> Result<(), String> {
        maven.arg("install:install-file");
        maven.arg(format!("-DlocalRepositoryPath={}", repository.display()));
        maven.arg(format!("-DpomFile={}", self.tree.join("pom.xml").display()));
        for (property, classifier) in
            [("file", ""), ("sources", "-sources"), ("javadoc", "-javadoc")]
        {
            maven.arg(format!("-D{property}={}", self.jar(classifier).display()));
        }
        quiet(maven).map(drop)
    }
}

/// The module's directory in the tree.
pub(crate) fn tree() -> PathBuf {
    root().join("bindings-swift-kotlin/kotlin")
}

/// The repository that Maven and Gradle look into for what was built on this machine.
pub(crate) fn users_repository() -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME").ok_or("HOME is not set: there is no ~/.m2")?;
    Ok(Path::new(&home).join(".m2/repository"))
}

/// Makes every declaration of the sources in a directory internal. That none was missed is what the
/// compiler shows: it takes the result in explicit API mode.
pub(crate) fn hide(directory: &Path) -> Result<(), String> {
    for entry in fs::read_dir(directory).map_err(|error| told(directory, &error))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            hide(&path)?;
        } else {
            let text = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
            fs::write(&path, hidden(&text)).map_err(|error| told(&path, &error))?;
        }
    }
    Ok(())
}

fn hidden(source: &str) -> String {
    let mut text = String::with_capacity(source.len() + source.len() / 32);
    let mut depth = 0;
    for line in source.lines() {
        let declaration = line.strip_prefix("public ").unwrap_or(line);
        if DECLARATIONS.iter().any(|word| declaration.starts_with(word)) {
            text.push_str("internal ");
            text.push_str(declaration);
        } else if let Some((before, name)) = line.split_once(" fun `").filter(|_| depth == 0) {
            // A function of the file comes on the line on which its comment or annotation ends.
            text.extend([before, " internal fun `", name]);
        } else {
            text.push_str(line);
        }
        text.push('\n');
        depth += line.matches('{').count();
        depth = depth.saturating_sub(line.matches('}').count());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_the_file_become_internal_and_members_stay() {
        let source = "public interface A {\n    public fun f()\n}\nopen class B\nprivate fun g() {}\n\
                      object C// a comment\n@Suppress(\"x\")\nval d = 1\n */ fun `e`() {\n}\n";
        let hidden = hidden(source);
        let lines: Vec<&str> = hidden.lines().collect();
        assert_eq!(lines[0], "internal interface A {");
        assert_eq!(lines[1], "    public fun f()");
        assert_eq!(lines[3], "internal open class B");
        assert_eq!(lines[4], "private fun g() {}");
        assert_eq!(lines[5], "internal object C// a comment");
        assert_eq!(lines[7], "internal val d = 1");
        assert_eq!(lines[8], " */ internal fun `e`() {");
    }
}
