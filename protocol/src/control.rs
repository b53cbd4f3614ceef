//! Bodies of the HTTP control plane.
//!
//! Everything here reads leniently (missing, empty and unknown fields are all to be expected of a
//! foreign gateway) and writes exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Header that carries the project.
pub const PROJECT_HEADER: &str = "x-project-id";
/// Route prefix of the documented generation.
pub const ROUTES: &str = "/api/v1/sandbox";
/// Route prefix of later gateways.
pub const PLURAL_ROUTES: &str = "/api/v1/sandboxes";

/// What wraps every answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// 0 is success.
    pub code: i64,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// The answer proper.
    #[serde(default = "Option::default")]
    pub data: Option<T>,
    /// Names this request in the gateway's log.
    #[serde(default)]
    pub request_id: String,
}

/// Kubernetes quantities and an image, all optional and all strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// Such as `500m` or `2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cpu: String,
    /// Such as `4Gi`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub memory: String,
    /// An image's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// What is set aside, as `cpu`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requests_cpu: String,
    /// What is set aside, as `memory`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requests_memory: String,
}

/// A call made to the sandbox once it runs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// Such as `/api/v1/env`.
    pub api: String,
    /// What the call is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Environment of that call alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, String>>,
}

impl std::fmt::Debug for Payload {
    // Bodies and environments carry secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload").field("api", &self.api).finish_non_exhaustive()
    }
}

/// Body of create.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The owner; must not be empty.
    #[serde(default)]
    pub user_id: String,
    /// Resources and image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// Metadata of the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Calls made once the sandbox runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Vec<Payload>>,
    /// Lifetime; 0 and absent mean the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_hours: Option<f64>,
}

/// `data` of create.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// The new sandbox, not yet active.
    pub sandbox: Info,
}

/// Body of list on the documented routes, query of the later ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ListRequest {
    /// Only this owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Only in this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Past so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

/// `data` of list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ListResponse {
    /// One page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub items: Vec<Info>,
    /// Where that page is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub pagination: Pagination,
}

/// Where a page is in the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pagination {
    /// Sandboxes that match.
    pub total: u64,
    /// Largest page.
    pub limit: u64,
    /// Sandboxes before this page.
    pub offset: u64,
    /// There is a page after this one.
    pub has_more: bool,
}

/// What the control plane knows of a sandbox. Times are RFC 3339, UTC, or empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The sandbox's name in every route.
    #[serde(deserialize_with = "null_is_default")]
    pub id: String,
    /// Its owner.
    #[serde(deserialize_with = "null_is_default")]
    pub user_id: String,
    /// Where the control plane keeps it.
    #[serde(deserialize_with = "null_is_default")]
    pub namespace: String,
    /// `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word.
    #[serde(deserialize_with = "null_is_default")]
    pub status: String,
    /// Address inside the cluster.
    #[serde(deserialize_with = "null_is_default")]
    pub ip: String,
    /// A URL for every port, where ports have no host of their own.
    #[serde(deserialize_with = "null_is_default")]
    pub preview_url: String,
    /// `{port}-{preview_host}` is the host of a port.
    #[serde(deserialize_with = "null_is_default")]
    pub preview_host: String,
    /// Scheme of that host; absent: `https`. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_scheme: Option<String>,
    /// The executor's port.
    #[serde(deserialize_with = "null_is_default")]
    pub port: i64,
    /// The image it was made from.
    #[serde(deserialize_with = "null_is_default")]
    pub image_tag: String,
    /// As asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// As given at create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// When create was accepted.
    #[serde(deserialize_with = "null_is_default")]
    pub created_at: String,
    /// When it was given to its owner.
    #[serde(deserialize_with = "null_is_default")]
    pub allocated_at: String,
    /// When it ends by itself.
    #[serde(deserialize_with = "null_is_default")]
    pub expire_at: String,
    /// When a client was last heard from.
    #[serde(deserialize_with = "null_is_default")]
    pub last_active_at: String,
    /// Why it failed, for people. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What of `spec` this machine does not enforce. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_enforced: Option<Vec<String>>,
}

/// Body of extend. Deployed clients send either field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtendRequest {
    /// 1 to 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Of older clients; 0 means the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<f64>,
}

/// Body of update: at least one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateRequest {
    /// New resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// New image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Body of configure, which may also be missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConfigureRequest {
    /// Used this time in place of the stored ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Vec<Payload>>,
}

/// `data` of the pool's status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolStatus {
    /// Sandboxes of every status but deleted.
    pub total: u64,
    /// Ready for an owner.
    pub warm: u64,
    /// With an owner.
    pub active: u64,
    /// On their way to either.
    pub creating: u64,
    /// On their way out.
    pub deleting: u64,
    /// Gone, since the gateway's data directory was made.
    pub deleted: u64,
    /// How many should be warm.
    pub warm_pool_size: u64,
    /// How many there may be.
    pub max_total: u64,
    /// `total` over `max_total`, 0 to 1.
    pub utilization: f64,
    /// `warm` over `warm_pool_size`, 0 to 1.
    pub warm_ratio: f64,
    /// The pool does what it should.
    pub healthy: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_message: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scale_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_allocate_at: Option<String>,
}

/// Body of a rolling update's start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingStartRequest {
    /// What warm sandboxes are to be made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// `data` of the rolling routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RollingStatus {
    /// The update's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `idle`, `running` or another word.
    pub phase: String,
    /// The update's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_image: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    /// Warm sandboxes to replace.
    pub warm_total: u64,
    /// Warm sandboxes replaced.
    pub warm_updated: u64,
    /// Active sandboxes to replace.
    pub active_total: u64,
    /// Active sandboxes replaced.
    pub active_updated: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_it_was_read() {
        let digits = format!("44444{}44444", "8".repeat(99));
        let read: ExtendRequest = serde_json::from_str(&format!("[{digits}]")).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<ExtendRequest>(&written).unwrap(), read);
    }

    #[test]
    fn info_reads_whatever_a_gateway_leaves_out() {
        let info: Info = serde_json::from_str(r#"{"id":"a","ip":null,"novel":[1]}"#).unwrap();
        assert_eq!(info, Info { id: "a".into(), ..Info::default() });
    }

    #[test]
    fn an_envelope_may_have_no_data() {
        let envelope: Envelope<Info> =
            serde_json::from_str(r#"{"code":404,"message":"no"}"#).unwrap();
        assert!(envelope.data.is_none() && envelope.request_id.is_empty());
    }

    #[test]
    fn golden_create() {
        let body = CreateRequest {
            user_id: "u".into(),
            spec: Some(Spec { cpu: "2".into(), ..Spec::default() }),
            ..CreateRequest::default()
        };
        assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"user_id":"u","spec":{"cpu":"2"}}"#);
    }

    #[test]
    fn lists_may_be_null() {
        let list: ListResponse =
            serde_json::from_str(r#"{"items":null,"pagination":null}"#).unwrap();
        assert!(list.items.is_empty());
        assert_eq!(list.pagination, Pagination::default());
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let payload = Payload {
            api: "/api/v1/env".into(),
            body: Some(serde_json::json!({"KEY": "hunter2"})),
            envs: None,
        };
        assert!(!format!("{payload:?}").contains("hunter2"));
    }
}
