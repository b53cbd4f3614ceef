//! Everything once: a sandbox, a command, a live stream, a file, a transfer, the end.

use std::error::Error;

use indicatif::{ProgressBar, ProgressStyle};
use vtrix_sandbox::{CreateOptions, ExecEvent, Progress};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let sandbox = service.client.create(CreateOptions::new("user-123")).await?;
    println!("Created sandbox {}.\n", sandbox.id());

    // Run a command and look at how it ended.
    let done = sandbox.run("echo hello && uname -a").await?;
    print!("{}", done.output_text());
    println!("exit code {}\n", done.exit_code().unwrap_or(-1));

    // Watch a longer one while it runs.
    let countdown = "for n in 3 2 1; do echo $n; sleep 0.3; done; echo lift-off >&2; exit 7";
    let mut events = sandbox.run(countdown).stream().await?;
    while let Some(event) = events.next().await {
        match event? {
            ExecEvent::Stdout(output) => print!("stdout: {}", output.text()),
            ExecEvent::Stderr(output) => print!("stderr: {}", output.text()),
            ExecEvent::Done { outcome, .. } => println!("{outcome}\n"),
            _ => {}
        }
    }

    // Write, edit and read back a file.
    sandbox.write("/app/config.json", r#"{"port": 3000}"#).await?;
    sandbox.edit("/app/config.json", "3000", "8080").await?;
    let config = sandbox.read("/app/config.json").await?;
    println!("config.json: {}\n", config.text().unwrap_or_default());

    // Upload a file and download it again, with progress.
    let local = tempfile::tempdir()?;
    let (there, back) = (local.path().join("there.bin"), local.path().join("back.bin"));
    std::fs::write(&there, vec![42; 20_000_000])?;
    let bar = progress_bar("upload");
    sandbox.upload_file(&there, "/app/data.bin").progress(show(&bar)).await?;
    bar.finish();
    let bar = progress_bar("download");
    sandbox.download_file("/app/data.bin", &back).progress(show(&bar)).await?;
    bar.finish();
    println!("the same again: {}\n", std::fs::read(there)? == std::fs::read(back)?);

    sandbox.delete().await?;
    println!("Deleted the sandbox.");
    service.end().await
}

fn progress_bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:8} {bar:30} {bytes}/{total_bytes}")
        .expect("the template is well formed");
    ProgressBar::no_length().with_style(style).with_prefix(what)
}

fn show(bar: &ProgressBar) -> impl FnMut(&Progress) + Send + 'static {
    let bar = bar.clone();
    move |progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.transferred);
    }
}
