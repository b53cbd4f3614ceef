//! Bodies, queries and paths of a client that is no client: each is refused in words or becomes
//! what the registry can take.

use http::Method;
use vtrix_protocol::control::Spec;

use super::fields::Fields;
use super::requests;
use super::router::route;
use crate::config::{Config, LONGEST_TTL};
use crate::quantity::Quantity;
use crate::refusal::Refusal;

/// Room for the longest name of a field that a refusal may repeat, and its problem.
const LONGEST_REFUSAL: usize = 1024;

/// Reads `body` as that of every call.
pub fn body(body: &[u8]) {
    let config = Config::default();
    if let Some(create) = taken(requests::create(body, "default".into(), &config)) {
        assert!(!create.user_id.trim().is_empty() && create.user_id.len() <= 256);
        assert!(create.ttl.is_none_or(|ttl| !ttl.is_zero() && ttl <= LONGEST_TTL));
        assert!(create.labels.is_none_or(|labels| labels.len() <= 64));
        create.spec.iter().for_each(sound);
    }
    if let Some((spec, image)) = taken(requests::update(body, &config)) {
        assert!(spec.is_some() || image.is_some());
        spec.iter().for_each(sound);
    }
    if let Some(time) = taken(requests::extend(body, &config)) {
        assert!(!time.is_zero() && time <= LONGEST_TTL);
    }
    taken(requests::configure(body));
    taken(requests::rolling(body, &config));
    taken(Fields::parse(body).and_then(requests::list));
}

/// Reads `text` as a query, a path and a quantity.
pub fn text(text: &str) {
    taken(requests::list(Fields::from_query(text)));
    for method in [Method::GET, Method::POST, Method::DELETE, Method::PATCH] {
        for path in [text.to_owned(), format!("/api/v1/sandbox/{text}"), format!("/admin/{text}")] {
            drop(route(&method, &path));
        }
    }
    if let Ok(quantity) = Quantity::parse(text) {
        assert!(text.len() <= 64);
        assert!(Quantity::parse("0").is_ok_and(|zero| zero <= quantity));
        if !text.starts_with(['+', '-']) {
            assert_eq!(Quantity::parse(&format!("0{text}")), again(text, quantity));
        }
    }
}

/// A zero before it changes nothing, unless there is no room for one.
fn again(text: &str, quantity: Quantity) -> Result<Quantity, &'static str> {
    if text.len() < 64 { Ok(quantity) } else { Quantity::parse(&format!("0{text}")) }
}

fn sound(spec: &Spec) {
    for quantity in [&spec.cpu, &spec.memory, &spec.requests_cpu, &spec.requests_memory] {
        assert!(quantity.is_empty() || Quantity::parse(quantity).is_ok());
    }
}

fn taken<T>(read: Result<T, Refusal>) -> Option<T> {
    read.map_err(|refusal| {
        assert!((400..500).contains(&refusal.status));
        assert!(!refusal.message.is_empty() && refusal.message.len() <= LONGEST_REFUSAL);
    })
    .ok()
}
