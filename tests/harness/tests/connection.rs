//! Connections that break: said at once, never invented, never run twice.

use std::time::Duration;

use vtrix_harness::{FaultProxy, Faults, Harness, PROJECT, until};
use vtrix_sandbox::{Client, ErrorKind, ExecEvent, Outcome};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_of_a_run() {
    // What a pipe may hold by itself at most, unread by the executor.
    const PIPE: usize = 1024 * 1024;
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let command = "echo oops >&2; head -c 3145728 /dev/zero | tr '\\0' x; : > up; exec sleep 600";
    let run = tokio::spawn(sandbox.run(command).into_future());
    // On the same connection, so that the answer comes after all output but what a pipe held.
    until("the command runs", async || sandbox.exists("up").await.unwrap()).await;
    proxy.cut();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert_eq!(error.may_have_run(), Some(true));
    assert!(!error.retryable());
    let command = error.command().expect("what is known of the command");
    let (stdout, stderr) = (command.stdout(), command.stderr());
    assert!(stdout.len() >= 3 * PIPE - PIPE, "{} bytes", stdout.len());
    assert!(stdout.iter().all(|byte| *byte == b'x') && b"oops\n".starts_with(&stderr));
    let Outcome::Unknown { stdout_offset, stderr_offset, .. } = command.outcome() else {
        panic!("{:?}", command.outcome())
    };
    let lengths = (stdout.len() as u64, stderr.len() as u64);
    assert_eq!((*stdout_offset, *stderr_offset), lengths);
    // The next call dials again.
    assert_eq!(sandbox.run("echo on").await.unwrap().output(), b"on\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_while_nothing_is_under_way() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    for n in 0..20 {
        proxy.cut();
        let done = sandbox.run("echo").arg(n.to_string()).await;
        match done {
            Ok(done) => assert_eq!(done.output(), format!("{n}\n").as_bytes()),
            // Sent before the end was noticed: honest, and not run twice.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionLost);
                assert!(error.may_have_run().is_some());
            }
        }
    }
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_stream_ends_with_the_error() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let mut stream = sandbox.run("echo one; exec sleep 600").stream().await.unwrap();
    while !matches!(stream.next().await.unwrap().unwrap(), ExecEvent::Stdout(_)) {}
    proxy.cut();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(stream.next().await.is_none());
    // Whoever follows a detached command is told, too, and can take it up again.
    let command = sandbox.run("echo begun; while [ ! -e go ]; do sleep 0.02; done; echo kept");
    let command = command.spawn().await.unwrap();
    let mut logs = command.logs().await.unwrap();
    assert_eq!(logs.next().await.unwrap().unwrap().text(), "begun\n");
    proxy.cut();
    let error = logs.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    sandbox.write("go", "").await.unwrap();
    let done = command.wait().await.unwrap();
    assert_eq!(done.output(), b"begun\nkept\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_after_every_number_of_bytes() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let (mut lost, mut fine) = (0, 0);
    for n in 0..60 {
        let cut = 120 + n * n * 8;
        let faults = if n % 2 == 0 {
            Faults { seed: n, cut_after_down: Some(cut), ..Faults::default() }
        } else {
            Faults { seed: n, cut_after_up: Some(cut), ..Faults::default() }
        };
        let proxy = FaultProxy::start(harness.addr(), faults).await;
        let handle = match harness.client_at(&proxy.url()).attach(sandbox.id()).await {
            Ok(handle) => handle,
            Err(error) => {
                lost += 1;
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::ConnectionLost | ErrorKind::ConnectFailed),
                    "{error:?}"
                );
                continue;
            }
        };
        let mark = format!("mark-{n}");
        let result = handle.run("echo x >> \"$MARK\"; seq 1 300").env("MARK", &mark).await;
        let ran = sandbox.run("cat \"$MARK\" 2>/dev/null | wc -l").env("MARK", &mark);
        match result {
            Ok(done) => {
                fine += 1;
                assert_eq!(done.output().len(), 1_092);
                assert_eq!(ran.await.unwrap().output_text().trim(), "1");
            }
            Err(error) => {
                lost += 1;
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::ConnectionLost | ErrorKind::ConnectFailed),
                    "{error:?}"
                );
                let ran = ran.await.unwrap().output_text().trim().to_owned();
                if kind == ErrorKind::ConnectFailed || error.may_have_run() == Some(false) {
                    assert_eq!(ran, "0", "{error:?} said that it did not run");
                } else {
                    assert!(ran == "0" || ran == "1", "ran {ran} times");
                }
            }
        }
    }
    assert!(lost > 3 && fine > 3, "{lost} lost, {fine} fine: the cuts prove nothing");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tiny_pieces_make_no_difference() {
    let harness = Harness::shared().await;
    let faults = Faults { seed: 7, tiny: true, ..Faults::default() };
    let proxy = FaultProxy::start(harness.addr(), faults).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let done = sandbox.run("seq 1 5000; echo é😀 >&2; exit 3").await.unwrap();
    assert_eq!((done.stdout().len(), done.exit_code()), (23_893, Some(3)));
    assert_eq!(done.stderr(), "é😀\n".as_bytes());
    let content: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    let file = vtrix_sandbox::WriteFile::new("f", content.clone());
    sandbox.write_files([file]).await.unwrap();
    assert_eq!(sandbox.read_to_buffer("f").await.unwrap(), Some(content));
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_found_dead() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let client = Client::builder()
        .base_url(proxy.url())
        .token(harness.token())
        .project_id(PROJECT)
        .heartbeat_interval(Duration::from_millis(100))
        .heartbeat_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let sandbox = harness.sandbox_of(&client).await;
    let run = tokio::spawn(sandbox.run(": > up; exec sleep 600").into_future());
    let beside = harness.client().attach(sandbox.id()).await.unwrap();
    until("the command runs", async || beside.exists("up").await.unwrap()).await;
    proxy.stall(true);
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    proxy.stall(false);
    assert_eq!(sandbox.run("echo on").await.unwrap().output(), b"on\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_silence_of_the_command_is_no_dead_connection() {
    let harness = Harness::shared().await;
    let client = Client::builder()
        .base_url(harness.url())
        .token(harness.token())
        .project_id(PROJECT)
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(Duration::from_millis(400))
        .call_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let owner = harness.sandbox().await;
    let sandbox = client.attach(owner.id()).await.unwrap();
    let done = sandbox.run("sleep 2; echo patient").await.unwrap();
    assert_eq!(done.output(), b"patient\n");
    // With time enough: the client above is in a hurry.
    owner.delete().await.unwrap();
}

#[tokio::test]
async fn a_program_that_was_suspended_asks_before_it_gives_up() {
    let harness = Harness::shared().await;
    let client = harness
        .client_builder(harness.url())
        .heartbeat_interval(Duration::from_millis(100))
        .heartbeat_timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    let sandbox = harness.sandbox_of(&client).await;
    let run = tokio::spawn(sandbox.run(": > up; sleep 1; echo still there").into_future());
    until("the command runs", async || sandbox.exists("up").await.unwrap()).await;
    // The one thread of this runtime, which drives the connection, does nothing for longer than a
    // gateway may be silent.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(run.await.unwrap().unwrap().output(), b"still there\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_has_its_commands_killed() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let detached = sandbox.run("exec sleep 7001").spawn().await.unwrap();
    let run = tokio::spawn(sandbox.run("echo $$ > pid; exec sleep 7002").into_future());
    let beside = harness.client().attach(sandbox.id()).await.unwrap();
    until("the command runs", async || {
        beside.run("test -s pid").await.unwrap().exit_code() == Some(0)
    })
    .await;
    proxy.set(Faults { refuse: true, ..Faults::default() });
    proxy.cut();
    assert!(run.await.unwrap().is_err());
    until("the command that was waited for is gone", async || {
        beside.run("kill -0 $(cat pid)").await.unwrap().exit_code() != Some(0)
    })
    .await;
    let pid = detached.pid().expect("our gateway tells it").to_string();
    assert_eq!(beside.run("kill -0").arg(pid).await.unwrap().exit_code(), Some(0));
    beside.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ends_and_comes_back() {
    let harness = Harness::start().await;
    let (addr, token) = (harness.addr(), harness.token().to_owned());
    let client = harness.client();
    let sandbox = harness.sandbox_of(&client).await;
    let run = tokio::spawn(sandbox.run(": > up; exec sleep 600").into_future());
    until("the command runs", async || sandbox.exists("up").await.unwrap()).await;
    assert_eq!(harness.end().await, Vec::<String>::new());
    // Ended with its sandbox, or cut off: either way at once, and never as a success.
    match run.await.unwrap() {
        Ok(done) => assert!(!done.success(), "{:?}", done.outcome()),
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::NotActive),
            "{error:?}"
        ),
    }
    let error = sandbox.run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
    assert!(error.retryable());
    let harness = Harness::builder().listen(addr).token(token).start().await;
    let error = sandbox.run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    let again = harness.sandbox_of(&client).await;
    assert_eq!(again.run("echo back").await.unwrap().output(), b"back\n");
    assert_eq!(harness.end().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_everything_under_way() {
    let harness = Harness::shared().await;
    let client = harness.client();
    let sandbox = harness.sandbox_of(&client).await;
    sandbox.run("head -c 30000000 /dev/zero > big").await.unwrap();
    let runs: Vec<_> =
        (0..20).map(|_| tokio::spawn(sandbox.run("exec sleep 600").into_future())).collect();
    let mut stream = sandbox.run("yes").stream().await.unwrap();
    stream.next().await.unwrap().unwrap();
    let mut file = sandbox.read_stream("big").await.unwrap();
    file.next().await.unwrap().unwrap();
    client.close();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
    let last = loop {
        match stream.next().await {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    assert_eq!(last.expect("an error").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(sandbox.run("true").await.unwrap_err().kind(), ErrorKind::Closed);
    harness.client().delete(sandbox.id()).await.unwrap();
}
