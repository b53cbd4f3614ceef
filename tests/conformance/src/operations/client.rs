//! Operations of a client.

use vtrix_sandbox::{AttachOptions, Client, ListOptions, Routes};

use super::results::{info, list, pool_status, rolling_status};
use super::{Arguments, Failure, Gives, create_options, unknown};
use crate::handles::Handle;
use crate::runner::Run;
use crate::value::Value;

pub(super) async fn perform(
    run: &Run,
    verb: &str,
    on: Option<&str>,
    with: &Arguments<'_>,
) -> Result<Gives, Failure> {
    if verb == "new" {
        return new(run, with);
    }
    let client = run.handles.client(on)?;
    let id = || with.needed_text("sandbox_id");
    let value = match verb {
        "create" => {
            let sandbox = client.create(create_options(with)?).await?;
            let value = info(&sandbox.info());
            return Ok(Gives { value, handle: Some(Handle::Sandbox(sandbox)) });
        }
        "attach" => {
            let env = with.text_map("env")?;
            let sandbox = if env.is_empty() {
                client.attach(&id()?).await?
            } else {
                client.attach_with(&id()?, AttachOptions::new().envs(env)).await?
            };
            let value = info(&sandbox.info());
            return Ok(Gives { value, handle: Some(Handle::Sandbox(sandbox)) });
        }
        "list" => {
            let mut options = ListOptions::new();
            if let Some(user_id) = with.text("user_id")? {
                options = options.user_id(user_id);
            }
            if let Some(status) = with.text("status")? {
                options = options.status(status);
            }
            if let Some(limit) = with.count("limit")? {
                options = options.limit(limit);
            }
            if let Some(offset) = with.count("offset")? {
                options = options.offset(offset);
            }
            list(&client.list(options).await?)
        }
        "get" => info(&client.get(&id()?).await?),
        "delete" => {
            client.delete(&id()?).await?;
            Value::Null
        }
        "pool_status" => pool_status(&client.pool_status().await?),
        "rolling_start" => {
            let image = with.text("image")?;
            rolling_status(&client.rolling_start(image.as_deref()).await?)
        }
        "rolling_status" => rolling_status(&client.rolling_status().await?),
        "rolling_cancel" => rolling_status(&client.rolling_cancel().await?),
        "close" => {
            client.close();
            Value::Null
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}

fn new(run: &Run, with: &Arguments<'_>) -> Result<Gives, Failure> {
    let or = |given: Option<String>, otherwise: &str| given.unwrap_or_else(|| otherwise.to_owned());
    let mut builder = Client::builder()
        .base_url(or(with.text("base_url")?, &run.endpoint.url))
        .token(or(with.text("token")?, &run.endpoint.token))
        .project_id(or(with.text("project_id")?, &run.endpoint.project_id));
    match with.text("routes")?.as_deref() {
        None | Some("sandbox") => {}
        Some("sandboxes") => builder = builder.routes(Routes::Sandboxes),
        Some(other) => return Err(Failure::Scenario(format!("no routes are called `{other}`"))),
    }
    if let Some(timeout) = with.seconds("connect_timeout_sec")? {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = with.seconds("call_timeout_sec")? {
        builder = builder.call_timeout(timeout);
    }
    if let Some(timeout) = with.seconds("idle_timeout_sec")? {
        builder = builder.idle_timeout(timeout);
    }
    if let Some(retries) = with.count("max_retries")? {
        builder = builder.max_retries(u32::try_from(retries).unwrap_or(u32::MAX));
    }
    if let Some(url) = with.text("proxy")? {
        builder = builder.proxy(url);
    }
    if let Some(list) = with.text("no_proxy")? {
        builder = builder.no_proxy(list);
    }
    if let Some(pem) = with.text("client_identity_pem")? {
        builder = builder.client_identity_pem(pem);
    }
    let client = builder.build()?;
    Ok(Gives { value: Value::Null, handle: Some(Handle::Client(client)) })
}
