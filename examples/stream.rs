//! Output as it happens, replayed, and taken apart.

use std::error::Error;

use vtrix_sandbox::{CreateOptions, ExecEvent, OutputStream, Streams};

const BUILD: &str = "for n in 1 2 3; do echo compiling $n; sleep 0.2; done; echo 1 warning >&2";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let sandbox = service.client.create(CreateOptions::new("user-123")).await?;

    // Events, each stream apart.
    let mut events = sandbox.run(BUILD).stream().await?;
    while let Some(event) = events.next().await {
        match event? {
            ExecEvent::Start { pid, .. } => println!("started as process {pid:?}"),
            ExecEvent::Stdout(output) => print!("  {}", output.text()),
            ExecEvent::Stderr(output) => print!("! {}", output.text()),
            ExecEvent::Done { outcome, .. } => println!("{outcome}"),
            _ => {}
        }
    }

    // Wait for the result and watch meanwhile.
    let done = sandbox.run(BUILD).stdout(tokio::io::stdout()).await?;
    println!("{} bytes in all", done.output().len());

    // A detached command can be followed by anybody who knows its id: first what it wrote so far,
    // then what it writes.
    let job = sandbox.run(BUILD).spawn().await?;
    let mut logs = sandbox.exec_logs(job.cmd_id()).await?;
    while let Some(event) = logs.next().await {
        print!("{}", event?.text().unwrap_or_default());
    }

    // The same through the command's handle, and again once it is over.
    let mut logs = job.logs().await?;
    while let Some(entry) = logs.next().await {
        let entry = entry?;
        let mark = if entry.stream == OutputStream::Stderr { '!' } else { ' ' };
        print!("{mark} {}", entry.text());
    }
    println!("standard output alone: {:?}", job.stdout().await?.text());
    println!("both: {} bytes", job.collect_output(Streams::Both).await?.data.len());

    sandbox.delete().await?;
    service.end().await
}
