//! Which networks sandboxes have here, and which they could have.

use std::path::Path;

use super::{Area, Check, State};

/// Programs that connect a network namespace without root's rights.
const CONNECTORS: [&str; 2] = ["pasta", "slirp4netns"];

/// `sandbox` says that one could be built: there is no mode that shares the host's network.
pub(super) fn checks(sandbox: bool) -> Vec<Check> {
    let check = |name: &str, state, found: String| Check::new(Area::Network, name, state, found);
    let mut checks = vec![if sandbox {
        check("network of its own", State::Yes, "a loopback interface, and nothing else".into())
    } else {
        check("network of its own", State::No, "no sandbox was built".into())
    }];
    checks.push(check(
        "way out",
        State::No,
        "this version gives sandboxes none, whatever is possible here".into(),
    ));
    let tun = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    checks.push(match tun {
        Ok(_) => check("/dev/net/tun", State::Yes, "can be opened".into()),
        Err(error) => check("/dev/net/tun", State::No, error.to_string()),
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there =
        |name: &&str| std::env::split_paths(&path).any(|dir| Path::new(&dir).join(name).is_file());
    checks.push(match CONNECTORS.iter().find(|name| there(name)) {
        Some(name) => check("user-mode networking", State::Yes, format!("{name} is installed")),
        None => check(
            "user-mode networking",
            State::No,
            format!("none of {} is installed", CONNECTORS.join(", ")),
        ),
    });
    checks
}
