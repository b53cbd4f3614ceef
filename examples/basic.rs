//! Create a sandbox, run commands, let one run by itself.

use std::error::Error;
use std::time::Duration;

use vtrix_sandbox::{CreateOptions, ErrorKind, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let options = CreateOptions::new("user-123").env("GREETING", "hello").ttl_hours(1.0);
    let sandbox = service.client.create(options).await?;

    // Arguments are quoted: nothing in them is run by the shell.
    let done = sandbox.run("echo \"$GREETING\"").arg("it's $(not) run").await?;
    print!("{}", done.output_text());

    // Directory, environment, input.
    let done = sandbox
        .run("pwd; echo $GREETING; wc -w")
        .working_dir("/tmp")
        .env("GREETING", "good morning")
        .stdin("three short words")
        .await?;
    print!("{}", done.output_text());

    // An exit code other than 0 is a result, not an error.
    let done = sandbox.run("ls /missing").await?;
    println!(
        "exit code {:?}: {}",
        done.exit_code(),
        String::from_utf8_lossy(&done.stderr()).trim()
    );

    // A command that takes too long is killed; the error has its output.
    let late = sandbox.run("echo begun; sleep 60").timeout(Duration::from_millis(300)).await;
    if let Err(error) = late
        && error.kind() == ErrorKind::CommandTimedOut
    {
        let output = error.command().map(|command| command.output_text().into_owned());
        println!("timed out after writing {output:?}");
    }

    // Detached: started, and waited for when it suits.
    let job = sandbox.run("sleep 0.5; echo worked").spawn().await?;
    println!("{} runs as process {}", job.cmd_id(), job.pid().unwrap_or(-1));
    print!("{}", job.wait().await?.output_text());

    let server = sandbox.run("exec sleep 3600").spawn().await?;
    server.kill(Signal::Term).await?;
    println!("the server was {}", server.wait().await?.outcome());

    sandbox.delete().await?;
    service.end().await
}
