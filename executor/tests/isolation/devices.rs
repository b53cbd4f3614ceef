//! Devices: the harmless few, terminals of its own, and none of the host's.

use crate::support::{modes, sandbox};

#[test]
fn only_the_harmless_ones_are_there() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        assert_eq!(
            sandbox.ok("cd /dev && ls"),
            "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero",
            "{mode}"
        );
        assert_eq!(sandbox.ok("ls /dev/pts"), "ptmx");
        assert_eq!(
            sandbox.ok(
                "head -c 4 /dev/zero | wc -c; echo x >/dev/null; head -c 4 /dev/urandom | wc -c"
            ),
            "4\n4"
        );
        sandbox.ok("echo out > /dev/stdout; echo x | cat /dev/stdin");
        for change in ["chmod 600", "chown 1:1", "touch", "rm"] {
            sandbox.fails(&format!("{change} /dev/null"));
        }
        assert_eq!(host_mode(), 0o666, "{mode}: the host's own was changed");
        sandbox.fails("touch /dev/new");
    }
}

fn host_mode() -> u32 {
    std::os::unix::fs::MetadataExt::mode(&std::fs::metadata("/dev/null").unwrap()) & 0o777
}

#[test]
fn none_can_be_made() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for directory in ["/workspace", "/tmp", "/dev", "/dev/shm", "/run", "/usr", "/etc"] {
            for kind in ["b 254 0", "b 8 0", "c 1 1", "c 1 11", "c 10 229", "c 0 0"] {
                sandbox.fails(&format!("mknod {directory}/node {kind}"));
            }
        }
    }
}
