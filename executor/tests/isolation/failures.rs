//! Set-ups that fail: they say at which step, and leave nothing.

use std::fs;
use std::path::PathBuf;

use vtrix_executor::contract::{Mode, SetupConfig};

use crate::support::{DataDir, config, is_root, modes, refused, spawn, start};

/// Fails at the step that starts with `step`, and leaves no process, mount or lock.
fn fails_at(config: &SetupConfig, step: &str) -> String {
    let (at, message) = refused(config);
    assert!(at.starts_with(step), "{at}: {message}");
    assert!(!message.is_empty());
    leaves_nothing(config);
    message
}

fn leaves_nothing(config: &SetupConfig) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(config.data_dir.to_str().unwrap()), "{mounts}");
    // Held by any process that the set-up started.
    if let Ok(lock) = fs::File::open(config.data_dir.join("fs.lock")) {
        lock.try_lock().unwrap();
    }
}

#[test]
fn what_can_not_be_is_refused_before_anything_is_built() {
    let mode = modes()[0];
    let data = DataDir::new(mode);
    let good = config(mode, &data);
    let with = |change: &dyn Fn(&mut SetupConfig)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    fails_at(&with(&|config| config.hostname = "a b".into()), "check the host name");
    fails_at(&with(&|config| config.hostname = String::new()), "check the host name");
    fails_at(&with(&|config| config.expose.push("/proc/sys".into())), "expose /proc/sys");
    fails_at(&with(&|config| config.expose.push("/nonexistent".into())), "expose /nonexistent");
    fails_at(&with(&|config| config.image = Some("/nonexistent".into())), "read the image");
    fails_at(&with(&|config| config.data_dir = data.path().join("none")), "open ");
    if is_root() {
        fails_at(&with(&|config| config.id_base = 0), "check the id range");
        fails_at(&with(&|config| config.id_base = u32::MAX), "check the id range");
    }
    assert!(!data.file("").exists(), "a refused set-up made directories");
}

#[test]
fn one_executor_at_a_time_has_the_files() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let config = config(mode, &data);
        let sandbox = start(&config);
        let (step, message) = refused(&config);
        assert_eq!(step, "lock the sandbox's files", "{message}");
        assert_eq!(sandbox.ok("echo here"), "here", "{mode}: the first goes on");
        sandbox.stop();
        start(&config).ok("true");
    }
}

#[test]
fn a_step_inside_that_fails_is_named() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let config = config(mode, &data);
        start(&config).stop();
        fs::remove_dir_all(data.file("upper/usr")).unwrap();
        fs::write(data.file("upper/usr"), "in the way").unwrap();
        fails_at(&config, "mount overlay /usr");
    }
}

#[test]
fn files_of_another_mode_are_refused() {
    if !is_root() {
        return assert_eq!(modes(), [Mode::User], "an ordinary user has one mode");
    }
    let data = DataDir::new(Mode::RootUserns);
    let mut config = config(Mode::RootUserns, &data);
    start(&config).stop();
    config.mode = Mode::Root;
    fails_at(&config, "check the sandbox's files");
    config.mode = Mode::RootUserns;
    config.id_base += 1;
    fails_at(&config, "check the sandbox's files");
    let other = DataDir::new(Mode::Root);
    config.data_dir = other.path().to_owned();
    config.mode = Mode::Root;
    start(&config).stop();
    config.mode = Mode::RootUserns;
    fails_at(&config, "check the sandbox's files");
}

#[test]
fn a_file_system_that_can_not_be_id_mapped_is_named() {
    if !is_root() {
        return assert_eq!(modes(), [Mode::User], "an ordinary user maps no file system");
    }
    let data = DataDir::new(Mode::RootUserns);
    let mut config = config(Mode::RootUserns, &data);
    // A root of directories on sysfs, which allows no id map.
    config.image = Some(PathBuf::from("/sys/kernel"));
    let message = fails_at(&config, "id-map /sys/kernel/");
    assert!(message.contains("can't be id-mapped"), "{message}");
}

#[test]
fn it_ends_when_the_gateway_is_gone_before_it_is_ready() {
    for &mode in modes() {
        for lifeline in [true, false] {
            let data = DataDir::new(mode);
            let mut config = config(mode, &data);
            config.lifeline = lifeline;
            let mut starting = spawn(&config);
            starting.report.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
            assert!(!starting.outer.wait().unwrap().success(), "{mode}");
            leaves_nothing(&config);
        }
    }
}

#[test]
fn it_ends_when_the_outer_process_is_killed_while_it_builds() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.lifeline = false;
        // Whatever it was doing at that moment: whoever holds the lock then dies with it.
        for _ in 0..5 {
            let mut starting = spawn(&config);
            starting.outer.kill().unwrap();
            starting.outer.wait().unwrap();
            if let Ok(lock) = fs::File::open(config.data_dir.join("fs.lock")) {
                lock.lock().unwrap();
            }
        }
        start(&config).ok("true");
    }
}
