//! Sandboxes that go without a part: the rest holds as ever.

use std::fs;

use vtrix_executor::contract::Part;

use crate::support::{DataDir, Sandbox, config, modes, start};

fn without(parts: &[Part], check: impl Fn(&Sandbox)) {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.without = parts.iter().copied().collect();
        let sandbox = start(&config);
        check(&sandbox);
        sandbox.ok("echo kept > /workspace/kept && echo kept > /root/kept");
        sandbox.stop();
        let again = start(&config);
        assert_eq!(again.ok("cat /workspace/kept /root/kept"), "kept\nkept", "{mode}");
        for held in
            ["mount -t tmpfs x /tmp", "unshare -U true", "mknod /tmp/x c 1 1", "touch /dev/x"]
        {
            again.fails(held);
        }
    }
}

#[test]
fn without_overlays_the_hosts_directories_are_read_only() {
    without(&[Part::Overlay], |sandbox| {
        for place in ["/usr/x", "/usr/bin/x", "/usr/local/x"] {
            assert!(sandbox.fails(&format!("touch {place}")).contains("Read-only"), "{place}");
        }
        sandbox.ok("echo x > /etc/x && grep -q ^root: /etc/passwd && test ! -e /etc/sudoers");
        sandbox.ok("touch /var/x /opt/x /srv/x /home/x /tmp/x");
    });
    assert!(fs::symlink_metadata("/usr/x").is_err());
}

#[test]
fn without_proc_no_process_is_shown_and_the_machine_is() {
    without(&[Part::Proc], |sandbox| {
        let names = sandbox.ok("ls /proc");
        assert!(names.lines().any(|name| name == "meminfo"), "{names}");
        assert!(!names.contains(|c: char| c.is_ascii_digit()), "{names}");
        sandbox.ok("grep -q MemTotal /proc/meminfo");
        for name in ["self", "1", "sys", "sysrq-trigger", "kcore", "keys", "net", "mounts"] {
            sandbox.ok(&format!("test ! -e /proc/{name}"));
        }
        sandbox.fails("touch /proc/x");
        sandbox.fails("echo x > /proc/meminfo");
        // The executor does without it, too.
        assert_eq!(sandbox.ok("cd /tmp && pwd"), "/tmp");
        sandbox.fails("kill -0 2 3 4 5 6 7 8 9 10 11 12 13");
    });
}

#[test]
fn without_everything_dispensable_a_sandbox_still_holds() {
    without(&[Part::Overlay, Part::Proc, Part::Sys], |sandbox| {
        assert_eq!(sandbox.ok("ls -A /sys"), "");
        assert_eq!(sandbox.ok("id -u; hostname"), "0\ninside");
        sandbox.fails("bash -c 'exec 3<>/dev/tcp/127.0.0.1/22' 2>/dev/null");
    });
}
