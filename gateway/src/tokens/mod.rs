//! Which tokens open what: one that is alone, or those of a file that may change while the gateway
//! runs.
//!
//! The file is looked at every second, and read once two looks in a row found the same change, so
//! that a half-written one is seldom read; SIGHUP reads it at once. A file that cannot be used
//! leaves everything as it was and is logged. A token that is gone from it, or belongs to another
//! project, opens nothing from that moment, and its WebSockets are closed.

mod file;
mod format;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use self::file::{Contents, Stamp};
pub(crate) use self::format::{TokenDigest, digest, hashed, token_is_sound};
use crate::error::GatewayError;
use crate::registry::lock;
use crate::tenant::{Grant, TokenLimits};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The grants of one reading.
#[derive(Debug, Default)]
struct Grants(Vec<(TokenDigest, Arc<Grant>)>);

impl Grants {
    /// Compares with all of them, so that the time taken tells nothing.
    fn find(&self, digest: &TokenDigest) -> Option<&Arc<Grant>> {
        let mut found = 0u32;
        for (place, (known, _)) in (1u32..).zip(&self.0) {
            found.conditional_assign(&place, known.ct_eq(digest));
        }
        let place = found.checked_sub(1)?;
        self.0.get(place as usize).map(|(_, grant)| grant)
    }
}

/// All tokens that open something.
#[derive(Debug)]
pub(crate) struct Tokens {
    grants: RwLock<Grants>,
    source: Option<Source>,
}

/// A file and what was seen of it.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    defaults: TokenLimits,
    /// Of the reading that counts, or of a broken one that was told about.
    read: Mutex<Option<Stamp>>,
}

impl Tokens {
    /// One token that opens everything, and whose holder names projects at will.
    pub(crate) fn alone(token: &str, limits: TokenLimits) -> Self {
        let grant = Arc::new(Grant::new(None, true, limits));
        Self { grants: RwLock::new(Grants(vec![(digest(token), grant)])), source: None }
    }

    /// Those of the file at `path`. Blocks on the disk.
    pub(crate) fn open(path: &Path, defaults: TokenLimits) -> Result<Self, GatewayError> {
        let refused = |problem| GatewayError::Tokens { path: path.to_owned(), problem };
        let contents = file::read(path, defaults).map_err(refused)?;
        let tokens = Self {
            grants: RwLock::default(),
            source: Some(Source {
                path: path.to_owned(),
                defaults,
                read: Mutex::new(Some(contents.stamp)),
            }),
        };
        tokens.take(path, contents);
        Ok(tokens)
    }

    /// What the token with `digest` opens.
    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Arc<Grant>> {
        self.grants.read().unwrap_or_else(PoisonError::into_inner).find(digest).cloned()
    }

    /// Tokens and projects of the file, in words; `None` without one.
    pub(crate) fn describe(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        let grants = self.grants.read().unwrap_or_else(PoisonError::into_inner);
        let mut projects: Vec<_> = grants.0.iter().map(|(_, grant)| &grant.project).collect();
        projects.sort_unstable();
        projects.dedup();
        let (tokens, projects) = (grants.0.len(), projects.len());
        Some(format!("{} ({tokens} tokens, {projects} projects)", source.path.display()))
    }

    /// Reads the file again, now. Blocks on the disk. Does nothing without one.
    pub(crate) fn reload(&self) {
        let Some(source) = &self.source else { return };
        let seen = Stamp::now(&source.path);
        match file::read(&source.path, source.defaults) {
            Ok(contents) => {
                *lock(&source.read) = Some(contents.stamp);
                self.take(&source.path, contents);
            }
            Err(problem) => {
                // Told once for each state of the file.
                *lock(&source.read) = seen;
                tracing::error!(
                    file = %source.path.display(),
                    problem,
                    "the file of tokens cannot be used; those read before stay valid"
                );
            }
        }
    }

    /// Reads the file whenever it has changed, until dropped. Returns at once without one.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut before = self.source.as_ref().map(|source| *lock(&source.read));
        while let Some(last) = before {
            tokio::time::sleep(LOOK).await;
            let tokens = Arc::clone(&self);
            // The file may lie on a disk of the network.
            let looked = tokio::task::spawn_blocking(move || tokens.look(last)).await;
            before = Some(looked.unwrap_or(last));
        }
    }

    /// Reads the file if it is another than the one read, and the same as at the `last` look.
    fn look(&self, last: Option<Stamp>) -> Option<Stamp> {
        let source = self.source.as_ref()?;
        let now = Stamp::now(&source.path);
        if now == last && now != *lock(&source.read) {
            self.reload();
        }
        now
    }

    fn take(&self, path: &Path, contents: Contents) {
        if let Some(warning) = contents.warning {
            tracing::warn!(file = %path.display(), warning, "the file of tokens");
        }
        let mut grants = self.grants.write().unwrap_or_else(PoisonError::into_inner);
        let next = contents
            .parsed
            .entries
            .into_iter()
            .map(|entry| {
                let mut grant = Grant::new(Some(entry.project), entry.admin, entry.limits);
                if let Some(old) = grants.find(&entry.digest) {
                    old.hand_over(&mut grant);
                }
                (entry.digest, Arc::new(grant))
            })
            .collect();
        let old = std::mem::replace(&mut *grants, Grants(next));
        let mut removed = 0;
        for (digest, grant) in &old.0 {
            let stays = grants.find(digest).is_some_and(|next| next.project == grant.project);
            if !stays {
                grant.revoke();
                removed += 1;
            }
        }
        tracing::info!(tokens = grants.0.len(), removed, "tokens were read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(tokens: &Tokens, token: &str) -> Option<Arc<Grant>> {
        tokens.find(&digest(token))
    }

    fn private(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path, text).expect("writes");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("sets");
    }

    #[test]
    fn one_that_is_alone_opens_everything() {
        let tokens = Tokens::alone("secret", TokenLimits::default());
        let grant = find(&tokens, "secret").expect("opens");
        assert!(grant.admin && grant.project.is_none());
        assert!(find(&tokens, "secret2").is_none() && find(&tokens, "").is_none());
        assert!(!format!("{tokens:?}").contains("secret"));
        assert!(tokens.describe().is_none());
    }

    #[test]
    fn a_file_that_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        private(&path, "plain:a project=p\nplain:b project=q\nplain:c project=q admin\n");
        let tokens = Tokens::open(&path, TokenLimits::default()).expect("opens");
        assert!(tokens.describe().is_some_and(|text| text.ends_with("(3 tokens, 2 projects)")));
        let (a, b, c) = (find(&tokens, "a"), find(&tokens, "b"), find(&tokens, "c"));
        let (a, b, c) = (a.expect("opens"), b.expect("opens"), c.expect("opens"));
        assert!(!a.admin && c.admin);
        let held = a.request().expect("room");

        private(&path, "plain:a project=p max-requests=1 admin\nplain:b project=p\n");
        tokens.reload();
        let next = find(&tokens, "a").expect("stays");
        assert!(next.admin && next.request().is_err(), "what is in use stays in use");
        drop(held);
        assert!(!*a.revoked().borrow());
        assert!(*b.revoked().borrow(), "another project's");
        assert_eq!(find(&tokens, "b").expect("opens").project.as_deref(), Some("p"));
        assert!(find(&tokens, "c").is_none() && *c.revoked().borrow());

        for broken in ["", "nonsense", "plain:x"] {
            private(&path, broken);
            tokens.reload();
            assert!(find(&tokens, "a").is_some() && !*next.revoked().borrow(), "{broken:?}");
        }
        std::fs::remove_file(&path).expect("removes");
        tokens.reload();
        assert!(find(&tokens, "a").is_some());
        let problem = Tokens::open(&path, TokenLimits::default()).expect_err("gone").to_string();
        assert!(problem.contains("tokens") && problem.contains("No such file"), "{problem}");
    }

    #[test]
    fn a_change_is_read_when_two_looks_agree() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        private(&path, "plain:a project=p\n");
        let tokens = Tokens::open(&path, TokenLimits::default()).expect("opens");
        let first = tokens.look(None);
        private(&path, "plain:abc project=p\n");
        let second = tokens.look(first);
        assert!(find(&tokens, "a").is_some(), "it may still be written");
        assert_eq!(tokens.look(second), second);
        assert!(find(&tokens, "a").is_none() && find(&tokens, "abc").is_some());
    }
}
