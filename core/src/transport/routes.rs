//! Where the gateway serves what: the URLs of its routes.

use url::Url;
use vtrix_protocol::control::{self, ListRequest};

use crate::config::{Config, Routes};

/// The URL of a route: `sandbox_url(config, Some("a"), "stop")` is `…/sandbox/a/stop`.
pub(super) fn sandbox_url(config: &Config, id: Option<&str>, route: &str) -> Url {
    let mut url = config.base_url.clone();
    push_path(
        &mut url,
        match config.routes {
            Routes::Sandbox => control::ROUTES,
            Routes::Sandboxes => control::PLURAL_ROUTES,
        },
    );
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(id).extend(Some(route).filter(|route| !route.is_empty()));
    }
    url
}

pub(super) fn push_path(url: &mut Url, path: &str) {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|part| !part.is_empty()));
    }
}

pub(super) fn list_query(url: &mut Url, body: &ListRequest) {
    let ListRequest { user_id, status, limit, offset } = body;
    let mut query = url.query_pairs_mut();
    for (name, value) in [("user_id", user_id), ("status", status)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    for (name, value) in [("limit", limit), ("offset", offset)] {
        if let Some(value) = value {
            query.append_pair(name, &value.to_string());
        }
    }
}
