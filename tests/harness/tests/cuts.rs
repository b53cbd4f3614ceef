//! Connections that end after each byte of an exchange, in both directions, and then 1,000
//! commands over connections that end anywhere. What the client says of a call is true: nothing
//! ran twice, what is said not to have run did not, and what came is a beginning of the truth.

use std::collections::BTreeMap;
use std::ops::Range;

use futures_util::future::join_all;
use vtrix_harness::{FaultProxy, Faults, Harness, PROJECT, Seed};
use vtrix_sandbox::{Client, Error, ErrorKind, Sandbox};

/// Exchanges under way at once.
const LANES: u64 = 8;

/// Bytes that no head of an upgrade, or of its answer, reaches.
const LONGEST_HEAD: u64 = 600;

/// An exchange that a connection may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    Call,
    Command,
    Stream,
    Upload,
}

impl Exchange {
    /// Makes it once. It leaves a file of the name `mark`, and in it one line for each time.
    async fn make(self, sandbox: &Sandbox, mark: &str) -> Result<(), Error> {
        let command = format!("echo ran >> {mark}; seq 1 30");
        let lines: Vec<_> = (1..=30).map(|n| n.to_string()).collect();
        let lines = lines.join("\n") + "\n";
        match self {
            Self::Call => sandbox.write(mark, "ran\n").await.map(drop),
            Self::Command => {
                let done = sandbox.run(command).await.inspect_err(|error| {
                    let came = error.command().map(vtrix_sandbox::CommandFinished::output_text);
                    assert!(came.is_none_or(|came| lines.starts_with(&*came)), "{error:?}");
                })?;
                assert_eq!((done.output_text().as_ref(), done.exit_code()), (&*lines, Some(0)));
                Ok(())
            }
            Self::Stream => {
                let mut stream = sandbox.run(command).stream().await?;
                let mut came = String::new();
                while let Some(event) = stream.next().await {
                    came.push_str(&event?.text().unwrap_or_default());
                    assert!(lines.starts_with(&came), "{came:?}");
                }
                assert_eq!(came, lines);
                Ok(())
            }
            Self::Upload => {
                let local = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(local.path(), "ran\n").unwrap();
                sandbox.upload_file(local.path(), mark).await.map(drop)
            }
        }
    }
}

/// What the client said of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Ran,
    MayHaveRun,
    DidNotRun,
}

impl Claim {
    fn of(result: &Result<(), Error>) -> Self {
        let Err(error) = result else { return Self::Ran };
        assert!(
            matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::ConnectFailed),
            "{error:?}"
        );
        match (error.kind(), error.may_have_run()) {
            (ErrorKind::ConnectFailed, _) | (_, Some(false)) => Self::DidNotRun,
            (_, Some(true)) => Self::MayHaveRun,
            (_, None) => panic!("nothing is said of whether it ran: {error:?}"),
        }
    }

    fn is_true(self, times: u64) -> bool {
        match self {
            Self::Ran => times == 1,
            Self::MayHaveRun => times <= 1,
            Self::DidNotRun => times == 0,
        }
    }
}

/// How often each mark was made.
async fn ran(sandbox: &Sandbox, directory: &str) -> BTreeMap<String, u64> {
    let count = "for f in *; do [ -e \"$f\" ] && echo \"$f $(grep -c ran \"$f\")\"; done; true";
    let done = sandbox.run(count).working_dir(directory).await.unwrap();
    let text = done.output_text();
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(mark, times)| (mark.to_owned(), times.parse().unwrap())).collect()
}

fn cut(up: bool, at: u64, after_head: bool) -> Faults {
    let (down, up) = if up { (None, Some(at)) } else { (Some(at), None) };
    Faults { cut_after_down: down, cut_after_up: up, after_head, ..Faults::default() }
}

/// A client whose control plane has a connection that no fault is set for.
async fn client(harness: &Harness, proxy: &FaultProxy, sandbox: &Sandbox) -> Client {
    let client = Client::builder()
        .base_url(proxy.url())
        .token(harness.token())
        .project_id(PROJECT)
        // Each cut is to be seen.
        .max_retries(0)
        .build()
        .unwrap();
    client.get(sandbox.id()).await.unwrap();
    client
}

/// Makes `exchange` with its connection cut after every number of bytes in `places`.
async fn cuts(
    harness: &Harness,
    sandbox: &Sandbox,
    exchange: Exchange,
    up: bool,
    places: Range<u64>,
    after_head: bool,
) -> Vec<(String, Claim)> {
    let lanes = (0..LANES).map(async |lane| {
        let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
        let client = client(harness, &proxy, sandbox).await;
        let mut claims = Vec::new();
        for at in places.clone().skip(lane as usize).step_by(LANES as usize) {
            proxy.set(cut(up, at, after_head));
            let mark = format!("marks/{exchange:?}-{}-{at}", if up { "up" } else { "down" });
            let result = match client.attach(sandbox.id()).await {
                Ok(handle) => exchange.make(&handle, &mark).await,
                Err(error) => Err(error),
            };
            claims.push((mark.replace("marks/", ""), Claim::of(&result)));
        }
        claims
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

async fn every_byte(exchange: Exchange) {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    sandbox.mkdir("marks").await.unwrap();
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let handle = client(&harness, &proxy, &sandbox).await.attach(sandbox.id()).await.unwrap();
    let before = proxy.bytes();
    exchange.make(&handle, "/tmp/recorded").await.unwrap();
    let after = proxy.bytes();
    // The heads are the same for all: one exchange is cut within them, the others after them.
    let after_head = exchange != Exchange::Call;
    let mut claims = Vec::new();
    for (up, bytes) in [(true, after.0 - before.0), (false, after.1 - before.1)] {
        let end = if after_head { bytes + 1 } else { bytes + LONGEST_HEAD };
        claims.extend(cuts(&harness, &sandbox, exchange, up, 0..end, after_head).await);
    }
    let ran = ran(&sandbox, "marks").await;
    let mut claimed = [0; 3];
    for (mark, claim) in &claims {
        let times = ran.get(mark).copied().unwrap_or_default();
        assert!(claim.is_true(times), "{mark}: {claim:?}, and it ran {times} times");
        claimed[*claim as usize] += 1;
    }
    assert!(
        claimed[0] > 0 && claimed[1] > 0,
        "{claimed:?} of {exchange:?}: the cuts prove nothing"
    );
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_byte_of_a_call() {
    every_byte(Exchange::Call).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_byte_of_a_command() {
    every_byte(Exchange::Command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_byte_of_a_stream() {
    every_byte(Exchange::Stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_byte_of_an_upload() {
    every_byte(Exchange::Upload).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_over_connections_that_end_anywhere() {
    let seed = Seed::take();
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let lanes = (0..LANES).map(async |lane| {
        let seed = seed.get().wrapping_add(lane << 32);
        let faults = Faults { seed, cut_within: Some(1_200), ..Faults::default() };
        let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
        let client = client(&harness, &proxy, &sandbox).await;
        let handle = client.attach(sandbox.id()).await.unwrap();
        proxy.set(faults);
        proxy.cut();
        let mut claims = Vec::new();
        for n in 0..1_000 / LANES {
            let mark = format!("{lane}-{n}");
            let result = handle.run("echo \"$MARK\" >> log; echo \"$MARK\"").env("MARK", &mark);
            let result = result.await.map(|done| {
                assert_eq!(done.output_text().trim_end(), mark);
                assert_eq!(done.exit_code(), Some(0));
            });
            claims.push((mark, Claim::of(&result)));
        }
        claims
    });
    let claims: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    let log = sandbox.run("cat log").await.unwrap();
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    let text = log.output_text();
    text.lines().for_each(|mark| *times.entry(mark).or_default() += 1);
    let mut claimed = [0; 3];
    for (mark, claim) in &claims {
        let times = times.get(mark.as_str()).copied().unwrap_or_default();
        assert!(claim.is_true(times), "{mark}: {claim:?}, and it ran {times} times");
        claimed[*claim as usize] += 1;
    }
    assert!(claimed.iter().all(|count| *count > 10), "{claimed:?}: the cuts prove little");
    sandbox.delete().await.unwrap();
}
