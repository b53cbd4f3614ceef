//! A sandbox has every namespace of its own, and names, ids and limits of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use vtrix_executor::contract::Mode;

use crate::support::{DataDir, best, config, is_root, modes, sandbox, start};

#[test]
fn every_namespace_is_its_own() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for name in ["pid", "mnt", "uts", "ipc", "net", "cgroup", "user"] {
            let inside = sandbox.ok(&format!("readlink /proc/self/ns/{name}"));
            let outside = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
            let same = inside == outside.to_str().unwrap();
            assert_eq!(same, name == "user" && mode == Mode::Root, "{mode}: {name} {inside}");
        }
    }
}

#[test]
fn commands_run_as_root_in_the_workspace() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        assert_eq!(
            sandbox.ok("id -u; id -g; pwd; echo $HOME"),
            "0\n0\n/workspace\n/root",
            "{mode}"
        );
        assert_eq!(sandbox.ok("hostname; cat /etc/hostname"), "inside\ninside", "{mode}");
        let root = sandbox.ok("grep ^root: /etc/passwd");
        assert!(root.starts_with("root:x:0:0:root:/root:/bin/"), "{root}");
    }
}

#[test]
fn only_its_own_processes_are_there() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let pids = sandbox.ok("cd /proc && echo [0-9]*");
        let all = pids.split_ascii_whitespace().count();
        assert!(all <= 3, "{mode}: {pids}");
        assert_eq!(sandbox.ok("tr '\\0' ' ' < /proc/1/cmdline").trim(), "vtrix-executor");
    }
}

#[test]
fn the_network_is_a_loopback_that_works() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        let devices = sandbox.ok("sed 1,2d /proc/net/dev | cut -d: -f1 | tr -d ' '");
        let names: Vec<_> = devices.lines().collect();
        // Kernels with tunnels built in put a dead device of each into every namespace.
        assert!(names.contains(&"lo"), "{mode}: {devices}");
        let routes = sandbox.ok("sed 1d /proc/net/route");
        assert_eq!(routes, "", "{mode}");
        let flags = sandbox.ok("cat /sys/class/net/lo/flags");
        assert_eq!(flags, "0x9", "{mode}: lo must be up");
    }
}

#[test]
fn ids_inside_are_a_range_of_the_host() {
    if !is_root() {
        return assert_eq!(modes(), [Mode::User], "an ordinary user has no range to check");
    }
    let data = DataDir::new(Mode::RootUserns);
    let config = config(Mode::RootUserns, &data);
    let sandbox = start(&config);
    sandbox.ok("touch mine; touch theirs; chown 1000:1001 theirs; mkdir /usr/made");
    let owner = |path: &str| {
        let metadata = fs::metadata(data.file(path)).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let base = config.id_base;
    assert_eq!(owner("workspace/mine"), (base, base));
    assert_eq!(owner("workspace/theirs"), (base + 1000, base + 1001));
    assert_eq!(owner("upper/usr/made"), (base, base));
    assert_eq!(sandbox.ok("stat -c %u:%g theirs /usr/bin"), "1000:1001\n0:0");
    sandbox.fails("chown 65536 mine");
}

#[test]
fn nothing_of_the_host_or_the_gateway_leaks_into_a_command() {
    for &mode in modes() {
        let (sandbox, data) = sandbox(mode);
        // The directory that lists them is the one more.
        let open = sandbox.ok("cd /proc/self/fd && for fd in *; do readlink $fd; done | sort");
        let open: Vec<_> = open.lines().filter(|line| !line.starts_with("pipe:")).collect();
        assert!(
            open.iter().all(|line| *line == "/dev/null" || line.starts_with("/proc/")),
            "{open:?}"
        );
        let environment = sandbox.ok("env");
        let path = data.path().to_str().unwrap();
        assert!(!environment.contains(path), "{environment}");
        assert!(!sandbox.ok("cat /proc/mounts").contains(path), "{mode}");
        assert_eq!(sandbox.ok("ulimit -c"), "0");
    }
}

#[test]
fn privileges_are_few_and_final() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            let line = sandbox.ok(&format!("grep {set} /proc/self/status"));
            // chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service.
            assert!(line.ends_with("\t00000000000004fb"), "{mode}: {line}");
        }
        for (set, value) in [("CapInh", "0000000000000000"), ("CapAmb", "0000000000000000")] {
            assert!(sandbox.ok(&format!("grep {set} /proc/self/status")).ends_with(value));
        }
        assert_eq!(sandbox.ok("grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t1");
        assert_eq!(sandbox.ok("grep Seccomp: /proc/self/status"), "Seccomp:\t2");
    }
}

#[test]
fn many_come_up_at_once() {
    let sandboxes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| sandbox(best()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (sandbox, _data) in &sandboxes {
        assert_eq!(sandbox.ok("echo here"), "here");
    }
}
