//! Programs that take all there is: what stops them, and what does not.
//!
//! All are kept small by the tests themselves: the machine is shared. What nothing stops (memory,
//! disk, processor) is said by `vtrix-gateway doctor` and in docs/security.md.

use vtrix_executor::contract::Mode;

use crate::probe::{FORKS, LIMIT, with_probe};
use crate::support::{modes, sandbox};

#[test]
fn a_fork_bomb_ends_at_the_limit_of_processes() {
    for &mode in modes() {
        let (sandbox, program, _data) = with_probe(mode);
        assert_eq!(sandbox.ok("bash -c 'ulimit -Hu; ulimit -u'"), "16384\n16384", "{mode}");
        // The same limit, made lower by the bomb itself.
        let output = sandbox.ok(&format!("{program} --exact probe::bomb --nocapture"));
        let forked = output.lines().find_map(|line| line.strip_prefix("forked ")).unwrap();
        let forked: u32 = forked.parse().unwrap();
        if mode == Mode::Root {
            // Root outside is never bound by it: said in docs/security.md.
            assert_eq!(forked, FORKS, "{mode}");
        } else {
            assert!(forked < LIMIT, "{mode}: {forked}");
        }
        assert_eq!(sandbox.ok("echo here"), "here", "{mode}: it can still be talked to");
    }
}

#[test]
fn the_limit_of_processes_can_not_be_raised() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for limit in ["-Hu 20000", "-u 20000", "-n 100000", "-c unlimited", "-r 10"] {
            sandbox.fails(&format!("bash -c 'ulimit {limit}' 2>/dev/null"));
        }
    }
}

#[test]
fn places_in_the_machines_memory_are_bounded_or_known() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        // 64 MiB, whatever is written.
        sandbox.fails("head -c 80000000 /dev/zero > /run/bomb");
        sandbox.ok("test $(stat -c %s /run/bomb) -le 67108864 && rm /run/bomb");
        sandbox.fails("head -c 100000 /dev/zero > /dev/bomb");
        sandbox.fails("head -c 100000 /dev/zero > /proc/bomb");
        // `/dev/shm` is the sandbox's own and takes what the kernel gives: half of the memory.
        let size = sandbox.ok("df -k --output=size /dev/shm | tail -1");
        assert!(size.trim().parse::<u64>().unwrap() > 65_536, "{mode}: {size}");
    }
}

#[test]
fn the_end_of_a_sandbox_ends_its_bombs() {
    for &mode in modes() {
        let (sandbox, data) = sandbox(mode);
        let mut witness = crate::support::Witness::new(&data, "workspace/pipe");
        sandbox.ok(&crate::support::daemon("pipe"));
        witness.wait_line();
        sandbox.ok("bash -c 'ulimit -u 60; bomb() { sleep 1000 & bomb & bomb & }; bomb' >/dev/null 2>&1 </dev/null; true");
        sandbox.stop();
        witness.wait_end();
    }
}
