//! Files: what is there from the start, what can be changed, and what survives a stop.

use std::fs;
use std::path::PathBuf;

use vtrix_executor::contract::Mode;

use crate::support::{DataDir, config, is_root, modes, sandbox, start};

#[test]
fn changes_survive_a_stop_everywhere() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let config = config(mode, &data);
        let first = start(&config);
        let mut places =
            vec!["/workspace", "/root", "/home", "/var/lib", "/srv", "/tmp", "/opt", "/etc"];
        places.extend(["/usr/bin", "/usr/lib", "/usr/local/lib", "/usr/local/bin"]);
        for place in &places {
            first.ok(&format!("echo kept > {place}/kept && mkdir {place}/made"));
        }
        if !mode.is_user() {
            first.ok("rm /usr/bin/env && mv /usr/bin/sort /usr/bin/sorted");
        }
        first.stop();
        let second = start(&config);
        for place in &places {
            assert_eq!(
                second.ok(&format!("cat {place}/kept; ls -d {place}/made")),
                format!("kept\n{place}/made")
            );
        }
        if !mode.is_user() {
            second
                .ok("test ! -e /usr/bin/env && test ! -e /usr/bin/sort && test -x /usr/bin/sorted");
        }
        // None of it was the host's.
        assert!(PathBuf::from("/usr/bin/env").exists() && !PathBuf::from("/usr/bin/kept").exists());
    }
}

#[test]
fn processes_and_run_do_not_survive_a_stop() {
    let mode = modes()[0];
    let data = DataDir::new(mode);
    let config = config(mode, &data);
    let first = start(&config);
    first.ok("touch /run/gone /dev/shm/gone");
    first.stop();
    let second = start(&config);
    assert_eq!(second.ok("ls /run /dev/shm"), "/dev/shm:\n\n/run:\nlock");
}

#[test]
fn etc_is_sane_and_writable() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        assert_eq!(
            sandbox
                .ok("getent hosts localhost >/dev/null && getent hosts inside >/dev/null; echo $?"),
            "0"
        );
        sandbox.ok("echo '10.0.0.1 other' >> /etc/hosts && grep -q other /etc/hosts");
        sandbox.ok("echo 'nameserver 10.0.0.1' > /etc/resolv.conf");
        sandbox.ok("echo new > /etc/new && rm /etc/hostname && mkdir -p /etc/a/b");
        for absent in [
            "ssh",
            "ssl/private",
            "sudoers",
            "machine-id",
            "apt",
            "fstab",
            "gitconfig",
            "npmrc",
            "pip.conf",
        ] {
            sandbox.ok(&format!("test ! -e /etc/{absent}"));
        }
        assert_eq!(sandbox.ok("cut -d: -f2 /etc/shadow | sort -u"), "*", "{mode}: a password");
    }
}

#[test]
fn no_account_of_a_person_is_inside() {
    let (sandbox, _data) = sandbox(modes()[0]);
    let people = sandbox.ok("awk -F: '$3 >= 1000 && $3 != 65534' /etc/passwd /etc/group");
    assert_eq!(people, "");
}

#[test]
fn everyday_changes_to_files_work() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        sandbox.ok("mkfifo pipe && test -p pipe");
        sandbox.ok("echo x > file && ln file hard && ln -s file soft && cat soft hard");
        sandbox.ok("cp /bin/sh mine && chmod 4755 mine && test -u mine");
        assert_eq!(sandbox.ok("stat -c %a /tmp /root /workspace"), "1777\n700\n755");
        sandbox
            .ok("touch /tmp/a /dev/shm/b && echo y > /dev/null && head -c 8 /dev/urandom | wc -c");
        assert_eq!(sandbox.ok("readlink /var/run /etc/mtab"), "/run\n../proc/self/mounts");
        sandbox
            .ok("mkdir -p /app/logs && touch /app/logs/a && mv /app /data && test -f /data/logs/a");
        for place in ["/usr", "/etc", "/proc", "/dev", "/workspace"] {
            sandbox.fails(&format!("rmdir {place} || mv {place} /else"));
        }
    }
}

#[test]
fn users_and_owners_work_where_there_are_ids() {
    for &mode in modes().iter().filter(|mode| **mode != Mode::User) {
        let (sandbox, _data) = sandbox(mode);
        sandbox.ok("echo joe:x:1000:1000::/home/joe:/bin/sh >> /etc/passwd");
        sandbox.ok(
            "mkdir /home/joe && chown 1000:1000 /home/joe && touch /usr/f && chown 33:33 /usr/f",
        );
        // A set-uid program gives nothing: mounts are nosuid, and no_new_privs is set.
        sandbox.ok("cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id");
        let as_joe = "setpriv --reuid 1000 --regid 1000 --clear-groups";
        assert_eq!(sandbox.ok(&format!("{as_joe} /tmp/id -u")), "1000", "{mode}");
        sandbox.ok(&format!("{as_joe} touch /home/joe/mine"));
        sandbox.fails(&format!("{as_joe} cat /etc/shadow"));
        sandbox.fails(&format!("{as_joe} touch /usr/not-mine"));
    }
}

#[test]
fn an_exposed_directory_is_there_read_only() {
    let host = tempfile::Builder::new().prefix("vtrix-exposed-").tempdir().unwrap();
    fs::write(host.path().join("file"), "of the host").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(host.path(), open).unwrap();
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.expose.push(host.path().to_owned());
        let sandbox = start(&config);
        let path = host.path().display();
        assert_eq!(sandbox.ok(&format!("cat {path}/file")), "of the host", "{mode}");
        assert!(sandbox.fails(&format!("touch {path}/new")).contains("Read-only"));
        assert!(sandbox.fails(&format!("rm {path}/file")).contains("Read-only"));
        sandbox.stop();
        // The place that was made for it is there now, and it comes up again.
        start(&config).ok(&format!("cat {path}/file"));
    }
}

#[test]
fn a_sandbox_that_broke_its_own_etc_comes_up_again() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let config = config(mode, &data);
        let first = start(&config);
        // Places where layers are mounted, replaced by links out and removed.
        first.ok("umount /etc/ssl/certs 2>/dev/null; mv /etc/ssl /etc/old 2>/dev/null; \
                  ln -sfn /proc/1/root /var/lib/link; rm -rf /var/lib/dpkg 2>/dev/null; \
                  rm -f /etc/passwd; exit 0");
        first.stop();
        for (name, target) in [("upper/etc/ssl", "/"), ("var/lib/dpkg", "/etc")] {
            let path = data.file(name);
            let _ = fs::remove_dir_all(&path);
            std::os::unix::fs::symlink(target, &path).unwrap();
        }
        let second = start(&config);
        assert_eq!(second.ok("echo up"), "up", "{mode}");
        assert!(!fs::read_to_string("/etc/passwd").unwrap().is_empty());
    }
}

#[test]
fn whatever_is_left_at_the_top_leads_nowhere() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let config = config(mode, &data);
        let first = start(&config);
        first.ok("mkdir -p /app && echo kept > /app/file && rm -f /bin && ln -s /nowhere /bin");
        first.stop();
        // Places to mount at, replaced by a link out, a file, and nothing.
        let top = data.file("top");
        for name in ["usr", "proc", "workspace"] {
            fs::remove_dir(top.join(name)).unwrap();
        }
        std::os::unix::fs::symlink("/", top.join("usr")).unwrap();
        fs::write(top.join("proc"), "").unwrap();
        let second = start(&config);
        assert_eq!(second.ok("cat /app/file"), "kept", "{mode}");
        second
            .ok("test -x /bin/sh && test -d /usr/bin && test -d /proc/self && test -d /workspace");
        second.ok("test ! -L /usr");
        second.stop();
    }
}

#[test]
fn the_directory_of_the_files_is_closed_to_other_users() {
    let mode = modes()[0];
    let (_sandbox, data) = sandbox(mode);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(data.file("")).unwrap());
    assert_eq!(mode & 0o777, 0o700, "set-uid files inside must be out of others' reach");
    assert!(is_root() || modes() == [Mode::User]);
}
