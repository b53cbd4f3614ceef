//! Two sandboxes of one host: neither sees, reaches or signals the other.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use crate::support::{modes, sandbox};

/// Connects by the shell's own means; fails if nobody answers.
fn connect(port: u16) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null")
}

#[test]
fn another_sandbox_is_out_of_reach() {
    for &mode in modes() {
        let ((first, _a), (second, _b)) = (sandbox(mode), sandbox(mode));
        first.ok("sleep 98765 >/dev/null 2>&1 </dev/null & echo secret > /tmp/secret; echo x > /dev/shm/secret");
        first.ok("mkfifo /run/pipe && ipcmk -M 4096 >/dev/null && ipcmk -Q >/dev/null");
        for command in [
            "grep -l 9876[5] /proc/[0-9]*/cmdline",
            "cat /tmp/secret",
            "cat /dev/shm/secret",
            "test -e /run/pipe",
            "ipcs -m -q | grep ^0x",
        ] {
            second.fails(command);
        }
        let others = second.ok("cat /proc/net/unix | wc -l; ls /dev/pts");
        assert!(others.ends_with("ptmx"), "{mode}: {others}");
        // Numbers of processes are each one's own: the same ones are here and there.
        second.ok("kill -KILL -1 2>/dev/null; true");
        first.ok("grep -l 9876[5] /proc/[0-9]*/cmdline");
    }
}

#[test]
fn the_hosts_loopback_and_sockets_are_out_of_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let directory = tempfile::Builder::new().prefix("vtrix-socket-").tempdir().unwrap();
    let path = directory.path().join("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        sandbox.ok("bash -c true");
        sandbox.fails(&connect(port));
        sandbox.fails("bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>/dev/null");
        sandbox.ok(&format!("test ! -e {}", path.display()));
        sandbox.fails("getent hosts host.invalid");
        for socket in ["/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket"] {
            sandbox.ok(&format!("test ! -e {socket}"));
        }
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody came through");
}

#[test]
fn control_groups_can_be_neither_mounted_nor_changed() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for kind in ["cgroup", "cgroup2"] {
            sandbox.ok("mkdir -p /tmp/cgroup");
            sandbox.fails(&format!("mount -t {kind} -o memory x /tmp/cgroup"));
            sandbox.fails(&format!("mount -t {kind} x /tmp/cgroup"));
        }
        // The way of CVE-2022-0492: a program of the sandbox that the kernel runs outside.
        let found = sandbox.ok("find /sys /proc/self /tmp /run -name release_agent -o -name notify_on_release 2>/dev/null; true");
        assert_eq!(found, "", "{mode}");
        sandbox.fails("mkdir /sys/fs/cgroup/new");
        let group = sandbox.ok("cut -d: -f3 /proc/self/cgroup | sort -u");
        assert!(group.lines().all(|line| line == "/"), "{mode}: {group}");
    }
}
