//! What the root of a sandbox consists of, decided before anything is built.
//!
//! The lower tree is a whitelist of the host, or an image: a directory that holds a root. Each of
//! its directories becomes an overlay, each of its links a link; the persistent directories that
//! it lacks come from the sandbox's own. Only reads the lower tree's first level; mounts nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::etc;
use super::mounts::Below;
use super::step::{Step, StepError};
use crate::contract::{Part, SetupConfig};

/// Directories that live as long as the sandbox's record does, and their modes.
pub(crate) const PERSISTENT: [(&str, u32); 7] = [
    ("root", 0o700),
    ("home", 0o755),
    ("var", 0o755),
    ("srv", 0o755),
    ("opt", 0o755),
    ("workspace", 0o755),
    ("tmp", 0o1777),
];

/// Of the host's root only these, where they exist: programs and their libraries.
const HOST: [&str; 8] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec"];

/// What the host's package managers know of `/usr`, so that those inside know the same.
const PACKAGES: [&str; 3] = ["var/lib/dpkg", "var/lib/pacman", "var/lib/rpm"];

/// Made by the set-up itself, whatever the lower tree holds under these names.
const RESERVED: [&str; 6] = ["proc", "sys", "dev", "run", "etc", "tmp"];

/// Layers beyond this are no root file system; descriptors are passed in one message of at most
/// 253.
const MAX_LAYERS: usize = 96;

/// A directory of the lower tree and where its overlay goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Where, relative to the root.
    pub(crate) at: String,
    /// Name of its upper and work directories.
    pub(crate) key: String,
    /// The lower directory, a path of the host.
    pub(crate) lower: PathBuf,
}

/// Programs and their settings: what is written there needs not outlive a crash of the machine.
const SYSTEM: [&str; 9] =
    ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "etc"];

impl Layer {
    pub(crate) fn new(at: impl Into<String>, lower: PathBuf) -> Self {
        let at = at.into();
        Self { key: at.replace('/', "-"), at, lower }
    }

    /// Whether what is synced there must be on the disk. Where it need not be, the overlay is
    /// `volatile`: otherwise each one syncs the whole file system of the host when it goes, and a
    /// sandbox would take seconds to end on a busy machine.
    pub(crate) fn durable(&self) -> bool {
        let first = self.at.split('/').next().unwrap_or_default();
        !SYSTEM.contains(&first) && !PACKAGES.contains(&self.at.as_str())
    }
}

/// The parts of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Overlays, a parent before what is inside it.
    pub(crate) layers: Vec<Layer>,
    /// Persistent directories with nothing below them.
    pub(crate) own: Vec<(&'static str, u32)>,
    /// Links of the root: name and target.
    pub(crate) links: Vec<(String, PathBuf)>,
    /// The `/etc` that files are taken from: read by [`etc`], never shown whole unless of an image.
    pub(crate) etc: Option<PathBuf>,
    /// Whether the lower tree is an image.
    pub(crate) image: bool,
    /// Shown read-only at their own path.
    pub(crate) expose: Vec<PathBuf>,
    /// Whether directories of `/usr` are made in its upper layer from the start.
    pub(crate) premade: bool,
    /// What is mounted below a directory that is shown. An overlay shows none of it.
    pub(crate) below: Below,
    /// Whether there is a root at all: without isolation there are only directories.
    pub(crate) root: bool,
}

impl Plan {
    /// No root: the directories of a sandbox that is not held apart.
    pub(crate) fn directories() -> Self {
        Self {
            layers: Vec::new(),
            own: vec![("root", 0o700), ("workspace", 0o755), ("tmp", 0o1777)],
            links: Vec::new(),
            etc: None,
            image: false,
            expose: Vec::new(),
            premade: false,
            below: Below::Left,
            root: false,
        }
    }

    /// Decides by the configuration and what the lower tree holds.
    pub(crate) fn new(config: &SetupConfig) -> Result<Self, StepError> {
        let overlay = !config.without.contains(&Part::Overlay);
        let mut plan = Self {
            layers: Vec::new(),
            own: Vec::new(),
            links: Vec::new(),
            etc: None,
            image: config.image.is_some(),
            expose: config.expose.clone(),
            premade: config.mode.is_user(),
            below: if overlay { Below::Left } else { Below::Taken },
            root: true,
        };
        let tree = config.image.as_deref().unwrap_or(Path::new("/"));
        let names = match &config.image {
            Some(image) => names_of(image)?,
            None => HOST.iter().map(|name| (*name).to_owned()).collect(),
        };
        for name in names {
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            let path = tree.join(&name);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let own = PERSISTENT.iter().any(|(own, _)| *own == name);
            if metadata.is_dir() {
                // Without overlays a layer can't be written to, and these must be.
                if own && !overlay {
                    continue;
                }
                plan.layers.push(Layer::new(name, path));
            } else if metadata.is_symlink() && !own {
                let target = fs::read_link(&path).step(format!("read {}", path.display()))?;
                plan.links.push((name, target));
            }
        }
        for (name, mode) in PERSISTENT {
            if !plan.layers.iter().any(|layer| layer.at == name) {
                plan.own.push((name, mode));
            }
        }
        let etc = tree.join("etc");
        if etc.is_dir() {
            if config.image.is_none() {
                plan.layers.extend(etc::host_layers(&etc));
                plan.layers.extend(packages());
            }
            plan.etc = Some(etc);
        }
        if plan.layers.len() + plan.expose.len() > MAX_LAYERS {
            return Err(StepError::new(
                "read the image",
                format!("more than {MAX_LAYERS} directories in the root and exposed"),
            ));
        }
        Ok(plan)
    }
}

fn packages() -> impl Iterator<Item = Layer> {
    PACKAGES
        .iter()
        .map(|name| Layer::new(*name, Path::new("/").join(name)))
        .filter(|layer| fs::symlink_metadata(&layer.lower).is_ok_and(|path| path.is_dir()))
}

/// Names in an image's root, sorted. A name that overlay's options could misread is refused, so
/// that nothing is left out silently.
fn names_of(image: &Path) -> Result<Vec<String>, StepError> {
    let step = || format!("read the image {}", image.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(image).step(step())? {
        let name = entry.step(step())?.file_name();
        match name.to_str() {
            Some(name) if name.bytes().all(plain) => names.push(name.to_owned()),
            _ => {
                return Err(StepError::new(
                    step(),
                    format!("{} is no usable name in a root", Path::new(&name).display()),
                ));
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{AgentConfig, Mode};

    fn config(image: &Path) -> SetupConfig {
        SetupConfig {
            sandbox_id: "s".into(),
            mode: Mode::Root,
            without: std::collections::BTreeSet::new(),
            data_dir: PathBuf::from("/nonexistent"),
            image: Some(image.to_owned()),
            expose: Vec::new(),
            id_base: 0,
            hostname: "h".into(),
            lifeline: false,
            agent: AgentConfig::default(),
        }
    }

    #[test]
    fn an_image_gives_overlays_and_links_and_own_directories_fill_up() {
        let image = tempfile::tempdir().unwrap();
        for name in ["bin", "var", "proc", "tmp", "etc"] {
            fs::create_dir(image.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("bin", image.path().join("sbin")).unwrap();
        std::os::unix::fs::symlink("/escape", image.path().join("home")).unwrap();
        fs::write(image.path().join("README"), "").unwrap();
        let plan = Plan::new(&config(image.path())).unwrap();
        let at: Vec<_> = plan.layers.iter().map(|layer| layer.at.as_str()).collect();
        assert_eq!(at, ["bin", "var"]);
        assert_eq!(plan.links, [("sbin".to_owned(), PathBuf::from("bin"))]);
        assert!(plan.own.iter().any(|(name, _)| *name == "home"), "a link never stands for /home");
        assert!(plan.own.iter().any(|(name, mode)| *name == "tmp" && *mode == 0o1777));
        assert!(!plan.own.iter().any(|(name, _)| *name == "var"));
        assert_eq!(plan.etc, Some(image.path().join("etc")));
    }

    #[test]
    fn a_name_that_overlay_could_misread_is_refused() {
        let image = tempfile::tempdir().unwrap();
        fs::create_dir(image.path().join("a:b")).unwrap();
        assert!(Plan::new(&config(image.path())).unwrap_err().message.contains("a:b"));
    }

    #[test]
    fn the_host_gives_only_programs() {
        let mut config = config(Path::new("/"));
        config.image = None;
        let plan = Plan::new(&config).unwrap();
        for layer in &plan.layers {
            let first = layer.at.split('/').next().unwrap();
            let known = HOST.contains(&first) || first == "etc" || PACKAGES.contains(&&*layer.at);
            assert!(known, "{layer:?}");
            assert_ne!(layer.at, "etc");
        }
        assert_eq!(plan.own.len(), PERSISTENT.len());
    }
}
