//! A real gateway whose messages are changed on their way: every message of an exchange in every
//! way, and then at random. Whatever comes, the client says what it knows: the right error, that
//! the command may have run, and output that the command wrote, each byte once and in its place.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use vtrix_harness::{FrameFaults, FrameProxy, Harness, Mutation, PROJECT, Seed};
use vtrix_sandbox::{Client, CommandFinished, Error, ErrorKind, ExecEvent, Sandbox};

/// Messages of a command that writes to both streams: start, two of output, done, answer.
const MESSAGES: u64 = 5;

/// Longer than any answer takes, and what a call that never gets one costs.
const PATIENCE: Duration = Duration::from_secs(3);

/// A handle that goes through `proxy`; `quick` to find that the other end is silent.
async fn through(harness: &Harness, proxy: &FrameProxy, sandbox: &Sandbox, quick: bool) -> Sandbox {
    let mut client =
        Client::builder().base_url(proxy.url()).token(harness.token()).project_id(PROJECT);
    if quick {
        client = client.heartbeat_interval(PATIENCE / 6).heartbeat_timeout(PATIENCE / 2);
    }
    client.build().unwrap().attach(sandbox.id()).await.unwrap()
}

/// Which errors a mutation of the message of this number may end in. None: it may not end in one.
fn errors(mutation: Mutation, at: u64) -> &'static [ErrorKind] {
    use ErrorKind::{ConnectionLost, Protocol, Timeout};
    let last = at + 1 == MESSAGES;
    match mutation {
        _ if mutation.is_harmless() => &[],
        // What was told by `exec.done` stays told.
        Mutation::Truncate | Mutation::Silence if last => &[],
        Mutation::Truncate => &[ConnectionLost],
        // Only the answer must come; a repeated one is late.
        Mutation::Lose | Mutation::UnknownId | Mutation::Swap if last => &[Timeout],
        Mutation::Lose | Mutation::UnknownId | Mutation::Swap => &[],
        // Output alone has a place in which it was before.
        Mutation::Repeat if matches!(at, 1 | 2) => &[Protocol],
        Mutation::Repeat => &[],
        Mutation::Silence => &[ConnectionLost],
        _ => &[Protocol],
    }
}

/// What came is what the command wrote, each line once at most.
fn sound(done: &CommandFinished, context: &str) {
    assert!(matches!(&done.stdout()[..], b"" | b"one\n"), "{context}: {:?}", done.stdout());
    assert!(matches!(&done.stderr()[..], b"" | b"two\n"), "{context}: {:?}", done.stderr());
    assert!(matches!(done.exit_code(), None | Some(0)), "{context}: {:?}", done.outcome());
}

fn judge(result: Result<CommandFinished, Error>, mutation: Mutation, at: u64, context: &str) {
    let allowed = errors(mutation, at);
    match result {
        Ok(done) => {
            sound(&done, context);
            // The wrong types of what only adds to the protocol are passed over.
            let tolerated = mutation == Mutation::WrongTypes;
            assert!(allowed.is_empty() || tolerated, "{context}: succeeds");
            let whole = done.output().len() == 8 && done.exit_code() == Some(0);
            assert!(whole || mutation.loses() || tolerated, "{context}: {done:?}");
        }
        Err(error) => {
            assert!(allowed.contains(&error.kind()), "{context}: {error:?}");
            assert_eq!(error.may_have_run(), Some(true), "{context}: {error:?}");
            error.command().inspect(|command| sound(command, context));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_in_every_way() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let proxies = join_all(Mutation::ALL.iter().map(async |mutation| {
        for at in 0..MESSAGES {
            let proxy = FrameProxy::start(harness.addr(), at, FrameFaults::At(at, *mutation)).await;
            for watched in [false, true] {
                let context = format!("{mutation:?} of message {at}, watched: {watched}");
                let quick = *mutation == Mutation::Silence;
                let handle = through(&harness, &proxy, &sandbox, quick).await;
                // Without a deadline it is the caller's to give up on an answer.
                let endless = errors(*mutation, at) == [ErrorKind::Timeout];
                let mut run = handle.run("echo one; echo two >&2");
                if watched && endless {
                    run = run.deadline(PATIENCE).on_output(|_| {});
                } else if watched {
                    run = run.on_output(|_| {});
                }
                let limit = if endless && !watched { PATIENCE } else { 10 * PATIENCE };
                match tokio::time::timeout(limit, run.into_future()).await {
                    Ok(result) => judge(result, *mutation, at, &context),
                    Err(_) => assert!(endless && !watched, "{context}: hangs"),
                }
                assert!(!proxy.take_done().is_empty(), "{context}: nothing was changed");
            }
        }
    }));
    proxies.await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_wrong_for_one_call_spoils_no_other() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    for mutation in [Mutation::Repeat, Mutation::WrongTypes] {
        // The second message is the first call's output: its start, its output.
        let proxy = FrameProxy::start(harness.addr(), 0, FrameFaults::At(1, mutation)).await;
        let handle = through(&harness, &proxy, &sandbox, false).await;
        let spoilt = handle.run("echo x; exec sleep 600").await.unwrap_err();
        assert_eq!(spoilt.kind(), ErrorKind::Protocol, "{spoilt:?}");
        assert_eq!(handle.run("echo fine").await.unwrap().output(), b"fine\n");
        assert_eq!(proxy.take_done().len(), 1, "both calls were on one connection");
    }
    let left = sandbox.run("ps -e -o args= | grep -c '^sleep 600'").await.unwrap();
    assert_eq!(left.output_text().trim(), "0", "a call that is given up has its command killed");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_of_a_file_that_comes_twice_is_not_written_twice() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    sandbox.run("seq 1 60000 > f").await.unwrap();
    let whole = sandbox.read_to_buffer("f").await.unwrap().unwrap();
    for (mutation, fine) in [
        (Mutation::Repeat, false),
        (Mutation::Swap, false),
        (Mutation::Lose, false),
        (Mutation::Halve, false),
        (Mutation::WrongTypes, false),
        (Mutation::Fragment, true),
    ] {
        let proxy = FrameProxy::start(harness.addr(), 0, FrameFaults::At(0, mutation)).await;
        let handle = through(&harness, &proxy, &sandbox, false).await;
        match handle.read_to_buffer("f").await {
            Ok(Some(read)) => assert!(fine && read == whole, "{mutation:?}: {} bytes", read.len()),
            Ok(None) => panic!("{mutation:?}: the file is there"),
            Err(error) => {
                assert!(!fine && error.kind() == ErrorKind::Protocol, "{mutation:?}: {error:?}");
            }
        }
    }
    sandbox.delete().await.unwrap();
}

/// Reads a stream of numbered lines to its end; every chunk must be what stands at its offset.
async fn read_stream(handle: &Sandbox, command: &str, whole: &[u8]) -> Result<bool, Error> {
    let mut stream = handle.run(command).deadline(PATIENCE).stream().await?;
    let mut next = 0;
    let mut complete = false;
    while let Some(event) = stream.next().await {
        match event? {
            ExecEvent::Stdout(output) => {
                let at = output.offset.expect("our gateway tells") as usize;
                assert!(at >= next, "bytes {at} come again after {next}");
                assert_eq!(&whole[at..at + output.data.len()], &output.data[..]);
                next = at + output.data.len();
            }
            ExecEvent::Done { outcome, .. } => complete = outcome.success() && next == whole.len(),
            _ => {}
        }
    }
    Ok(complete)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_changed_at_random() {
    let seed = Seed::take();
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    sandbox.run("seq 1 40000 > f").await.unwrap();
    let whole = sandbox.read_to_buffer("f").await.unwrap().unwrap();
    let rounds = (0..8).map(async |lane| {
        let proxy =
            FrameProxy::start(harness.addr(), seed.get() + lane, FrameFaults::Chance(12)).await;
        let handle = through(&harness, &proxy, &sandbox, true).await;
        let mut claims = HashMap::new();
        for n in 0..10 {
            let mark = format!("{lane}-{n}");
            let command = format!("echo {mark} >> log; cat f");
            let result = match n % 3 {
                0 => read_stream(&handle, &command, &whole).await,
                1 => handle.run(command.as_str()).deadline(PATIENCE).await.map(|done| {
                    let cut = done.output_truncated() == Some(true);
                    assert!(cut || whole.starts_with(done.output()), "output that nobody wrote");
                    done.success() && done.output().len() == whole.len()
                }),
                // A file may be of any size, so its end is the caller's to wait for.
                _ => match tokio::time::timeout(PATIENCE, handle.read_to_buffer("f")).await {
                    Ok(read) => read.map(|read| {
                        assert!(read.as_deref() == Some(&whole), "a file that is another");
                        true
                    }),
                    Err(_) => Ok(false),
                },
            };
            let done = proxy.take_done();
            match result {
                Ok(complete) => {
                    // An answer that is made up for a call, or that is taken from one.
                    let lost = done.iter().any(|(_, mutation)| {
                        let odd = [Mutation::WrongTypes, Mutation::Swap, Mutation::Foretell];
                        mutation.loses() || odd.contains(mutation)
                    });
                    assert!(complete || lost, "{mark}: incomplete after {done:?}");
                    claims.insert(mark, None);
                }
                Err(error) => {
                    assert!(
                        matches!(
                            error.kind(),
                            ErrorKind::Protocol | ErrorKind::ConnectionLost | ErrorKind::Timeout
                        ),
                        "{mark}: {error:?} after {done:?}"
                    );
                    claims.insert(mark, error.may_have_run());
                }
            }
        }
        claims
    });
    let claims: HashMap<_, _> = join_all(rounds).await.into_iter().flatten().collect();
    let log = sandbox.run("sort log | uniq -c").await.unwrap();
    for line in log.output_text().lines() {
        let (count, mark) = line.trim().split_once(' ').unwrap();
        assert_eq!(count, "1", "{mark} ran {count} times");
        assert_ne!(claims[mark], Some(false), "{mark} ran, and was said not to have");
    }
    sandbox.delete().await.unwrap();
}
