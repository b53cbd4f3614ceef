//! The error of building a sandbox: which step, the system's words, and what to do.
//!
//! A step is named so that a person who reads it knows what was tried, with the path it was tried
//! on. It carries no value of a variable and no content of a file.

use std::io;

use rustix::io::Errno;

/// A step of the set-up that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepError {
    pub(crate) step: String,
    pub(crate) message: String,
}

impl StepError {
    pub(crate) fn new(step: impl Into<String>, message: impl Into<String>) -> Self {
        Self { step: step.into(), message: message.into() }
    }
}

/// Names the step that a result belongs to.
pub(crate) trait Step<T> {
    /// Turns the error into a [`StepError`] of this name.
    fn step(self, name: impl Into<String>) -> Result<T, StepError>;
}

impl<T> Step<T> for Result<T, Errno> {
    fn step(self, name: impl Into<String>) -> Result<T, StepError> {
        self.map_err(|errno| {
            let step = name.into();
            let words = io::Error::from(errno).to_string();
            let message = match advice(&step, errno) {
                Some(advice) => format!("{words}: {advice}"),
                None => words,
            };
            StepError { step, message }
        })
    }
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, name: impl Into<String>) -> Result<T, StepError> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => match Errno::from_io_error(&error) {
                Some(errno) => Err(errno).step(name),
                None => Err(StepError::new(name, error.to_string())),
            },
        }
    }
}

/// What to do about a failure whose cause is known.
fn advice(step: &str, errno: Errno) -> Option<&'static str> {
    let word = step.split(' ').next().unwrap_or_default();
    match (word, errno) {
        ("clone", Errno::PERM) => Some(
            "namespaces need root, or unprivileged user namespaces (kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns)",
        ),
        ("clone", Errno::NOSPC) => Some("user.max_user_namespaces is used up or 0"),
        ("clone" | "unshare", Errno::INVAL) => {
            Some("this kernel was built without one of the namespaces")
        }
        ("unshare", Errno::PERM) => Some("the namespaces need CAP_SYS_ADMIN"),
        ("id-map", Errno::INVAL) => Some(
            "the file system it is on can't be id-mapped (an overlay, as in a container, or a kernel before 5.12)",
        ),
        ("id-map", Errno::PERM) => {
            Some("id-mapping needs CAP_SYS_ADMIN outside of any user namespace")
        }
        ("write", Errno::PERM) => Some("the range of ids is not this user's to map"),
        ("mount", Errno::PERM) if step.starts_with("mount proc") => {
            Some("the /proc here has parts masked, as in a container that is not privileged")
        }
        ("mount", Errno::NODEV) => Some("this kernel has no such file system"),
        ("mount", Errno::NOSYS) => Some("the mount API of Linux 5.2 and later is needed"),
        ("mount", Errno::INVAL) if step.starts_with("mount overlay") => Some(
            "the data directory's file system must be able to hold overlay's upper layer (not an overlay, not NFS)",
        ),
        ("pivot_root", Errno::INVAL) => Some("the root file system is an initramfs"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_cause_comes_with_advice() {
        let error = Err::<(), _>(Errno::INVAL).step("id-map /usr").unwrap_err();
        assert_eq!(error.step, "id-map /usr");
        assert!(error.message.contains("can't be id-mapped"), "{}", error.message);
    }

    #[test]
    fn an_unknown_cause_keeps_the_systems_words() {
        let error = Err::<(), _>(Errno::NOENT).step("open /x").unwrap_err();
        assert!(error.message.contains("No such file"), "{}", error.message);
    }
}
