//! The handle of one sandbox: what is known of it.
//!
//! Commands are in `run`, files in `files`, moving them in `transfer`, the sandbox as a whole in
//! `lifecycle`.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::SystemTime;

use ::vtrix_sandbox::Sandbox;

use crate::buffer::{Data, vtrix_buffer};
use crate::call::{Output, Told, begin_done, complete, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::guard::{guard, guard_value, store};
use crate::handle::{Handle, Shared, free_shared, get, reference, usable};
use crate::info::vtrix_sandbox_info;
use crate::runtime::Engine;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::vtrix_str;

/// A sandbox: runs commands and works on files in it. Counted; any number of threads may use one at
/// the same time, and any reference may be freed while calls are in flight. When the last one is
/// gone its connections close, and the commands that are being waited for are killed; the sandbox
/// itself goes on.
///
/// Functions: `vtrix_sandbox_id`, `vtrix_sandbox_get_info`, `vtrix_sandbox_created_at_ms`,
/// `vtrix_sandbox_timeout_ms`, `vtrix_sandbox_domain`, `vtrix_sandbox_connection_events`,
/// `vtrix_sandbox_refresh`, `vtrix_sandbox_refresh_async`, `vtrix_sandbox_close`, `vtrix_sandbox_ref`, `vtrix_sandbox_free`,
/// `vtrix_sandbox_stop`, `vtrix_sandbox_stop_async`, `vtrix_sandbox_start`,
/// `vtrix_sandbox_start_async`, `vtrix_sandbox_restart`, `vtrix_sandbox_restart_async`,
/// `vtrix_sandbox_delete`, `vtrix_sandbox_delete_async`, `vtrix_sandbox_wait_until_active`,
/// `vtrix_sandbox_wait_until_active_async`, `vtrix_sandbox_extend`, `vtrix_sandbox_extend_async`,
/// `vtrix_sandbox_extend_timeout`, `vtrix_sandbox_extend_timeout_async`, `vtrix_sandbox_update`,
/// `vtrix_sandbox_update_async`, `vtrix_sandbox_configure`, `vtrix_sandbox_configure_async`,
/// `vtrix_sandbox_run`, `vtrix_sandbox_run_async`, `vtrix_sandbox_spawn`,
/// `vtrix_sandbox_spawn_async`, `vtrix_sandbox_stream`, `vtrix_sandbox_stream_async`,
/// `vtrix_sandbox_exec_logs`, `vtrix_sandbox_exec_logs_async`, `vtrix_sandbox_kill`,
/// `vtrix_sandbox_kill_async`, `vtrix_sandbox_command`, `vtrix_sandbox_read`,
/// `vtrix_sandbox_read_async`, `vtrix_sandbox_write`, `vtrix_sandbox_write_async`,
/// `vtrix_sandbox_edit`, `vtrix_sandbox_edit_async`, `vtrix_sandbox_write_files`,
/// `vtrix_sandbox_write_files_async`, `vtrix_sandbox_read_to_buffer`,
/// `vtrix_sandbox_read_to_buffer_async`, `vtrix_sandbox_read_stream`,
/// `vtrix_sandbox_read_stream_async`, `vtrix_sandbox_mkdir`, `vtrix_sandbox_mkdir_async`,
/// `vtrix_sandbox_list_files`, `vtrix_sandbox_list_files_async`, `vtrix_sandbox_stat`,
/// `vtrix_sandbox_stat_async`, `vtrix_sandbox_exists`, `vtrix_sandbox_exists_async`,
/// `vtrix_sandbox_upload_file`, `vtrix_sandbox_upload_file_async`, `vtrix_sandbox_download_file`,
/// `vtrix_sandbox_download_file_async`, `vtrix_sandbox_download_files`,
/// `vtrix_sandbox_download_files_async`.
pub struct vtrix_sandbox {
    pub(crate) engine: Arc<Engine>,
    pub(crate) inner: Sandbox,
}

impl Handle for vtrix_sandbox {
    const NAME: &'static str = "sandbox";

    fn forked(&self) -> bool {
        self.engine.forked()
    }
}

impl Shared for vtrix_sandbox {
    fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

/// A sandbox on its way out.
pub(crate) struct Attached {
    pub(crate) engine: Arc<Engine>,
    pub(crate) inner: Sandbox,
}

impl Output for Attached {
    type C = *mut vtrix_sandbox;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_sandbox { engine: self.engine, inner: self.inner }.into_raw()
    }
}

/// The end of a call that gives a sandbox: one of `sandbox` and `error` is NULL; both are owned by
/// the receiver.
pub type vtrix_sandbox_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        sandbox: *mut vtrix_sandbox,
        error: *mut vtrix_error,
    ),
>;

/// The sandbox's name in every call. Borrowed from the handle.
///
/// \param sandbox borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_id(sandbox: *const vtrix_sandbox) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(sandbox, vtrix_str::EMPTY, |sandbox| Some(vtrix_str::lend(sandbox.inner.id()))) }
}

/// What the gateway last told of the sandbox, with its status and its end; `vtrix_sandbox_refresh`
/// asks again. Owned by the caller. NULL for a handle from before a fork.
///
/// \param sandbox borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_get_info(
    sandbox: *const vtrix_sandbox,
) -> *mut vtrix_sandbox_info {
    guard_value(std::ptr::null_mut(), || {
        // SAFETY: NULL or live, as documented.
        match unsafe { sandbox.as_ref() } {
            Some(sandbox) if !sandbox.forked() => sandbox.inner.info().into_c(),
            _ => std::ptr::null_mut(),
        }
    })
}

/// When the sandbox was created, in milliseconds since 1970; -1 where the gateway did not tell.
///
/// \param sandbox borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_created_at_ms(sandbox: *const vtrix_sandbox) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(sandbox, -1, |sandbox| own(sandbox)?.inner.created_at().map(unix_ms)) }
}

/// How long the sandbox has still to live, in milliseconds, going by what the gateway last told: 0
/// if that has passed, and also if the gateway did not say.
///
/// \param sandbox borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_timeout_ms(sandbox: *const vtrix_sandbox) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(sandbox, 0, |sandbox| {
            let left = own(sandbox)?.inner.timeout();
            Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
        })
    }
}

/// The cache of a handle from before a fork may be locked for ever.
fn own(sandbox: &vtrix_sandbox) -> Option<&vtrix_sandbox> {
    (!sandbox.forked()).then_some(sandbox)
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// Gives the URL at which a port of the sandbox is reached from outside. Asks nobody.
///
/// \param sandbox borrowed; not NULL.
/// \param port the port; not 0.
/// \param out_url receives an owned text; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_domain(
    sandbox: *const vtrix_sandbox,
    port: u16,
    out_url: *mut *mut vtrix_buffer,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_url, std::ptr::null_mut());
        guard(out_error, || {
            let sandbox = usable(sandbox)?;
            if out_url.is_null() {
                return Err(Failure::null("out_url"));
            }
            store(out_url, Data::from(sandbox.inner.domain(port)?).into_c());
            Ok(())
        })
    }
}

/// Tells whether there is a connection to the sandbox: what holds now, then each change, as events
/// `VTRIX_EVENT_CONNECTED`, `VTRIX_EVENT_IDLE`, `VTRIX_EVENT_LOST` and, at the end,
/// `VTRIX_EVENT_CLOSED`. A slow reader finds the last loss and what holds by then. Asks nobody; any
/// number of such streams may be open, and none of them holds up or keeps alive anything.
///
/// \param sandbox borrowed; not NULL.
/// \param out_stream receives an owned stream; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_connection_events(
    sandbox: *const vtrix_sandbox,
    out_stream: *mut *mut vtrix_stream,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_stream, std::ptr::null_mut());
        guard(out_error, || {
            let sandbox = usable(sandbox)?;
            if out_stream.is_null() {
                return Err(Failure::null("out_stream"));
            }
            let events = Source::Connection(sandbox.inner.connection_events());
            store(out_stream, Opened(sandbox.engine.clone(), events).into_c());
            Ok(())
        })
    }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn refresh(sandbox: *const vtrix_sandbox) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "refresh", async move { inner.refresh().await }))
    }
}

/// Reads what the gateway knows of the sandbox now, for `vtrix_sandbox_get_info` and its
/// neighbours.
///
/// \param sandbox borrowed; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_refresh(
    sandbox: *const vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || refresh(sandbox)) }
}

/// As `vtrix_sandbox_refresh`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_refresh_async(
    sandbox: *const vtrix_sandbox,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || refresh(sandbox)) }
}

/// Closes the handle, in all its references: calls in progress and all later ones fail with
/// `VTRIX_STATUS_CLOSED`, and commands that are being waited for are killed. The sandbox goes on.
/// Idempotent, does not wait, and may be called from a callback.
///
/// \param sandbox borrowed; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_close(sandbox: *const vtrix_sandbox) {
    guard_value((), || {
        // SAFETY: NULL or live, as documented.
        if let Some(sandbox) = unsafe { sandbox.as_ref() }
            && !sandbox.forked()
        {
            sandbox.inner.close();
        }
    });
}

/// Counts one more reference and returns it; each is freed by itself.
///
/// \param sandbox borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_ref(sandbox: *const vtrix_sandbox) -> *mut vtrix_sandbox {
    // SAFETY: NULL or live, as documented.
    guard_value(std::ptr::null_mut(), || unsafe { reference(sandbox) })
}

/// Gives a reference back. Calls in flight go on.
///
/// \param sandbox owned: one reference is given back; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_free(sandbox: *mut vtrix_sandbox) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_shared(sandbox) });
}
