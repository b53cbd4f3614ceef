//! What the gateway knows of a sandbox, and pages of that.
//!
//! Both are values, made when they were asked for; asking again makes new ones.

use std::ffi::c_void;

use ::vtrix_sandbox::{ListResult, Pagination, SandboxInfo};

use crate::call::Output;
use crate::error::vtrix_error;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::text::vtrix_str;

/// What the gateway told of a sandbox. A value: it never changes, any thread may read it. Texts
/// that the gateway leaves out are empty.
///
/// Functions: `vtrix_sandbox_info_id`, `vtrix_sandbox_info_user_id`,
/// `vtrix_sandbox_info_namespace`, `vtrix_sandbox_info_status`, `vtrix_sandbox_info_ip`,
/// `vtrix_sandbox_info_preview_url`, `vtrix_sandbox_info_preview_host`,
/// `vtrix_sandbox_info_preview_scheme`, `vtrix_sandbox_info_port`, `vtrix_sandbox_info_image_tag`,
/// `vtrix_sandbox_info_spec_cpu`, `vtrix_sandbox_info_spec_memory`,
/// `vtrix_sandbox_info_spec_image`, `vtrix_sandbox_info_spec_requests_cpu`,
/// `vtrix_sandbox_info_spec_requests_memory`, `vtrix_sandbox_info_labels_len`,
/// `vtrix_sandbox_info_label_name`, `vtrix_sandbox_info_label_value`,
/// `vtrix_sandbox_info_created_at`, `vtrix_sandbox_info_allocated_at`,
/// `vtrix_sandbox_info_expire_at`, `vtrix_sandbox_info_last_active_at`,
/// `vtrix_sandbox_info_message`, `vtrix_sandbox_info_not_enforced_len`,
/// `vtrix_sandbox_info_not_enforced`, `vtrix_sandbox_info_free`.
pub struct vtrix_sandbox_info {
    inner: SandboxInfo,
}

impl Handle for vtrix_sandbox_info {
    const NAME: &'static str = "info";
}

impl Unique for vtrix_sandbox_info {}

impl Output for SandboxInfo {
    type C = *mut vtrix_sandbox_info;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_sandbox_info { inner: self }.into_raw()
    }
}

/// The sandbox's name in every call. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_id(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.id))) }
}

/// Its owner. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_user_id(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.user_id))) }
}

/// Where the control plane keeps it. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_namespace(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.namespace))) }
}

/// `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word.
/// Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_status(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.status))) }
}

/// Address inside the cluster. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_ip(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.ip))) }
}

/// A URL for every port, where ports have no host of their own. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_preview_url(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.preview_url))) }
}

/// The host of port N is `N-` and this. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_preview_host(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.preview_host))) }
}

/// Scheme of that host; empty means `https`. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_preview_scheme(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.preview_scheme.as_deref().map(vtrix_str::lend)
        })
    }
}

/// The executor's port.
///
/// \param info borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_port(info: *const vtrix_sandbox_info) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, 0, |info| Some(info.inner.port)) }
}

/// The image it was made from. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_image_tag(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.image_tag))) }
}

/// Processors asked for. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_spec_cpu(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.spec.as_ref().map(|spec| vtrix_str::lend(&spec.cpu))
        })
    }
}

/// Memory asked for. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_spec_memory(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.spec.as_ref().map(|spec| vtrix_str::lend(&spec.memory))
        })
    }
}

/// Image asked for. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_spec_image(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.spec.as_ref().map(|spec| vtrix_str::lend(&spec.image))
        })
    }
}

/// Processors set aside. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_spec_requests_cpu(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.spec.as_ref().map(|spec| vtrix_str::lend(&spec.requests_cpu))
        })
    }
}

/// Memory set aside. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_spec_requests_memory(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.spec.as_ref().map(|spec| vtrix_str::lend(&spec.requests_memory))
        })
    }
}

/// How many labels it has.
///
/// \param info borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_labels_len(info: *const vtrix_sandbox_info) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, 0, |info| Some(info.inner.labels.len())) }
}

/// The name of a label. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_sandbox_info_labels_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_label_name(
    info: *const vtrix_sandbox_info,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.labels.iter().nth(index).map(|label| vtrix_str::lend(label.0))
        })
    }
}

/// The value of a label. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_sandbox_info_labels_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_label_value(
    info: *const vtrix_sandbox_info,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.labels.iter().nth(index).map(|label| vtrix_str::lend(label.1))
        })
    }
}

/// When create was accepted, RFC 3339. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_created_at(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.created_at))) }
}

/// When it was given to its owner, RFC 3339. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_allocated_at(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.allocated_at))) }
}

/// When it ends by itself, RFC 3339. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_expire_at(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.expire_at))) }
}

/// When a client was last heard from, RFC 3339. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_last_active_at(
    info: *const vtrix_sandbox_info,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, vtrix_str::EMPTY, |info| Some(vtrix_str::lend(&info.inner.last_active_at))) }
}

/// Why it failed, for people. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_message(info: *const vtrix_sandbox_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| info.inner.message.as_deref().map(vtrix_str::lend))
    }
}

/// How many fields of the spec the gateway says it does not enforce.
///
/// \param info borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_not_enforced_len(
    info: *const vtrix_sandbox_info,
) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, 0, |info| Some(info.inner.not_enforced.len())) }
}

/// One of those fields. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_sandbox_info_not_enforced_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_not_enforced(
    info: *const vtrix_sandbox_info,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| {
            info.inner.not_enforced.get(index).map(|field| vtrix_str::lend(field))
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param info owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_info_free(info: *mut vtrix_sandbox_info) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(info) });
}

/// The end of a call that gives an info: one of `info` and `error` is NULL; both are owned by the
/// receiver.
pub type vtrix_sandbox_info_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        info: *mut vtrix_sandbox_info,
        error: *mut vtrix_error,
    ),
>;

/// A page of sandboxes. A value: it never changes, any thread may read it.
///
/// Functions: `vtrix_sandbox_list_len`, `vtrix_sandbox_list_get`, `vtrix_sandbox_list_total`,
/// `vtrix_sandbox_list_limit`, `vtrix_sandbox_list_offset`, `vtrix_sandbox_list_has_more`,
/// `vtrix_sandbox_list_free`.
pub struct vtrix_sandbox_list {
    items: Vec<vtrix_sandbox_info>,
    pagination: Pagination,
}

impl Handle for vtrix_sandbox_list {
    const NAME: &'static str = "list";
}

impl Unique for vtrix_sandbox_list {}

impl Output for ListResult {
    type C = *mut vtrix_sandbox_list;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        let items = self.items.into_iter().map(|inner| vtrix_sandbox_info { inner }).collect();
        vtrix_sandbox_list { items, pagination: self.pagination }.into_raw()
    }
}

/// How many sandboxes the page has.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_len(list: *const vtrix_sandbox_list) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.items.len())) }
}

/// One of them. Borrowed from the list.
///
/// \param list borrowed; NULL gives NULL.
/// \param index 0 to `vtrix_sandbox_list_len` - 1; past that the result is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_get(
    list: *const vtrix_sandbox_list,
    index: usize,
) -> *const vtrix_sandbox_info {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, std::ptr::null(), |list| list.items.get(index).map(std::ptr::from_ref)) }
}

/// Sandboxes that match, on all pages.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_total(list: *const vtrix_sandbox_list) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.pagination.total)) }
}

/// Largest page.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_limit(list: *const vtrix_sandbox_list) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.pagination.limit)) }
}

/// Sandboxes before this page.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_offset(list: *const vtrix_sandbox_list) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.pagination.offset)) }
}

/// There is a page after this one.
///
/// \param list borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_has_more(list: *const vtrix_sandbox_list) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, false, |list| Some(list.pagination.has_more)) }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param list owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_free(list: *mut vtrix_sandbox_list) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(list) });
}

/// The end of a call that gives a page: one of `list` and `error` is NULL; both are owned by the
/// receiver.
pub type vtrix_sandbox_list_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        list: *mut vtrix_sandbox_list,
        error: *mut vtrix_error,
    ),
>;
