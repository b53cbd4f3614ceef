//! Every message of every method that answers, changed in every way: the call ends, in the right
//! error or in what is true, and what was asked for happened once.

use std::time::Duration;

use futures_util::future::join_all;
use vtrix_harness::{FrameFaults, FrameProxy, Harness, Mutation, PROJECT};
use vtrix_sandbox::{Client, Command, Error, ErrorKind, Sandbox, Streams, WriteFile};

/// What a call that is never answered costs.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longer than anything takes that ends.
const HANG: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Read,
    Stat,
    ListFiles,
    Write,
    WriteBinary,
    Edit,
    ReadStream,
    ExecLogs,
}

const METHODS: [Method; 8] = [
    Method::Read,
    Method::Stat,
    Method::ListFiles,
    Method::Write,
    Method::WriteBinary,
    Method::Edit,
    Method::ReadStream,
    Method::ExecLogs,
];

impl Method {
    /// Messages of the gateway's that belong to one call.
    fn messages(self) -> u64 {
        match self {
            // A piece, and the end.
            Self::ReadStream => 2,
            // Its start, both streams, how it ended, and the end.
            Self::ExecLogs => 5,
            _ => 1,
        }
    }

    /// Makes the call and judges what it returns: the truth, or less of it where a message may be
    /// lost unseen.
    async fn call(self, handle: &Sandbox, logged: &str, file: &str) -> Result<(), Error> {
        match self {
            Self::Read => assert_eq!(handle.read("f").await?.text(), Some("content")),
            Self::Stat => assert_eq!(handle.stat("f").await?.size, 7),
            Self::ListFiles => {
                let names: Vec<_> =
                    handle.list_files("d").await?.into_iter().map(|entry| entry.name).collect();
                assert_eq!(names, ["a", "b"]);
            }
            Self::Write => assert_eq!(handle.write(file, "new").await?, 3),
            Self::WriteBinary => handle.write_files([WriteFile::new(file, "new")]).await?,
            Self::Edit => drop(handle.edit(file, "old", "new").await?),
            Self::ReadStream => {
                assert_eq!(handle.read_to_buffer("f").await?.as_deref(), Some(&b"content"[..]));
            }
            Self::ExecLogs => {
                let output = handle.command(logged).collect_output(Streams::Both).await?.data;
                let parts: [&[u8]; 5] = [b"", b"one\n", b"two\n", b"one\ntwo\n", b"two\none\n"];
                assert!(parts.contains(&&output[..]), "{output:?}");
            }
        }
        Ok(())
    }
}

/// Which errors may come of it; none of them where it is harmless.
fn errors(method: Method, mutation: Mutation, at: u64) -> &'static [ErrorKind] {
    use ErrorKind::{ConnectionLost, Protocol, Timeout};
    let last = at + 1 == method.messages();
    match mutation {
        _ if mutation.is_harmless() => &[],
        Mutation::Truncate => &[ConnectionLost],
        // A call that only reads is made again, for as long as there is time.
        Mutation::Silence => &[ConnectionLost, Timeout],
        Mutation::Lose | Mutation::UnknownId | Mutation::Swap if last => &[Timeout],
        // Before the last, what comes after it stands where it does not belong.
        _ => &[Protocol],
    }
}

/// Whether the call may end well all the same.
fn may_succeed(method: Method, mutation: Mutation, at: u64) -> bool {
    let last = at + 1 == method.messages();
    match mutation {
        _ if mutation.is_harmless() => true,
        // An answer that comes again is late.
        Mutation::Repeat => last || method == Method::ExecLogs,
        // What only adds to the protocol is passed over.
        Mutation::WrongTypes => true,
        // A log has what of it came; how the command ended is known before the last message.
        Mutation::Lose | Mutation::UnknownId | Mutation::Swap => {
            method == Method::ExecLogs && !last
        }
        Mutation::Truncate | Mutation::Silence => method == Method::ExecLogs && last,
        _ => false,
    }
}

async fn through(harness: &Harness, url: String, id: &str, mutation: Mutation) -> Sandbox {
    let mut client = Client::builder().base_url(url).token(harness.token()).project_id(PROJECT);
    match mutation {
        Mutation::Silence => {
            client = client.heartbeat_interval(PATIENCE / 6).heartbeat_timeout(PATIENCE / 3);
            client = client.call_timeout(PATIENCE);
        }
        // Nothing else waits in vain.
        Mutation::Lose | Mutation::UnknownId | Mutation::Swap => {
            client = client.call_timeout(PATIENCE);
        }
        _ => {}
    }
    client.build().unwrap().attach(id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_in_every_way() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    sandbox.run("printf content > f; mkdir d; touch d/a d/b").await.unwrap();
    let logged: Command = sandbox.run("echo one; echo two >&2").spawn().await.unwrap();
    logged.wait().await.unwrap();
    let logged = logged.cmd_id();
    join_all(Mutation::ALL.iter().map(async |&mutation| {
        for method in METHODS {
            let file = format!("{method:?}-{mutation:?}");
            sandbox.write(&file, "old").await.unwrap();
            for at in 0..method.messages() {
                let context = format!("{mutation:?} of message {at} of {method:?}");
                let faults = FrameFaults::At(at, mutation);
                let proxy = FrameProxy::start(harness.addr(), at, faults).await;
                let handle = through(&harness, proxy.url(), sandbox.id(), mutation).await;
                let allowed = errors(method, mutation, at);
                // A log may be silent as long as its command is: its reader gives up.
                let endless = method == Method::ExecLogs && allowed.contains(&ErrorKind::Timeout);
                let limit = if endless { PATIENCE } else { HANG };
                let call = method.call(&handle, logged, &file);
                match tokio::time::timeout(limit, call).await {
                    Ok(Ok(())) => {
                        assert!(may_succeed(method, mutation, at), "{context}: succeeds");
                    }
                    Ok(Err(error)) => {
                        assert!(allowed.contains(&error.kind()), "{context}: {error:?}");
                        assert_ne!(error.may_have_run(), Some(false), "{context}: it was sent");
                    }
                    Err(_) => assert!(endless, "{context}: hangs"),
                }
                assert!(!proxy.take_done().is_empty(), "{context}: nothing was changed");
            }
            // It was asked for, and nothing of that was changed: it has happened, once.
            let written = matches!(method, Method::Write | Method::WriteBinary | Method::Edit);
            let expected = if written { "new" } else { "old" };
            assert_eq!(sandbox.read(&file).await.unwrap().text(), Some(expected), "{file}");
        }
    }))
    .await;
    sandbox.delete().await.unwrap();
}
