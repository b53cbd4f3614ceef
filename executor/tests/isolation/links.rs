//! Links that a command moves about while calls for files are made, to lead them out.
//!
//! The executor serves these calls from inside the sandbox, as its process 1: whatever a path leads
//! to for it, it is the sandbox's.

use std::fs;

use serde_json::json;

use crate::support::{Sandbox, modes, sandbox};

/// So many calls of each kind, while the link changes as fast as a shell can.
const ROUNDS: usize = 40;
/// What the host's file says, longer than anything that is written inside, and how it looks in
/// base64.
const CONTENT: &str = "of the host, of the host, of the host, of the host, of the host";
const CODED: &str = "b2YgdGhlIGhvc3Q";
/// A directory beside its target, as a large upload makes one.
const STAGING: &str = ".vtrix-0123456789abcdef";

#[test]
fn a_link_swapped_during_a_call_never_leads_out() {
    let host = tempfile::Builder::new().prefix("vtrix-victim-").tempdir().unwrap();
    let open = |mode| -> fs::Permissions { std::os::unix::fs::PermissionsExt::from_mode(mode) };
    fs::set_permissions(host.path(), open(0o777)).unwrap();
    let victim = host.path().join("file");
    fs::write(&victim, CONTENT).unwrap();
    fs::set_permissions(&victim, open(0o666)).unwrap();
    let path = host.path().display();
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        sandbox.ok(&format!(
            "mkdir real real/{STAGING} && echo inside > real/file && ln -s real d && \
             ln -s real/{STAGING} {STAGING}"
        ));
        // A directory, then a link out: by its own path, through what the executor is or was in.
        // The name of the staging directory as well: it is known once it is there.
        sandbox.ok(&format!(
            "(while [ ! -e stop ]; do for out in {path} /proc/1/root{path} /proc/1/cwd/../..{path} \
             ../../..{path} /proc/self/root{path}; do ln -sfn $out d; ln -sfn real d; \
             ln -sfn $out {STAGING}; ln -sfn real/{STAGING} {STAGING}; done; done; touch stopped) \
             >/dev/null 2>&1 </dev/null &"
        ));
        for round in 0..ROUNDS {
            attempt(&sandbox, &format!("written {round}"));
        }
        sandbox.ok("touch stop; while [ ! -e stopped ]; do :; done");
        assert_eq!(fs::read_to_string(&victim).unwrap(), CONTENT, "{mode}");
        let there: Vec<_> = fs::read_dir(host.path()).unwrap().collect();
        assert_eq!(there.len(), 1, "{mode}: {there:?}");
    }
}

/// Calls that read or write through the link; what they answer must not be of the host.
fn attempt(sandbox: &Sandbox, content: &str) {
    let data = "aW5zaWRl";
    let whole = format!("{STAGING}/whole");
    for (method, params) in [
        ("write", json!({"path": "d/file", "content": content})),
        ("write", json!({"path": "d/new", "content": content})),
        ("write_binary", json!({"path": "d/file", "data": data})),
        ("write_binary", json!({"path": "d/file", "data": data, "offset": 0})),
        ("write_binary", json!({"path": "d/file", "data": data, "offset": 6})),
        ("write_binary", json!({"path": "d/binary", "data": data, "mode": 0o777})),
        // As a large upload sends its parts.
        ("write_binary", json!({"path": whole, "data": data, "offset": 0})),
        ("write_binary", json!({"path": whole, "data": data, "offset": 6})),
        ("write_binary", json!({"path": format!("{STAGING}/p000000000000"), "data": data})),
        ("read_stream", json!({"path": "d/file"})),
        ("stat", json!({"path": "d/file"})),
        ("edit", json!({"path": "d/file", "old_text": "written", "new_text": "written"})),
        ("edit", json!({"path": "d/file", "old_text": "of the host", "new_text": "edited"})),
        ("read", json!({"path": "d/file"})),
        ("list_files", json!({"path": "d"})),
    ] {
        let messages = sandbox.messages(method, &params);
        for message in &messages {
            let text = message.to_string();
            assert!(!text.contains("of the host") && !text.contains(CODED), "{method}: {text}");
        }
        let answer = messages.last().unwrap();
        assert_ne!(answer["result"]["size"], CONTENT.len(), "{method}: {answer}");
        let edited = method == "edit" && params["new_text"] == "edited";
        assert!(!edited || answer["error"].is_object(), "{answer}");
    }
}

#[test]
fn links_to_the_executors_own_view_lead_nowhere_either() {
    let host = tempfile::Builder::new().prefix("vtrix-victim-").tempdir().unwrap();
    fs::write(host.path().join("file"), "of the host").unwrap();
    let path = host.path().display();
    for &mode in modes() {
        let (sandbox, data) = sandbox(mode);
        for out in [
            format!("/proc/1/root{path}/file"),
            format!("/proc/self/root{path}/file"),
            format!("/proc/1/cwd/../../../..{path}/file"),
            format!("/proc/thread-self/root{path}/file"),
            data.path().join("fs.lock").display().to_string(),
        ] {
            let answer = sandbox.call("read", &json!({ "path": out }));
            assert!(answer["error"].is_object(), "{mode}: {out}: {answer}");
        }
    }
}
