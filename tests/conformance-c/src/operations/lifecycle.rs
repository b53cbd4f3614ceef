//! Operations on a sandbox as a whole.

use vtrix_conformance::value::Value;

use super::unknown;
use crate::arguments::{Arguments, Spec, initialized};
use crate::call::{Failure, Mode, done};
use crate::library::*;
use crate::owned::lent_or_none;
use crate::steps::Gives;

pub(super) fn perform(
    mode: Mode<'_>,
    verb: &str,
    it: *const vtrix_sandbox,
    with: Arguments<'_>,
) -> Result<Gives, Failure> {
    let (seconds, patience) = (with.count("seconds")?, with.millis("timeout_sec")?);
    match verb {
        "refresh" => done!(mode, vtrix_sandbox_refresh, vtrix_sandbox_refresh_async, it),
        "stop" => {
            let mut options = initialized(c().vtrix_stop_options_init);
            options.blocking = with.flag("blocking")?.into();
            options.poll_interval_ms = with.count("poll_interval_ms")?;
            options.timeout_ms = with.count("timeout_ms")?;
            done!(mode, vtrix_sandbox_stop, vtrix_sandbox_stop_async, it, &raw const options)
        }
        "start" => done!(mode, vtrix_sandbox_start, vtrix_sandbox_start_async, it),
        "restart" => done!(mode, vtrix_sandbox_restart, vtrix_sandbox_restart_async, it),
        "wait_until_active" => done!(
            mode,
            vtrix_sandbox_wait_until_active,
            vtrix_sandbox_wait_until_active_async,
            it,
            patience
        ),
        "extend" => done!(mode, vtrix_sandbox_extend, vtrix_sandbox_extend_async, it, seconds),
        "extend_timeout" => done!(
            mode,
            vtrix_sandbox_extend_timeout,
            vtrix_sandbox_extend_timeout_async,
            it,
            seconds
        ),
        "update" => {
            let (spec, image) = (with.spec()?, with.text("image")?);
            let spec = spec.as_ref().map(Spec::lent);
            let mut options = initialized(c().vtrix_update_options_init);
            options.spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            options.image = lent_or_none(image.as_deref());
            done!(mode, vtrix_sandbox_update, vtrix_sandbox_update_async, it, &raw const options)
        }
        "configure" => {
            let payloads = with.payloads()?;
            let lent = payloads.lent();
            // An empty list is not the same as none: the stored ones stay out of it.
            let list = if with.has("payloads") { lent.as_ptr() } else { std::ptr::null() };
            let many = lent.len();
            done!(mode, vtrix_sandbox_configure, vtrix_sandbox_configure_async, it, list, many)
        }
        "delete" => done!(mode, vtrix_sandbox_delete, vtrix_sandbox_delete_async, it),
        _ => Err(unknown(verb)),
    }?;
    Ok(Value::Null.into())
}
