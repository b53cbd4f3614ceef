//! Stop, start, restart, extend, update, configure and delete a sandbox.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use vtrix_sandbox::{CreateOptions, ErrorKind, Payload, Spec, StopOptions, UpdateOptions};

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let options = CreateOptions::new("user-123")
        .spec(Spec::new().cpu("1").memory("1Gi"))
        .payload(Payload::new("/api/v1/env").body(json!({"STAGE": "test"})))
        .ttl_hours(1.0);
    let sandbox = service.client.create(options).await?;
    println!("{} until {}", sandbox.status(), sandbox.expire_at());
    print!("{}", sandbox.run("echo stage $STAGE").await?.output_text());

    // Files survive a stop, processes don't.
    sandbox.write("/workspace/kept.txt", "still here").await?;
    let quickly = StopOptions::new().blocking(true).poll_interval(Duration::from_millis(50));
    sandbox.stop(quickly).await?;
    println!("{}", sandbox.status());
    if let Err(error) = sandbox.run("true").await {
        println!("{}: {error}", error.kind());
    }
    sandbox.start().await?;
    sandbox.wait_until_active(PATIENCE).await?;
    println!("{:?}", sandbox.read("/workspace/kept.txt").await?.text());

    sandbox.restart().await?;
    sandbox.wait_until_active(PATIENCE).await?;

    // More time: one hour, and the cached record is refreshed.
    sandbox.extend_timeout(3600).await?;
    println!("{} minutes left", sandbox.timeout().as_secs() / 60);

    // Other resources. The sandbox may be made again; its files stay.
    sandbox.update(UpdateOptions::new().spec(Spec::new().cpu("2").memory("2Gi"))).await?;
    sandbox.wait_until_active(PATIENCE).await?;
    println!("{:?}", sandbox.info().spec);

    // Apply the stored configuration again.
    sandbox.configure(None).await?;
    sandbox.wait_until_active(PATIENCE).await?;
    print!("{}", sandbox.run("echo stage $STAGE").await?.output_text());

    sandbox.delete().await?;
    let gone = service.client.get(sandbox.id()).await;
    println!("gone: {}", gone.is_err_and(|error| error.kind() == ErrorKind::NotFound));
    service.end().await
}
