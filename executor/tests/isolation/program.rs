//! The executor's own program and descriptors: what a command could do to them.

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _};

use vtrix_executor::contract::Mode;

use crate::support::{PROGRAM, is_root, modes, sandbox};

/// Runs of the exchanged shell.
const ROUNDS: usize = 10;

/// The way of CVE-2019-5736: the shell that the executor starts is exchanged for `/proc/self/exe`,
/// so that the executor runs itself; a process that waits for it opens the program through
/// `/proc/PID/exe` and overwrites it, for the next sandbox to run it outside.
#[test]
fn the_program_can_not_be_overwritten_through_proc_self_exe() {
    let sum = || {
        let mut program = PROGRAM.try_clone().unwrap();
        let mut bytes = Vec::new();
        program.rewind().unwrap();
        program.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let before = sum();
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        // Of its own file: an ordinary user's sandbox can't move the host's shell away.
        sandbox.ok("cp /bin/sh own-shell && printf '#!/proc/self/exe\\n' > trap && chmod +x trap");
        sandbox.ok("(while [ ! -e stop ]; do for exe in /proc/[0-9]*/exe; do \
             case $(readlink $exe) in *vtrix*|*memfd*) \
             (printf overwritten >> $exe; printf overwritten > $exe; echo tried >> tries) ;; esac; \
             done; done; touch stopped) >/dev/null 2>&1 </dev/null &");
        if !mode.is_user() {
            sandbox.ok("mv -f /bin/sh /bin/sh.real && cp trap /bin/sh");
        }
        for _ in 0..ROUNDS {
            // With the trap in place no command runs, which is the sandbox's own loss.
            sandbox.run("./trap");
        }
        // By the file calls, which need no shell.
        sandbox.call("write", &serde_json::json!({"path": "stop", "content": ""}));
        drop(sandbox);
        assert!(sum() == before, "{mode}: the executor's program was changed");
    }
}

#[test]
fn the_first_process_holds_no_directory_and_few_files_of_the_host() {
    for &mode in modes() {
        let (sandbox, data) = sandbox(mode);
        sandbox.ok("true");
        let pid = sandbox.pid.as_raw_nonzero();
        let descriptors = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Err(error) if !is_root() => {
                // Not even the user whose process it is may look, from outside.
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{mode}");
                continue;
            }
            descriptors => descriptors.unwrap(),
        };
        for entry in descriptors {
            let link = fs::read_link(entry.unwrap().path()).unwrap();
            let text = link.to_str().unwrap();
            let kernel =
                ["socket:", "pipe:", "anon_inode:"].iter().any(|kind| text.starts_with(kind));
            let known = text == "/dev/null" || link == data.path().join("fs.lock");
            assert!(kernel || known, "{mode}: {text}");
        }
    }
}

#[test]
fn roots_of_processes_lead_to_the_sandboxs_own() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let own = sandbox.ok("stat -L -c %d:%i /");
        sandbox.ok("sleep 1000 >/dev/null 2>&1 </dev/null &");
        let roots = sandbox
            .ok("for p in /proc/[0-9]*; do stat -L -c %d:%i $p/root/ 2>/dev/null; done; true");
        assert!(!roots.is_empty() && roots.lines().all(|root| root == own), "{mode}: {roots}");
        let up = sandbox.ok("for p in /proc/[0-9]*; do cd $p/cwd/ 2>/dev/null && \
             for i in 1 2 3 4 5 6 7 8; do cd -P ..; done && stat -c %d:%i .; done; true");
        assert!(!up.is_empty() && up.lines().all(|root| root == own), "{mode}: {up}");
    }
}

#[test]
fn a_set_user_id_program_gains_nothing() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let before = sandbox.ok("grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status");
        sandbox.ok("cp $(command -v grep) mine && chmod 4755 mine");
        let after = sandbox.ok("./mine -E 'Cap(Prm|Eff|Bnd)' /proc/self/status");
        assert_eq!(before, after, "{mode}");
        if mode != Mode::User {
            let other = "setpriv --reuid 1000 --regid 1000 --clear-groups";
            let line = sandbox.ok(&format!("{other} ./mine CapEff /proc/self/status"));
            assert_eq!(line, "CapEff:\t0000000000000000", "{mode}");
        }
    }
}
