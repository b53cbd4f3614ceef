//! What the public surface promises without a gateway: threads, defaults, refusals, secrets.

use std::time::Duration;

use vtrix_sandbox::{
    Client, ClientBuilder, CollectedOutput, Command, CommandFinished, ConnectionEvents,
    CreateOptions, Download, DownloadFiles, Error, ErrorKind, ExecEvent, ExecStream, FileStream,
    LogStream, Outcome, Progress, Run, Sandbox, SandboxInfo, Signal, StopOptions, Upload,
    WriteFile, quote,
};

fn send_sync<T: Send + Sync>() {}
fn send<T: Send>() {}
fn clone<T: Clone>() {}

#[test]
fn handles_and_values_go_to_any_thread() {
    send_sync::<Client>();
    send_sync::<ClientBuilder>();
    send_sync::<Sandbox>();
    send_sync::<SandboxInfo>();
    send_sync::<Command>();
    send_sync::<CommandFinished>();
    send_sync::<CollectedOutput>();
    send_sync::<ExecEvent>();
    send_sync::<Outcome>();
    send_sync::<Progress>();
    send_sync::<WriteFile>();
    send_sync::<Error>();
    send::<Run>();
    send::<ExecStream>();
    send::<ConnectionEvents>();
    send::<LogStream>();
    send::<FileStream>();
    send::<Upload>();
    send::<Download>();
    send::<DownloadFiles>();
}

#[test]
fn handles_are_cheap_to_clone() {
    clone::<Client>();
    clone::<Sandbox>();
    clone::<Command>();
    clone::<CommandFinished>();
    clone::<Error>();
}

fn future<F: Future + Send + 'static>(_: F) {}

/// Compiled, never run: every future can be spawned on a runtime of many threads.
#[expect(dead_code, reason = "only its types matter")]
fn futures_go_to_any_thread(
    client: &'static Client,
    sandbox: &'static Sandbox,
    command: &'static Command,
) {
    future(client.create(CreateOptions::new("u")));
    future(client.attach("a"));
    future(client.list(vtrix_sandbox::ListOptions::new()));
    future(client.get("a"));
    future(client.delete("a"));
    future(client.pool_status());
    future(client.rolling_start(None));
    future(sandbox.refresh());
    future(sandbox.stop(StopOptions::new()));
    future(sandbox.wait_until_active(Duration::ZERO));
    future(sandbox.extend_timeout(1));
    future(sandbox.update(vtrix_sandbox::UpdateOptions::new()));
    future(sandbox.configure(None));
    future(sandbox.run("a").into_future());
    future(sandbox.run("a").spawn());
    future(sandbox.run("a").stream());
    future(sandbox.exec_logs("c"));
    future(sandbox.kill("c", Signal::Term));
    future(sandbox.read("/a"));
    future(sandbox.write("/a", "b"));
    future(sandbox.edit("/a", "b", "c"));
    future(sandbox.write_files([WriteFile::new("/a", "b")]));
    future(sandbox.read_to_buffer("/a"));
    future(sandbox.read_stream("/a"));
    future(sandbox.mkdir("/a"));
    future(sandbox.list_files("/a"));
    future(sandbox.stat("/a"));
    future(sandbox.exists("/a"));
    future(sandbox.upload_file("a", "/a").into_future());
    future(sandbox.download_file("/a", "a").into_future());
    future(sandbox.download_files([("/a", "a")]).into_future());
    future(command.wait());
    future(command.logs());
    future(command.stdout());
    future(command.collect_output(vtrix_sandbox::Streams::Both));
    future(command.kill(Signal::Kill));
}

#[test]
fn callbacks_return_nothing_or_a_result() {
    #[expect(dead_code, reason = "only its types matter")]
    fn both(sandbox: &Sandbox) {
        drop(sandbox.run("a").on_output(|event| println!("{}", event.name())));
        drop(
            sandbox.run("a").on_output(|event| {
                if event.data().is_some() { Err(std::fmt::Error) } else { Ok(()) }
            }),
        );
        drop(sandbox.download_file("/a", "a").progress(|_| Err::<(), _>("enough")));
    }
}

#[test]
fn a_client_is_made_without_a_runtime_and_dropped_without_one() {
    let client = Client::builder()
        .base_url("https://gateway.example:8443/prefix")
        .token("hunter2")
        .project_id("p")
        .build()
        .unwrap();
    assert!(!format!("{client:?}").contains("hunter2"));
    client.close();
}

#[test]
fn a_wrong_url_is_refused_by_name() {
    let error = Client::builder().base_url("gateway").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().starts_with("base_url"));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_not_retried_for_ever() {
    // Bound and closed again: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = Client::builder().base_url(format!("http://127.0.0.1:{port}")).build().unwrap();
    let error = client.create(CreateOptions::new("u")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    assert_eq!(error.operation(), Some("create"));
    assert_eq!(error.may_have_run(), Some(false));
    assert!(error.retryable());
}

#[test]
fn words_for_a_shell() {
    assert_eq!(quote("plain-word_1.txt"), "plain-word_1.txt");
    assert_eq!(quote("-rf; $(x)"), "'-rf; $(x)'");
}

#[test]
fn the_constants_of_the_interface() {
    assert_eq!(vtrix_sandbox::MAX_EXTEND_SECONDS, 86_400);
    assert_eq!(vtrix_sandbox::DEFAULT_MAX_OUTPUT, 16 * 1024 * 1024);
    assert_eq!(vtrix_sandbox::VERSION, env!("CARGO_PKG_VERSION"));
}
