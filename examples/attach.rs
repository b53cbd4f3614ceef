//! Come back to a sandbox by its id, as another program would.

use std::error::Error;

use vtrix_sandbox::{AttachOptions, CreateOptions, ListOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = vtrix_examples::service().await?;
    let client = &service.client;

    // One program creates a sandbox, leaves something running in it, and goes away.
    let sandbox = client.create(CreateOptions::new("user-123").label("job", "nightly")).await?;
    sandbox.write("notes.txt", "remember the milk").await?;
    let job = sandbox.run("sleep 0.5; echo finished").spawn().await?;
    let (sandbox_id, cmd_id) = (sandbox.id().to_owned(), job.cmd_id().to_owned());
    sandbox.close();

    // Another finds it again.
    let mine = client.list(ListOptions::new().user_id("user-123").status("active")).await?;
    for info in &mine.items {
        println!("{} is {}, with labels {:?}", info.id, info.status, info.labels);
    }

    // The environment of create is not kept anywhere: it is given again.
    let sandbox =
        client.attach_with(&sandbox_id, AttachOptions::new().env("WHO", "second")).await?;
    println!("{:?}", sandbox.read("notes.txt").await?.text());
    print!("{}", sandbox.run("echo the $WHO program is here").await?.output_text());
    print!("{}", sandbox.command(cmd_id).wait().await?.output_text());

    sandbox.delete().await?;
    service.end().await
}
