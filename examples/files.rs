//! Read, write, edit, list, upload, download and stream files.

use std::error::Error;

use vtrix_sandbox::{CreateOptions, ErrorKind, ReadResult, WriteFile};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let sandbox = service.client.create(CreateOptions::new("user-123")).await?;

    // Text. Parent directories are made.
    let written = sandbox.write("/app/config.json", r#"{"port": 3000}"#).await?;
    println!("wrote {written} bytes");
    sandbox.edit("/app/config.json", "\"port\": 3000", "\"port\": 8080").await?;
    match sandbox.read("/app/config.json").await? {
        ReadResult::Text { content, truncated, .. } => println!("{content} (cut: {truncated})"),
        ReadResult::Image { mime_type, .. } => println!("an image, {mime_type}"),
        _ => {}
    }

    // An edit that could mean two places is refused.
    sandbox.write("/app/twice", "a a").await?;
    let refused = sandbox.edit("/app/twice", "a", "b").await;
    println!("{:?}", refused.map_err(|error| error.kind()));

    // Several binary files in one flight, with permissions.
    let script = WriteFile::new("/app/run.sh", "#!/bin/sh\necho it runs\n").mode(0o755);
    let data = WriteFile::new("/app/data.bin", vec![0, 159, 146, 150]);
    sandbox.write_files([script, data]).await?;
    print!("{}", sandbox.run("/app/run.sh").await?.output_text());

    // Every byte of any file, or nothing where there is none.
    println!("{:?}", sandbox.read_to_buffer("/app/data.bin").await?);
    println!("{:?}", sandbox.read_to_buffer("/app/missing").await?);

    // Directories and metadata.
    sandbox.mkdir("/app/logs").await?;
    for entry in sandbox.list_files("/app").await? {
        println!("{} {:>6} {}", if entry.is_dir { 'd' } else { '-' }, entry.size, entry.name);
    }
    println!("exists: {}", sandbox.exists("/app/logs").await?);
    println!("is a directory: {}", sandbox.stat("/app/logs").await?.is_dir);

    // To and from this machine, whole or not at all.
    let local = tempfile::tempdir()?;
    let (up, down) = (local.path().join("up.csv"), local.path().join("new/down.csv"));
    std::fs::write(&up, "a,b\n".repeat(100_000))?;
    sandbox.upload_file(&up, "/data/large.csv").await?;
    let saved = sandbox.download_file("/data/large.csv", &down).mkdir_recursive(true).await?;
    println!("saved to {saved:?}");
    let several = [("/app/run.sh", local.path().join("run.sh")), ("/no", local.path().join("no"))];
    println!("{:?}", sandbox.download_files(several).await?);

    // A large file piece by piece, in little memory.
    let mut chunks = sandbox.read_stream("/data/large.csv").await?;
    let mut total = 0;
    while let Some(chunk) = chunks.next().await {
        total += chunk?.len();
    }
    println!("streamed {total} bytes");

    // What went wrong is one of a closed set of kinds.
    if let Err(error) = sandbox.read("/app").await {
        println!("{error} (a directory: {})", error.kind() == ErrorKind::IsADirectory);
    }

    sandbox.delete().await?;
    service.end().await
}
