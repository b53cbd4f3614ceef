//! What the fuzz targets call: input in, and a panic if something does not hold. No part of the
//! interface; `fuzz/README.md` lists the targets.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::auth::Guard;
pub use crate::doctor::fuzzing::machine;
pub use crate::http::fuzzing::{body, text};
use crate::tenant::TokenLimits;
use crate::tokens::Tokens;
pub use crate::tokens::fuzzing::tokens;
use crate::units;

/// A duration and a size: what is read is the same when it is written plainly.
pub fn units(text: &str) {
    if let Ok(size) = units::size(text) {
        assert_eq!(units::size(&size.to_string()), Ok(size));
        assert!(!text.ends_with('K') || size % 1024 == 0);
    }
    if let Ok(duration) = units::duration(text) {
        let seconds = units::duration(&format!("{}s", duration.as_secs_f64()));
        let off = seconds.expect("a number of seconds").abs_diff(duration);
        assert!(off.as_secs_f64() <= duration.as_secs_f64() * 1e-9);
    }
}

/// The lines of `text` are values of Host, Origin, Authorization and X-Project-ID; more lines are
/// these once more. Whoever is let in has named this server, comes from no foreign page, and has
/// shown the token.
pub fn guard(text: &str) {
    const NAMES: [&str; 4] = ["host", "origin", "authorization", "x-project-id"];
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.iter().cycle().zip(text.lines().take(64)) {
        if let Ok(value) = HeaderValue::from_str(line)
            && !line.is_empty()
        {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let tokens = Arc::new(Tokens::alone("secret", TokenLimits::default()));
    let guard = Guard::new(tokens, &["Ours.Example".into()], &["https://page.example".into()]);
    let passed = match guard.check(&Uri::from_static("/"), &headers) {
        Ok(caller) => caller,
        Err(refusal) => {
            assert!((400..=403).contains(&refusal.status));
            assert!(!refusal.message.is_empty() && refusal.message.len() < 200);
            return;
        }
    };
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().expect("it was read as text"));
        assert_eq!(values.next(), None, "{name} came twice");
        value
    };
    let host = one("host").expect("it was needed");
    let authority: Authority = host.parse().expect("a host");
    let name = authority.host().to_ascii_lowercase();
    let inside = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address = name.parse::<IpAddr>().is_ok()
        || inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok());
    assert!(address || name == "localhost" || name == "ours.example", "{host}");
    if let Some(origin) = one("origin") {
        let own = format!("http://{host}");
        let known = ["https://page.example", &own];
        assert!(known.iter().any(|known| origin.eq_ignore_ascii_case(known)), "{origin}");
    }
    let shown = one("authorization").and_then(|value| value.split_once(' '));
    assert!(shown.is_some_and(|(_, token)| token.trim_matches(' ') == "secret"));
    let project = one("x-project-id").unwrap_or("default");
    assert_eq!(passed.namespace, project);
}
