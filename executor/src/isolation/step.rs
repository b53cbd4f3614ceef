//! The error of building a sandbox: which step, the system's words, and what to do.
//!
//! A step is named so that a person who reads it knows what was tried, with the path it was tried
//! on. It carries no value of a variable and no content of a file.

use std::io;

use rustix::io::Errno;

use crate::contract::Part;

/// A step of the set-up that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepError {
    pub(crate) step: String,
    pub(crate) message: String,
    /// The part that could not be made, where a sandbox can go without it.
    pub(crate) part: Option<Part>,
}

impl StepError {
    pub(crate) fn new(step: impl Into<String>, message: impl Into<String>) -> Self {
        Self { step: step.into(), message: message.into(), part: None }
    }

    /// Names the part that failed.
    pub(crate) fn of(self, part: Part) -> Self {
        Self { part: Some(part), ..self }
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
            StepError::new(step, message)
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
    const FILTERED: &str = "a filter of system calls forbids it: run the container with a seccomp profile that allows \
         it, such as Docker's --security-opt seccomp=unconfined";
    let word = step.split(' ').next().unwrap_or_default();
    match (word, errno) {
        ("clone", Errno::PERM) => Some(
            "namespaces need root, or user namespaces for everyone (kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns), and in a container a seccomp profile that allows them, such \
             as Docker's --security-opt seccomp=unconfined",
        ),
        ("clone", Errno::NOSPC) => {
            Some("user.max_user_namespaces is used up or 0: raise it with sysctl")
        }
        ("clone", Errno::USERS) => Some("user namespaces are nested too deeply here"),
        ("clone" | "unshare", Errno::INVAL) => {
            Some("this kernel was built without one of the namespaces")
        }
        ("unshare", Errno::PERM) => Some(
            "the namespaces need CAP_SYS_ADMIN (in a container: --cap-add SYS_ADMIN), or a seccomp profile that allows \
             unshare; AppArmor may take an ordinary user's rights (Ubuntu: \
             sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile with `userns,`)",
        ),
        ("bind", Errno::INVAL) => Some(
            "something is mounted below it, as in a container, and an ordinary user can't look under that",
        ),
        ("id-map", Errno::INVAL) => Some(
            "the file system it is on can't be id-mapped (an overlay, as in a container, or a kernel before 5.12)",
        ),
        ("id-map", Errno::PERM) => {
            Some("id-mapping needs CAP_SYS_ADMIN outside of any user namespace")
        }
        ("write", Errno::PERM) => Some("the range of ids is not this user's to map"),
        ("mount", Errno::PERM)
            if step.starts_with("mount proc") || step.starts_with("mount sysfs") =>
        {
            Some(
                "the host's has parts masked: run the container with it whole, such as Docker's --security-opt \
                 systempaths=unconfined",
            )
        }
        ("mount", Errno::NODEV) => Some("this kernel has no such file system"),
        ("mount", Errno::INVAL) if step.starts_with("mount overlay") => Some(
            "the data directory's file system must be able to hold overlay's upper layer (not an overlay, not NFS): \
             choose another with --data-dir",
        ),
        ("pivot_root", Errno::INVAL) => Some("the root file system is an initramfs"),
        // What a filter answers to calls that every supported kernel has and that need no right
        // which an earlier step did not need.
        (_, Errno::NOSYS) | ("bind" | "mount" | "pivot_root" | "set" | "attach", Errno::PERM) => {
            Some(FILTERED)
        }
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
