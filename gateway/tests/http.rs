//! The control plane as a client sees it: routes, shapes, refusals.

mod support;

use serde_json::{Value, json};
use support::{Api, PLURAL, SINGULAR, embedded, embedded_with};
use vtrix_gateway::Backend;

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-01-01T00:00:00.000Z".len()
        && text.ends_with('Z')
        && text.as_bytes()[10] == b'T'
}

#[tokio::test]
async fn golden_shapes_under_both_prefixes() {
    let (gateway, api) = embedded().await;
    for prefix in [SINGULAR, PLURAL] {
        let path = if prefix == SINGULAR { format!("{prefix}/create") } else { prefix.to_owned() };
        let spec = json!({"cpu": "500m", "memory": "1Gi"});
        let body = json!({"user_id": prefix, "spec": spec, "labels": {"a": "b"}, "ttl_hours": 2, "novel": 1});
        let answer = api.post(&path, body).await;
        let keys: Vec<_> = answer.body.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["code", "data", "message", "request_id"]);
        let info = answer.data()["sandbox"].clone();
        let id = info["id"].as_str().expect("an id").to_owned();
        assert!(id.starts_with("sb-") && id.len() >= 19);
        assert_eq!(info["status"], "creating");
        assert_eq!(info["allocated_at"], "");
        let info = api.until(&id, "active").await;
        for field in ["created_at", "allocated_at", "expire_at", "last_active_at"] {
            assert!(is_time(&info[field]), "{field}: {info}");
        }
        let mut golden = info.clone();
        for field in ["created_at", "allocated_at", "expire_at", "last_active_at", "id"] {
            golden[field] = "…".into();
        }
        assert_eq!(
            golden,
            json!({
                "id": "…", "user_id": prefix, "namespace": "default", "status": "active", "ip": "",
                "preview_url": "", "preview_host": "", "port": 0, "image_tag": "default",
                "spec": spec, "labels": {"a": "b"}, "created_at": "…", "allocated_at": "…",
                "expire_at": "…", "last_active_at": "…", "not_enforced": ["cpu", "memory"],
            })
        );
        let at = |rest: &str| format!("{prefix}/{id}{rest}");
        assert_eq!(api.get(&at("")).await.data()["id"], id);
        assert_eq!(api.post(&at("/extend"), json!({"seconds": 60})).await.data(), Value::Null);
        assert_eq!(api.send("POST", &at("/configure"), "").await.data(), Value::Null);
        api.until(&id, "active").await;
        let update = json!({"spec": {"cpu": "2"}}).to_string();
        assert_eq!(api.send("PATCH", &at(""), update).await.data(), Value::Null);
        let info = api.until(&id, "active").await;
        assert_eq!(info["spec"], json!({"cpu": "2", "memory": "1Gi"}));
        assert_eq!(api.post(&at("/restart"), json!({})).await.data(), Value::Null);
        api.until(&id, "active").await;
        assert_eq!(api.send("POST", &at("/stop"), "").await.data(), Value::Null);
        api.until(&id, "stopped").await;
        assert_eq!(api.send("POST", &at("/start"), "{}").await.data(), Value::Null);
        api.until(&id, "active").await;
        assert_eq!(api.send("DELETE", &at(""), "").await.data(), Value::Null);
        assert_eq!(api.get(&at("")).await.refusal(404), "no such sandbox");
        api.send("DELETE", &at(""), "").await.refusal(404);
    }
    let pool = api.get("/admin/pool/status").await.data();
    assert!(is_time(&pool["last_allocate_at"]));
    let mut golden = pool;
    golden["last_allocate_at"] = "…".into();
    assert_eq!(
        golden,
        json!({
            "total": 0, "warm": 0, "active": 0, "creating": 0, "deleting": 0, "deleted": 2,
            "warm_pool_size": 0, "max_total": 256, "utilization": 0.0, "warm_ratio": 0.0,
            "healthy": true, "last_allocate_at": "…",
        })
    );
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_rolling_update_ends_at_once() {
    let (gateway, api) = embedded().await;
    let idle = api.get("/admin/rolling/status").await.data();
    assert_eq!(
        idle,
        json!({"phase": "idle", "progress": 0.0, "warm_total": 0, "warm_updated": 0, "active_total": 0, "active_updated": 0})
    );
    let message = api.post("/admin/rolling/start", json!({"image": "nope"})).await.refusal(400);
    assert!(message.starts_with("image: "), "{message}");
    let started = api.post("/admin/rolling/start", json!({"image": "default"})).await.data();
    assert_eq!((&started["phase"], &started["progress"]), (&json!("completed"), &json!(1.0)));
    assert_eq!(started["target_image"], "default");
    assert!(is_time(&started["completed_at"]));
    assert_eq!(api.get("/admin/rolling/status").await.data(), started);
    assert_eq!(api.send("POST", "/admin/rolling/cancel", "").await.data(), started);
    api.send("POST", "/admin/rolling/start", "").await.data();
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn create_refuses_what_cannot_be_and_names_it() {
    let (gateway, api) = embedded().await;
    let long = "x".repeat(5000);
    let many: serde_json::Map<String, Value> =
        (0..65).map(|n| (n.to_string(), json!("v"))).collect();
    let cases = [
        (json!({}), "user_id: "),
        (json!({"user_id": ""}), "user_id: "),
        (json!({"user_id": "  "}), "user_id: "),
        (json!({"user_id": null}), "user_id: "),
        (json!({"user_id": 7}), "user_id: "),
        (json!({"user_id": "a\u{0}b"}), "user_id: "),
        (json!({"user_id": "a\nb"}), "user_id: "),
        (json!({"user_id": long}), "user_id: "),
        (json!({"user_id": "u", "ttl_hours": -1}), "ttl_hours: "),
        (json!({"user_id": "u", "ttl_hours": -0.001}), "ttl_hours: "),
        (json!({"user_id": "u", "ttl_hours": 1e300}), "ttl_hours: "),
        (json!({"user_id": "u", "ttl_hours": "2"}), "ttl_hours: "),
        (json!({"user_id": "u", "spec": []}), "spec: "),
        (json!({"user_id": "u", "spec": {"cpu": "four"}}), "spec.cpu: "),
        (json!({"user_id": "u", "spec": {"cpu": 4}}), "spec.cpu: "),
        (json!({"user_id": "u", "spec": {"cpu": "-1"}}), "spec.cpu: "),
        (json!({"user_id": "u", "spec": {"memory": "4GB"}}), "spec.memory: "),
        (json!({"user_id": "u", "spec": {"memory": "99999Ei"}}), "spec.memory: "),
        (json!({"user_id": "u", "spec": {"requests_cpu": "x"}}), "spec.requests_cpu: "),
        (json!({"user_id": "u", "spec": {"requests_memory": "x"}}), "spec.requests_memory: "),
        (json!({"user_id": "u", "spec": {"image": "nope"}}), "spec.image: "),
        (json!({"user_id": "u", "labels": {"a": 1}}), "labels.a: "),
        (json!({"user_id": "u", "labels": {"a": "x\u{0}"}}), "labels.a: "),
        (json!({"user_id": "u", "labels": {"": "x"}}), "labels: "),
        (json!({"user_id": "u", "labels": {"a": long}}), "labels.a: "),
        (json!({"user_id": "u", "labels": many}), "labels: "),
        (json!({"user_id": "u", "labels": "a=b"}), "labels: "),
        (json!({"user_id": "u", "payloads": {}}), "payloads: "),
        (json!({"user_id": "u", "payloads": [1]}), "payloads[0]: "),
        (json!({"user_id": "u", "payloads": [{}]}), "payloads[0].api: "),
        (json!({"user_id": "u", "payloads": [{"api": "/nope"}]}), "payloads[0].api: "),
        (
            json!({"user_id": "u", "payloads": [{"api": "/api/v1/env", "body": {"A": 1}}]}),
            "payloads[0].body.A: ",
        ),
        (json!({"user_id": "u", "payloads": [{"api": "/api/v1/exec"}]}), "payloads[0].body: "),
    ];
    for (body, names) in cases {
        let message = api.post("/api/v1/sandbox/create", body.clone()).await.refusal(400);
        assert!(message.starts_with(names), "{body}: {message}");
        let message = api.post(PLURAL, body.clone()).await.refusal(400);
        assert!(message.starts_with(names), "{body}: {message}");
    }
    for body in [
        "",
        "{",
        "[]",
        "\"x\"",
        "{\"user_id\": NaN}",
        "{\"user_id\":\"u\",\"ttl_hours\":1e999}",
        "\u{0}",
    ] {
        api.send("POST", "/api/v1/sandbox/create", body.to_owned()).await.refusal(400);
    }
    assert_eq!(api.get(PLURAL).await.data()["pagination"]["total"], 0, "nothing was created");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn what_follows_create_refuses_and_changes_nothing() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u", "spec": {"cpu": "1"}})).await;
    let before = api.info(&id).await;
    for (body, names) in [
        (json!({}), "seconds: "),
        (json!({"seconds": 0}), "seconds: "),
        (json!({"seconds": -5}), "seconds: "),
        (json!({"seconds": 86_401}), "seconds: "),
        (json!({"seconds": 1e300}), "seconds: "),
        (json!({"seconds": 1.5}), "seconds: "),
        (json!({"seconds": [1]}), "seconds: "),
        (json!({"hours": -1}), "hours: "),
        (json!({"hours": 1e300}), "hours: "),
        (json!({"hours": "1"}), "hours: "),
    ] {
        let message = api.post(&format!("{SINGULAR}/{id}/extend"), body.clone()).await.refusal(400);
        assert!(message.starts_with(names), "{body}: {message}");
    }
    for (body, names) in [
        (json!({}), "spec, image: "),
        (json!({"spec": {}}), "spec, image: "),
        (json!({"image": ""}), "spec, image: "),
        (json!({"spec": {"cpu": "1"}}), "spec, image: "),
        (json!({"spec": {"cpu": "x"}}), "spec.cpu: "),
        (json!({"image": "nope"}), "image: "),
        (json!({"image": 1}), "image: "),
        (json!({"image": "default", "spec": {"image": "other"}}), "spec.image: "),
    ] {
        let answer = api.send("PATCH", &format!("{SINGULAR}/{id}"), body.to_string()).await;
        let message = answer.refusal(400);
        assert!(message.starts_with(names), "{body}: {message}");
    }
    let body = json!({"payloads": [{"api": "/nope"}]});
    let message = api.post(&format!("{SINGULAR}/{id}/configure"), body).await.refusal(400);
    assert!(message.starts_with("payloads[0].api: "), "{message}");
    assert!(api.act(&id, "start").await.refusal(409).contains("active"));
    assert_eq!(api.info(&id).await, before);
    for action in ["stop", "start", "restart", "extend", "configure"] {
        api.act("sb-unknown", action).await.refusal(404);
    }
    api.send("PATCH", "/api/v1/sandbox/sb-unknown", "{}").await.refusal(404);
    api.delete("sb-unknown").await.refusal(404);
    api.get("/api/v1/sandbox/sb-unknown").await.refusal(404);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn extend_moves_the_end() {
    let (gateway, api) = embedded().await;
    let id = api.create(json!({"user_id": "u", "ttl_hours": 1})).await;
    let hour = |info: &Value| {
        info["expire_at"].as_str().expect("a time")[11..13].parse::<u32>().expect("hours")
    };
    let first = hour(&api.info(&id).await);
    api.post(&format!("{SINGULAR}/{id}/extend"), json!({"seconds": 7200.0})).await.data();
    assert_eq!(hour(&api.info(&id).await), (first + 2) % 24);
    api.post(&format!("{SINGULAR}/{id}/extend"), json!({"hours": 3})).await.data();
    assert_eq!(hour(&api.info(&id).await), (first + 5) % 24);
    api.post(&format!("{SINGULAR}/{id}/extend"), json!({"hours": 0})).await.data();
    assert_eq!(hour(&api.info(&id).await), (first + 17) % 24);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn everyone_must_show_who_they_are() {
    let (gateway, api) = embedded_with(|builder| builder.allow_host("gateway.example")).await;
    let id = api.active(json!({"user_id": "u"})).await;
    let paths =
        [format!("{SINGULAR}/{id}"), PLURAL.into(), "/admin/pool/status".into(), "/nowhere".into()];
    for path in &paths {
        api.without("authorization").get(path).await.refusal(401);
        let answer = api.with("authorization", "Bearer wrong").get(path).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(!answer.refusal(401).contains("wrong"));
        api.with("host", "evil.example").get(path).await.refusal(403);
        api.with("origin", "http://evil.example").get(path).await.refusal(403);
        api.with("origin", "null").get(path).await.refusal(403);
    }
    api.with("host", "gateway.example:80").get(&paths[0]).await.data();
    api.with("origin", &format!("http://{}", gateway.addr())).get(&paths[0]).await.data();
    // The way in is guarded as everything else.
    for refused in [
        api.without("authorization"),
        api.with("authorization", "Bearer wrong"),
        api.with("host", "evil.example"),
        api.with("origin", "http://evil.example"),
        api.with("x-project-id", "another"),
    ] {
        let error = refused.try_connect(&id).await.err().expect("refused");
        let tokio_tungstenite::tungstenite::Error::Http(response) = error else {
            panic!("{error}")
        };
        assert!([401, 403, 404].contains(&response.status().as_u16()));
    }
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_project_is_a_namespace() {
    let (gateway, api) = embedded().await;
    let other = api.with("x-project-id", "p1");
    let id = other.create(json!({"user_id": "u"})).await;
    assert_eq!(other.info(&id).await["namespace"], "p1");
    api.get(&format!("{SINGULAR}/{id}")).await.refusal(404);
    api.delete(&id).await.refusal(404);
    assert_eq!(api.get(PLURAL).await.data()["pagination"]["total"], 0);
    assert_eq!(other.get(PLURAL).await.data()["pagination"]["total"], 1);
    let message = api.with("x-project-id", "a b").get(PLURAL).await.refusal(400);
    assert!(message.starts_with("X-Project-ID: "), "{message}");
    gateway.shutdown().await.expect("ends");
}

async fn ids(api: &Api, query: &str) -> (Vec<String>, Value) {
    let data = api.get(&format!("{PLURAL}?{query}")).await.data();
    let items = data["items"].as_array().expect("items");
    let ids = items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
    (ids, data["pagination"].clone())
}

#[tokio::test]
async fn lists_page_and_filter() {
    let (gateway, api) = embedded().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(api.active(json!({"user_id": if n < 3 { "a" } else { "b" }})).await);
    }
    api.act(&made[0], "stop").await.data();
    api.until(&made[0], "stopped").await;
    let (all, pagination) = ids(&api, "").await;
    let mut sorted = made.clone();
    sorted.sort();
    let mut seen = all.clone();
    seen.sort();
    assert_eq!(seen, sorted);
    assert_eq!(pagination, json!({"total": 5, "limit": 50, "offset": 0, "has_more": false}));
    let (page, pagination) = ids(&api, "limit=2&offset=2").await;
    assert_eq!(page, all[2..4]);
    assert_eq!(pagination, json!({"total": 5, "limit": 2, "offset": 2, "has_more": true}));
    let (page, pagination) = ids(&api, "offset=99").await;
    assert!(page.is_empty());
    assert_eq!(pagination, json!({"total": 5, "limit": 50, "offset": 99, "has_more": false}));
    assert_eq!(ids(&api, "offset=9223372036854775807").await.0.len(), 0);
    assert_eq!(ids(&api, "limit=5000").await.1["limit"], 1000);
    assert_eq!(ids(&api, "limit=0").await.1["limit"], 50);
    assert_eq!(ids(&api, "user_id=a").await.0.len(), 3);
    assert_eq!(ids(&api, "user_id=a&status=active").await.0.len(), 2);
    assert_eq!(ids(&api, "status=stopped").await.0, made[..1]);
    assert_eq!(ids(&api, "status=nonsense").await.0.len(), 0);
    assert_eq!(ids(&api, "user_id=&status=").await.0.len(), 5);
    for query in ["limit=-1", "limit=x", "limit=1.5"] {
        assert!(api.get(&format!("{PLURAL}?{query}")).await.refusal(400).starts_with("limit: "));
    }
    assert!(api.get(&format!("{PLURAL}?offset=-1")).await.refusal(400).starts_with("offset: "));
    // The documented generation asks by a body, which may be missing.
    let path = format!("{SINGULAR}/list");
    let data = api.post(&path, json!({"user_id": "b", "limit": 1})).await.data();
    assert_eq!(data["pagination"], json!({"total": 2, "limit": 1, "offset": 0, "has_more": true}));
    assert_eq!(api.send("POST", &path, "").await.data()["items"].as_array().map(Vec::len), Some(5));
    assert!(api.post(&path, json!({"limit": -1})).await.refusal(400).starts_with("limit: "));
    assert!(api.post(&path, json!({"limit": 1e300})).await.refusal(400).starts_with("limit: "));
    assert!(api.post(&path, json!({"status": 3})).await.refusal(400).starts_with("status: "));
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn what_is_not_there_says_so_in_an_envelope() {
    let (gateway, api) = embedded_with(|builder| builder.backend(Backend::Process)).await;
    for path in
        ["/", "/api/v1", "/api/v1/sandbox", "/api/v1/sandbox/a/b", "/admin/x", "/favicon.ico"]
    {
        assert_eq!(api.get(path).await.refusal(404), "no such route");
    }
    for (method, path, allow) in [
        ("PUT", "/api/v1/sandbox/x", "GET, DELETE, PATCH"),
        ("GET", "/api/v1/sandbox/x/stop", "POST"),
        ("POST", "/api/v1/sandbox/x/connect", "GET"),
        ("GET", "/api/v1/sandbox/create", "POST"),
        ("DELETE", "/api/v1/sandboxes", "GET, POST"),
        ("POST", "/admin/pool/status", "GET"),
    ] {
        let answer = api.send(method, path, "").await;
        assert_eq!(answer.headers["allow"], allow);
        answer.refusal(405);
    }
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let (gateway, api) = embedded_with(|builder| builder.backend(Backend::Process)).await;
    let filler = |length: usize| format!("{{\"user_id\":\"u\",\"x\":\"{}\"}}", "x".repeat(length));
    api.send("POST", "/api/v1/sandbox/list", filler(64 * 1024)).await.refusal(413);
    api.send("POST", "/api/v1/sandbox/create", filler(32 * 1024 * 1024)).await.refusal(413);
    // A payload of megabytes is fine.
    let body = json!({
        "user_id": "u",
        "payloads": [{"api": "/api/v1/env", "body": {"BIG": "x".repeat(100_000)}}],
    });
    let id = api.active(body).await;
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("printf %s \"$BIG\" | wc -c").await.trim(), "100000");
    gateway.shutdown().await.expect("ends");
}
