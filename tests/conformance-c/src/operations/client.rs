//! Operations of a client.

use std::sync::Arc;

use vtrix_conformance::value::Value;

use super::{info, unknown};
use crate::arguments::{Arguments, Spec, initialized};
use crate::call::{Failure, Mode, done, gives};
use crate::library::*;
use crate::owned::{Owned, lent, lent_bytes, lent_or_none};
use crate::results::{self, read};
use crate::runner::new_client;
use crate::steps::{Gives, Handle, Run};

pub(super) fn new(run: &Run, with: Arguments<'_>) -> Result<Gives, Failure> {
    let given = |name: &str, otherwise: &str| {
        Ok::<_, Failure>(with.text(name)?.unwrap_or_else(|| otherwise.to_owned()))
    };
    let base_url = given("base_url", &run.endpoint.url)?;
    let token = given("token", &run.endpoint.token)?;
    let project_id = given("project_id", &run.endpoint.project_id)?;
    let mut options = initialized(c().vtrix_client_options_init);
    options.base_url = lent(&base_url);
    options.token = lent(&token);
    options.project_id = lent(&project_id);
    options.routes = match with.text("routes")?.as_deref() {
        None => 0,
        Some("sandbox") => VTRIX_ROUTES_SANDBOX,
        Some("sandboxes") => VTRIX_ROUTES_SANDBOXES,
        Some(other) => return Err(format!("no routes are called `{other}`").into()),
    };
    let millis = |name: &str| Ok::<_, Failure>(with.millis(name)?.max(with.has(name).into()));
    options.connect_timeout_ms = millis("connect_timeout_sec")?;
    options.call_timeout_ms = millis("call_timeout_sec")?;
    options.idle_timeout_ms = millis("idle_timeout_sec")?;
    if with.has("max_retries") {
        options.max_retries = with.count("max_retries")?.try_into().unwrap_or(i64::MAX);
    }
    let (proxy, no_proxy) = (with.text("proxy")?, with.text("no_proxy")?);
    options.proxy = lent_or_none(proxy.as_deref());
    options.no_proxy = lent_or_none(no_proxy.as_deref());
    let pem = with.bytes("client_identity_pem")?.unwrap_or_default();
    options.client_identity_pem = lent_bytes(&pem);
    let client = Arc::new(new_client(&options)?);
    Ok(Gives { value: Value::Null, handle: Some(Handle::Client(client)) })
}

pub(crate) fn create(
    mode: Mode<'_>,
    client: &Owned<vtrix_client>,
    with: Arguments<'_>,
) -> Result<Owned<vtrix_sandbox>, Failure> {
    let user = with.needed_text("user_id")?;
    let (labels, env) = (with.pairs("labels")?, with.pairs("env")?);
    let (spec, payloads) = (with.spec()?, with.payloads()?);
    let (spec, payloads) = (spec.as_ref().map(Spec::lent), payloads.lent());
    let mut options = initialized(c().vtrix_create_options_init);
    options.spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    (options.labels, options.labels_len) = (labels.lent.as_ptr(), labels.lent.len());
    (options.payloads, options.payloads_len) = (payloads.as_ptr(), payloads.len());
    (options.env, options.env_len) = (env.lent.as_ptr(), env.lent.len());
    options.ttl_hours = with.number("ttl_hours")?;
    options.timeout_ms = with.millis("timeout_sec")?;
    gives!(
        mode,
        vtrix_sandbox_free,
        vtrix_client_create,
        vtrix_client_create_async,
        client.get(),
        lent(&user),
        &raw const options
    )
}

pub(super) fn perform(
    mode: Mode<'_>,
    verb: &str,
    client: &Owned<vtrix_client>,
    with: Arguments<'_>,
) -> Result<Gives, Failure> {
    let it = client.get();
    let id = with.text("sandbox_id")?.unwrap_or_default();
    let id = lent(&id);
    let value = match verb {
        "create" => return Ok(saved(create(mode, client, with)?)),
        "attach" => return attach(mode, it, id, with),
        "list" => {
            let (user, status) = (with.text("user_id")?, with.text("status")?);
            let mut options = initialized(c().vtrix_list_options_init);
            options.user_id = lent_or_none(user.as_deref());
            options.status = lent_or_none(status.as_deref());
            (options.limit, options.offset) = (with.count("limit")?, with.count("offset")?);
            let list = gives!(
                mode,
                vtrix_sandbox_list_free,
                vtrix_client_list,
                vtrix_client_list_async,
                it,
                &raw const options
            )?;
            results::list(list.get())
        }
        "get" => {
            let info = gives!(
                mode,
                vtrix_sandbox_info_free,
                vtrix_client_get,
                vtrix_client_get_async,
                it,
                id
            )?;
            results::info(info.get())
        }
        "delete" => {
            done!(mode, vtrix_client_delete, vtrix_client_delete_async, it, id)?;
            Value::Null
        }
        "pool_status" => {
            let status = gives!(
                mode,
                vtrix_pool_status_free,
                vtrix_client_pool_status,
                vtrix_client_pool_status_async,
                it
            )?;
            results::pool_status(status.get())
        }
        "close" => {
            read!(vtrix_client_close, it);
            Value::Null
        }
        _ => rolling(mode, verb, it, with)?,
    };
    Ok(value.into())
}

fn rolling(
    mode: Mode<'_>,
    verb: &str,
    it: *const vtrix_client,
    with: Arguments<'_>,
) -> Result<Value, Failure> {
    let status = match verb {
        "rolling_start" => {
            let image = with.text("image")?;
            gives!(
                mode,
                vtrix_rolling_status_free,
                vtrix_client_rolling_start,
                vtrix_client_rolling_start_async,
                it,
                lent_or_none(image.as_deref())
            )?
        }
        "rolling_status" => gives!(
            mode,
            vtrix_rolling_status_free,
            vtrix_client_rolling_status,
            vtrix_client_rolling_status_async,
            it
        )?,
        "rolling_cancel" => gives!(
            mode,
            vtrix_rolling_status_free,
            vtrix_client_rolling_cancel,
            vtrix_client_rolling_cancel_async,
            it
        )?,
        _ => return Err(unknown(verb)),
    };
    Ok(results::rolling_status(status.get()))
}

fn attach(
    mode: Mode<'_>,
    it: *const vtrix_client,
    id: vtrix_str,
    with: Arguments<'_>,
) -> Result<Gives, Failure> {
    let env = with.pairs("env")?;
    let mut options = initialized(c().vtrix_attach_options_init);
    (options.env, options.env_len) = (env.lent.as_ptr(), env.lent.len());
    let sandbox = gives!(
        mode,
        vtrix_sandbox_free,
        vtrix_client_attach,
        vtrix_client_attach_async,
        it,
        id,
        &raw const options
    )?;
    Ok(saved(sandbox))
}

fn saved(sandbox: Owned<vtrix_sandbox>) -> Gives {
    Gives { value: info(&sandbox), handle: Some(Handle::Sandbox(Arc::new(sandbox))) }
}
