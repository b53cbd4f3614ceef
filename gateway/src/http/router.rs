//! From a method and a path to what is asked for. The two generations of routes differ only in
//! create and list.

use http::Method;
use vtrix_protocol::control::{PLURAL_ROUTES, ROUTES};

use crate::refusal::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Create,
    /// By a body.
    List,
    /// By a query.
    ListQuery,
    Get(&'a str),
    Delete(&'a str),
    Update(&'a str),
    Stop(&'a str),
    Start(&'a str),
    Restart(&'a str),
    Extend(&'a str),
    Configure(&'a str),
    Connect(&'a str),
    PoolStatus,
    RollingStart,
    RollingStatus,
    RollingCancel,
}

impl Route<'_> {
    /// Whether it is about the whole gateway, and so about every project.
    pub(super) fn is_admin(&self) -> bool {
        matches!(
            self,
            Self::PoolStatus | Self::RollingStart | Self::RollingStatus | Self::RollingCancel
        )
    }
}

/// A path that has no such method, and those it has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoute {
    pub(super) refusal: Refusal,
    pub(super) allow: Option<&'static str>,
}

pub(super) fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let unknown = || NoRoute { refusal: Refusal::no_route(), allow: None };
    if let Some(rest) = path.strip_prefix("/admin/") {
        let (found, allow) = match rest {
            "pool/status" => (Route::PoolStatus, "GET"),
            "rolling/start" => (Route::RollingStart, "POST"),
            "rolling/status" => (Route::RollingStatus, "GET"),
            "rolling/cancel" => (Route::RollingCancel, "POST"),
            _ => return Err(unknown()),
        };
        return choose(method, &[(allow, found)], allow);
    }
    let (plural, rest) = match (path.strip_prefix(PLURAL_ROUTES), path.strip_prefix(ROUTES)) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('/') => (true, rest),
        (_, Some(rest)) if rest.starts_with('/') => (false, rest),
        _ => return Err(unknown()),
    };
    let segments: Vec<&str> = rest.split('/').skip(1).collect();
    match (plural, segments.as_slice()) {
        (true, []) => {
            choose(method, &[("GET", Route::ListQuery), ("POST", Route::Create)], "GET, POST")
        }
        (false, ["create"]) => choose(method, &[("POST", Route::Create)], "POST"),
        (false, ["list"]) => choose(method, &[("POST", Route::List)], "POST"),
        (_, [id]) if !id.is_empty() => {
            let routes = [
                ("GET", Route::Get(id)),
                ("DELETE", Route::Delete(id)),
                ("PATCH", Route::Update(id)),
            ];
            choose(method, &routes, "GET, DELETE, PATCH")
        }
        (_, [id, action]) if !id.is_empty() => {
            let (allow, found) = match *action {
                "stop" => ("POST", Route::Stop(id)),
                "start" => ("POST", Route::Start(id)),
                "restart" => ("POST", Route::Restart(id)),
                "extend" => ("POST", Route::Extend(id)),
                "configure" => ("POST", Route::Configure(id)),
                "connect" => ("GET", Route::Connect(id)),
                _ => return Err(unknown()),
            };
            choose(method, &[(allow, found)], allow)
        }
        _ => Err(unknown()),
    }
}

fn choose<'a>(
    method: &Method,
    routes: &[(&str, Route<'a>)],
    allow: &'static str,
) -> Result<Route<'a>, NoRoute> {
    routes
        .iter()
        .find(|(name, _)| method.as_str() == *name)
        .map(|(_, route)| *route)
        .ok_or(NoRoute { refusal: Refusal::method(), allow: Some(allow) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, path: &str) -> Result<Route<'static>, u16> {
        let path = path.to_owned().leak();
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        route(&method, path).map_err(|none| none.refusal.status)
    }

    #[test]
    fn both_generations() {
        assert_eq!(status("POST", "/api/v1/sandbox/create"), Ok(Route::Create));
        assert_eq!(status("POST", "/api/v1/sandboxes"), Ok(Route::Create));
        assert_eq!(status("POST", "/api/v1/sandbox/list"), Ok(Route::List));
        assert_eq!(status("GET", "/api/v1/sandboxes"), Ok(Route::ListQuery));
        for prefix in ["/api/v1/sandbox", "/api/v1/sandboxes"] {
            let at = |method, rest: &str| status(method, &format!("{prefix}/{rest}"));
            assert_eq!(at("GET", "x"), Ok(Route::Get("x")));
            assert_eq!(at("DELETE", "x"), Ok(Route::Delete("x")));
            assert_eq!(at("PATCH", "x"), Ok(Route::Update("x")));
            assert_eq!(at("POST", "x/stop"), Ok(Route::Stop("x")));
            assert_eq!(at("POST", "x/start"), Ok(Route::Start("x")));
            assert_eq!(at("POST", "x/restart"), Ok(Route::Restart("x")));
            assert_eq!(at("POST", "x/extend"), Ok(Route::Extend("x")));
            assert_eq!(at("POST", "x/configure"), Ok(Route::Configure("x")));
            assert_eq!(at("GET", "x/connect"), Ok(Route::Connect("x")));
            assert_eq!(at("POST", "x/connect"), Err(405));
            assert_eq!(at("GET", "x/stop"), Err(405));
            assert_eq!(at("PUT", "x"), Err(405));
            assert_eq!(at("GET", "x/nope"), Err(404));
            assert_eq!(at("GET", "x/stop/now"), Err(404));
            assert_eq!(at("GET", ""), Err(404));
        }
    }

    #[test]
    fn admin_and_nothing() {
        assert_eq!(status("GET", "/admin/pool/status"), Ok(Route::PoolStatus));
        assert_eq!(status("POST", "/admin/rolling/start"), Ok(Route::RollingStart));
        assert_eq!(status("GET", "/admin/rolling/status"), Ok(Route::RollingStatus));
        assert_eq!(status("POST", "/admin/rolling/cancel"), Ok(Route::RollingCancel));
        assert_eq!(status("POST", "/admin/pool/status"), Err(405));
        for path in
            ["/", "/admin", "/admin/", "/api/v1/sandbox", "/api/v1/sandboxesx", "/api/v2/sandbox/x"]
        {
            assert_eq!(status("GET", path), Err(404), "{path}");
        }
        assert_eq!(status("DELETE", "/api/v1/sandboxes"), Err(405));
    }
}
