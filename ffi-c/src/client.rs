//! The client: one gateway, one set of credentials, any number of sandboxes.

use std::ffi::c_void;
use std::sync::{Arc, OnceLock};

use ::vtrix_sandbox::{AttachOptions, Client, ListOptions, ListResult, SandboxInfo};

use crate::call::{Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::client_options::{
    vtrix_attach_options, vtrix_client_options, vtrix_create_options, vtrix_list_options,
};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::guard::{guard, guard_value, store};
use crate::handle::{Handle, Shared, free_shared, reference, usable};
use crate::info::{
    vtrix_sandbox_info, vtrix_sandbox_info_fn, vtrix_sandbox_list, vtrix_sandbox_list_fn,
};
use crate::options::read;
use crate::runtime::Engine;
use crate::sandbox::{Attached, vtrix_sandbox, vtrix_sandbox_fn};
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{given, owned, pairs, vtrix_str};

/// Creates, finds and deletes sandboxes. Counted; any number of threads may use one at the same
/// time, and any reference may be freed while calls are in flight. Freeing closes nothing.
///
/// Functions: `vtrix_client_new`, `vtrix_client_create`, `vtrix_client_create_async`,
/// `vtrix_client_attach`, `vtrix_client_attach_async`, `vtrix_client_list`,
/// `vtrix_client_list_async`, `vtrix_client_get`, `vtrix_client_get_async`, `vtrix_client_delete`,
/// `vtrix_client_delete_async`, `vtrix_client_close`, `vtrix_client_ref`, `vtrix_client_free`,
/// `vtrix_client_pool_status`, `vtrix_client_pool_status_async`, `vtrix_client_rolling_start`,
/// `vtrix_client_rolling_start_async`, `vtrix_client_rolling_status`,
/// `vtrix_client_rolling_status_async`, `vtrix_client_rolling_cancel`,
/// `vtrix_client_rolling_cancel_async`.
pub struct vtrix_client {
    pub(crate) engine: Arc<Engine>,
    pub(crate) inner: Client,
}

impl Handle for vtrix_client {
    const NAME: &'static str = "client";

    fn forked(&self) -> bool {
        self.engine.forked()
    }
}

impl Shared for vtrix_client {
    fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

/// Makes a client. Checks everything, connects to nothing. The first client of a process starts
/// the library's threads.
///
/// \param options borrowed; NULL is all defaults.
/// \param out_client receives an owned client; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_new(
    options: *const vtrix_client_options,
    out_client: *mut *mut vtrix_client,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_client, std::ptr::null_mut());
        guard(out_error, || {
            if out_client.is_null() {
                return Err(Failure::null("out_client"));
            }
            let inner = read(options, "options")?.builder()?.build()?;
            let engine = Engine::current()?;
            store(out_client, vtrix_client { engine, inner }.into_raw());
            Ok(())
        })
    }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn create(
    client: *const vtrix_client,
    user_id: vtrix_str,
    options: *const vtrix_create_options,
) -> Fallible<Op<Attached>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let options = read(options, "options")?.read(owned(user_id, "user_id")?)?;
        let (inner, engine) = (client.inner.clone(), client.engine.clone());
        let made = Arc::new(OnceLock::new());
        let accepted = made.clone();
        let work = async move {
            let accepted = |id: &str| {
                let _ = accepted.set(format!("sandbox {id}"));
            };
            inner.create_telling(options, accepted).await
        };
        Ok(Op::new(&client.engine, "create", work)
            .making(made)
            .map(|inner| Attached { engine, inner }))
    }
}

/// Creates a sandbox, waits until it is active and connects to it. Gives up at once, with
/// `VTRIX_STATUS_NOT_ACTIVE`, if it fails. Once the gateway has accepted the sandbox, every error
/// names its id, those of a cancelled task and of a shutdown included, and it is left as it is.
///
/// \param client borrowed; not NULL.
/// \param user_id borrowed; the owner.
/// \param options borrowed; NULL is all defaults.
/// \param out_sandbox receives an owned sandbox; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_create(
    client: *const vtrix_client,
    user_id: vtrix_str,
    options: *const vtrix_create_options,
    out_sandbox: *mut *mut vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_sandbox", out_sandbox, out_error, || create(client, user_id, options)) }
}

/// As `vtrix_client_create`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param user_id borrowed; the owner.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_client_create` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_create_async(
    client: *const vtrix_client,
    user_id: vtrix_str,
    options: *const vtrix_create_options,
    on_done: vtrix_sandbox_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || create(client, user_id, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn attach(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    options: *const vtrix_attach_options,
) -> Fallible<Op<Attached>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let options = read(options, "options")?;
        let id = owned(sandbox_id, "sandbox_id")?;
        let env = pairs(options.env, options.env_len, "env")?;
        let options = AttachOptions::new().envs(env);
        let (inner, engine) = (client.inner.clone(), client.engine.clone());
        Ok(Op::new(&client.engine, "attach", async move { inner.attach_with(&id, options).await })
            .map(|inner| Attached { engine, inner }))
    }
}

/// Connects to a sandbox that exists. One that is not active can be attached to; its calls then
/// fail until it is.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param options borrowed; NULL is all defaults.
/// \param out_sandbox receives an owned sandbox; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_attach(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    options: *const vtrix_attach_options,
    out_sandbox: *mut *mut vtrix_sandbox,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_sandbox", out_sandbox, out_error, || attach(client, sandbox_id, options))
    }
}

/// As `vtrix_client_attach`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_client_attach` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_attach_async(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    options: *const vtrix_attach_options,
    on_done: vtrix_sandbox_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || attach(client, sandbox_id, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn list(
    client: *const vtrix_client,
    options: *const vtrix_list_options,
) -> Fallible<Op<ListResult>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let given_options = read(options, "options")?;
        let mut options = ListOptions::new();
        if let Some(user_id) = given(given_options.user_id, "user_id")? {
            options = options.user_id(user_id);
        }
        if let Some(status) = given(given_options.status, "status")? {
            options = options.status(status);
        }
        if given_options.limit > 0 {
            options = options.limit(given_options.limit);
        }
        if given_options.offset > 0 {
            options = options.offset(given_options.offset);
        }
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "list", async move { inner.list(options).await }))
    }
}

/// Lists the sandboxes that these credentials may see, a page at a time.
///
/// \param client borrowed; not NULL.
/// \param options borrowed; NULL is the first page of everything.
/// \param out_list receives an owned page; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_list(
    client: *const vtrix_client,
    options: *const vtrix_list_options,
    out_list: *mut *mut vtrix_sandbox_list,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_list", out_list, out_error, || list(client, options)) }
}

/// As `vtrix_client_list`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param options borrowed; NULL is the first page of everything.
/// \param on_done comes once with what `vtrix_client_list` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_list_async(
    client: *const vtrix_client,
    options: *const vtrix_list_options,
    on_done: vtrix_sandbox_list_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || list(client, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn get(client: *const vtrix_client, sandbox_id: vtrix_str) -> Fallible<Op<SandboxInfo>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let id = owned(sandbox_id, "sandbox_id")?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "get", async move { inner.get(&id).await }))
    }
}

/// Reads what the gateway knows of a sandbox, without connecting to it.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param out_info receives an owned info; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_get(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    out_info: *mut *mut vtrix_sandbox_info,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_info", out_info, out_error, || get(client, sandbox_id)) }
}

/// As `vtrix_client_get`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param on_done comes once with what `vtrix_client_get` gives, on a callback thread, maybe before
/// this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_get_async(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    on_done: vtrix_sandbox_info_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || get(client, sandbox_id)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn delete(client: *const vtrix_client, sandbox_id: vtrix_str) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let client = usable(client)?;
        let id = owned(sandbox_id, "sandbox_id")?;
        let inner = client.inner.clone();
        Ok(Op::new(&client.engine, "delete", async move { inner.delete(&id).await }))
    }
}

/// Deletes a sandbox with everything in it, for good.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_delete(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || delete(client, sandbox_id)) }
}

/// As `vtrix_client_delete`, without waiting.
///
/// \param client borrowed; not NULL.
/// \param sandbox_id borrowed; the sandbox's name.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_delete_async(
    client: *const vtrix_client,
    sandbox_id: vtrix_str,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || delete(client, sandbox_id)) }
}

/// Closes the client and every sandbox handle made from it: calls in progress and all later ones
/// fail with `VTRIX_STATUS_CLOSED`, and commands that are being waited for are killed. The
/// sandboxes themselves go on. Idempotent, does not wait, and may be called from a callback.
///
/// \param client borrowed; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_close(client: *const vtrix_client) {
    guard_value((), || {
        // SAFETY: NULL or live, as documented.
        if let Some(client) = unsafe { client.as_ref() }
            && !client.forked()
        {
            client.inner.close();
        }
    });
}

/// Counts one more reference and returns it; each is freed by itself.
///
/// \param client borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_ref(client: *const vtrix_client) -> *mut vtrix_client {
    // SAFETY: NULL or live, as documented.
    guard_value(std::ptr::null_mut(), || unsafe { reference(client) })
}

/// Gives a reference back. Calls in flight and the sandbox handles made from it go on.
///
/// \param client owned: one reference is given back; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_free(client: *mut vtrix_client) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_shared(client) });
}
