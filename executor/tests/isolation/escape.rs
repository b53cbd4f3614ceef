//! Attempts to see or reach the host from a shell inside.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use vtrix_executor::contract::Mode;

use crate::support::{modes, sandbox};

#[test]
fn files_of_the_host_are_not_there() {
    let secret = tempfile::Builder::new().prefix("vtrix-secret-").tempdir().unwrap();
    fs::write(secret.path().join("token"), "secret").unwrap();
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(secret.path(), open).unwrap();
    for &mode in modes() {
        let (sandbox, data) = sandbox(mode);
        for path in [secret.path(), data.path()] {
            let path = path.display();
            sandbox.ok(&format!("test ! -e {path}"));
            for root in
                ["/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/..", "/workspace/../.."]
            {
                sandbox.ok(&format!("test ! -e {root}{path}"));
            }
        }
        assert_eq!(
            sandbox.ok("ls -A /root /home /srv /opt /tmp /workspace | grep -v :$ | tr -d '\\n'"),
            ""
        );
        let top = sandbox.ok("ls -A /");
        for name in top.lines() {
            let known = [
                "bin",
                "dev",
                "etc",
                "home",
                "lib",
                "lib32",
                "lib64",
                "libexec",
                "libx32",
                "media",
                "mnt",
                "opt",
                "proc",
                "root",
                "run",
                "sbin",
                "srv",
                "sys",
                "tmp",
                "usr",
                "var",
                "workspace",
            ];
            assert!(known.contains(&name), "{mode}: /{name}");
        }
    }
}

#[test]
fn the_first_process_is_closed() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for name in ["root", "cwd", "exe", "fd/0", "ns/mnt"] {
            sandbox.fails(&format!("readlink /proc/1/{name}"));
        }
        for name in ["environ", "mem", "maps", "auxv", "stack", "syscall"] {
            sandbox.fails(&format!("cat /proc/1/{name}"));
        }
        sandbox.fails("ls /proc/1/root/");
        if mode != Mode::Root {
            // There it is root's own, as its ids are the host's: numbers, and no way to follow them.
            sandbox.fails("ls /proc/1/fd");
        }
        sandbox.fails("cat /proc/1/fd/* 2>/dev/null");
        sandbox.fails(": > /proc/1/exe");
        sandbox.fails("cp /proc/1/exe /tmp/copy");
    }
}

#[test]
fn controls_of_the_kernel_are_read_only_or_masked() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for path in [
            "/proc/sys/kernel/hostname",
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/modprobe",
            "/proc/sys/vm/drop_caches",
            "/proc/sys/user/max_user_namespaces",
            "/proc/sys/net/ipv4/ip_forward",
            "/proc/sysrq-trigger",
            "/proc/irq/default_smp_affinity",
            "/sys/kernel/uevent_seqnum",
            "/sys/power/state",
        ] {
            sandbox.fails(&format!("echo 1 > {path}"));
        }
        for path in [
            "/proc/kcore",
            "/proc/keys",
            "/proc/kmsg",
            "/proc/timer_list",
            "/proc/kallsyms",
            "/proc/cmdline",
        ] {
            assert_eq!(
                sandbox.run(&format!("head -c 16 {path} 2>/dev/null")).text,
                "",
                "{mode}: {path}"
            );
        }
        assert_eq!(sandbox.run("ls -A /sys/firmware /sys/kernel/debug /sys/kernel/security 2>/dev/null | grep -v : | tr -d '\\n'").text, "");
        sandbox.fails("dmesg");
    }
}

#[test]
fn every_file_of_the_kernel_is_read_only_to_the_hosts_root() {
    for &mode in modes().iter().filter(|mode| **mode == Mode::Root) {
        let (sandbox, _data) = sandbox(mode);
        let writable = sandbox.ok("cd /proc && for f in *; do \
             case $f in [0-9]*) continue;; esac; test -f $f -a ! -L $f || continue; \
             touch $f 2>/dev/null && echo $f; done; true");
        assert_eq!(writable, "", "{mode}");
    }
}

#[test]
fn mounts_can_be_neither_made_nor_taken_away() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for command in [
            "mount -t tmpfs x /tmp",
            "mount -t proc x /tmp",
            "mount --bind / /tmp",
            "mount -o remount,rw /",
            "mount -o remount,rw /proc/sys",
            "mount -o remount,suid /workspace",
            "umount /proc/sys",
            "umount /proc/kcore",
            "umount -l /workspace",
            "unshare -U true",
            "unshare -Ur true",
            "unshare -m true",
            "unshare -n true",
            "chroot /tmp true",
            "nsenter -t 1 -m true",
        ] {
            sandbox.fails(command);
        }
        sandbox.fails("cat /sys/fs/cgroup/cgroup.procs");
        assert!(!sandbox.ok("cat /proc/mounts").contains(".stage/fs "), "{mode}");
        sandbox.ok("test ! -e /.stage");
    }
}

#[test]
fn abstract_sockets_of_the_host_are_not_there() {
    let name = format!("vtrix-isolation-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let sockets = sandbox.ok("cat /proc/net/unix");
        assert!(!sockets.contains(&name), "{mode}: {sockets}");
    }
}

#[test]
fn numbers_of_the_hosts_processes_mean_nothing_inside() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let outside = std::process::id();
        let inner = sandbox.pid.as_raw_nonzero();
        for pid in [outside.cast_signed(), inner.get()] {
            sandbox.ok(&format!("test ! -e /proc/{pid} || grep -qv vtrix /proc/{pid}/cmdline"));
        }
        assert_eq!(sandbox.ok("cut -d' ' -f4 /proc/1/stat"), "0", "{mode}: it has a parent inside");
    }
}

#[test]
fn the_network_and_the_clock_can_not_be_changed() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        // No interface other than loopback's can be made or moved.
        sandbox.fails("ip link add dummy0 type dummy");
        sandbox.fails("ip link set lo down");
        sandbox.fails("date -s 2001-01-01");
        sandbox.fails("hostname other");
    }
}
