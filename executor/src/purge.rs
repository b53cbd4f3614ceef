//! Removing the files of a sandbox whose ids were lent to an ordinary user.
//!
//! Commands inside may have made files of any of those ids. Only a user namespace with the same map
//! gives the user a power over them, so a process in one removes them; this one waits for it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use crate::contract::{PurgeConfig, Report};
use crate::isolation::control::{self, Answer};
use crate::isolation::idmap::IdMap;
use crate::isolation::layers::FILES;
use crate::isolation::namespaces::{self, Side};
use crate::isolation::step::{Step, StepError};
use crate::remove::remove_tree;
use crate::setup::report;

/// Removes the files and reports on descriptor 1. Nothing there is success.
#[must_use]
pub fn main(config: &PurgeConfig) -> ExitCode {
    match purge(&config.data_dir) {
        Ok(Some(pid)) => {
            report(&Report::Ready { pid });
            ExitCode::SUCCESS
        }
        // The process inside, whose word is with the one outside.
        Ok(None) => ExitCode::SUCCESS,
        Err(StepError { step, message, part }) => {
            report(&Report::Failed { step, message, part });
            ExitCode::FAILURE
        }
    }
}

fn purge(data_dir: &Path) -> Result<Option<u32>, StepError> {
    let map = IdMap::own_and_subordinate()?;
    let (ours, theirs) = control::pair().step("make a socket pair")?;
    let pid = match namespaces::spawn(true, false).step("clone into a user namespace")? {
        Side::Child => {
            drop(ours);
            let _ = match inside(data_dir, &theirs) {
                Ok(()) => control::send_ready(&theirs),
                Err(error) => control::send_failed(&theirs, &error),
            };
            return Ok(None);
        }
        Side::Parent { pid, .. } => pid,
    };
    drop(theirs);
    map.write(pid)?;
    control::send_go(&ours, &[]).step("let the process inside go on")?;
    match control::receive_answer(&ours).step("wait for the process inside")? {
        Some(Answer::Ready) => Ok(Some(pid)),
        Some(Answer::Failed(error)) => Err(error),
        None => Err(StepError::new("remove the files", "it ended without a word")),
    }
}

fn inside(data_dir: &Path, control: &OwnedFd) -> Result<(), StepError> {
    set_parent_process_death_signal(Some(Signal::KILL)).step("ask to die with the parent")?;
    if control::receive_go(control).step("wait for the id map")?.is_none() {
        return Err(StepError::new("wait for the id map", "the process outside is gone"));
    }
    let (user, group) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    set_thread_res_gid(group, group, group).step("become root's group")?;
    set_thread_res_uid(user, user, user).step("become root")?;
    remove_tree(data_dir, FILES).step(format!("remove {}", data_dir.join(FILES).display()))
}
