//! The gateway under measurement, in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use vtrix_harness::{Harness, PROJECT};
use vtrix_sandbox::{Client, CreateOptions, Sandbox};

use crate::Fallible;

/// A child of this program in another role; dropping it ends it.
pub(crate) struct Part {
    child: Child,
    /// What it said first.
    pub(crate) line: String,
}

impl Part {
    /// Starts this program with `arguments` and waits for its first line.
    pub(crate) async fn start(arguments: &[&str]) -> Fallible<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        Ok(Self { child, line: line.trim_end().to_owned() })
    }

    /// Ends its input and waits for its end.
    pub(crate) async fn end(mut self) -> Fallible {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}

/// Returns once standard input has ended: the parent has.
pub(crate) async fn parent_is_gone() {
    let mut buffer = [0; 64];
    let mut input = tokio::io::stdin();
    while input.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// The gateway's role.
pub(crate) async fn gateway() -> Fallible {
    let harness = Harness::start().await;
    let data_dir = harness.data_dir().display();
    println!("{} {} {} {data_dir}", harness.url(), harness.token(), harness.mode());
    parent_is_gone().await;
    harness.end().await;
    Ok(())
}

/// The gateway and a client of it.
pub(crate) struct Service {
    part: Part,
    pub(crate) client: Client,
    url: String,
    token: String,
    pub(crate) addr: SocketAddr,
    /// The gateway's.
    pub(crate) data_dir: PathBuf,
}

impl Service {
    pub(crate) async fn start() -> Fallible<Self> {
        let part = Part::start(&["gateway"]).await?;
        let mut words = part.line.splitn(4, ' ').map(str::to_owned);
        let mut word = || words.next().ok_or("the gateway said too little");
        let (url, token, mode, data_dir) = (word()?, word()?, word()?, PathBuf::from(word()?));
        println!("isolation: {mode}");
        let addr = url.trim_start_matches("http://").parse()?;
        let client = Client::builder().base_url(&url).token(&token).project_id(PROJECT).build()?;
        Ok(Self { part, client, url, token, addr, data_dir })
    }

    /// The gateway's process.
    pub(crate) fn gateway_pid(&self) -> Fallible<u32> {
        self.part.child.id().ok_or_else(|| "the gateway has ended".into())
    }

    /// What names the gateway to another program.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 3] {
        let (url, token) = (self.url.as_str(), self.token.as_str());
        [("VTRIX_BASE_URL", url), ("VTRIX_TOKEN", token), ("VTRIX_PROJECT_ID", PROJECT)]
    }

    /// Another client, through a proxy.
    pub(crate) fn client_at(&self, url: &str) -> Fallible<Client> {
        let builder = Client::builder().base_url(url).token(&self.token).project_id(PROJECT);
        Ok(builder.build()?)
    }

    /// A sandbox that has run a command already.
    pub(crate) async fn sandbox(&self) -> Fallible<Sandbox> {
        let sandbox = self.client.create(CreateOptions::new("bench")).await?;
        sandbox.run("true").await?;
        Ok(sandbox)
    }

    pub(crate) async fn end(self) -> Fallible {
        self.client.close();
        self.part.end().await
    }
}
