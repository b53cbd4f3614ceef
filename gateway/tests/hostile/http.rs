//! HTTP that is wrong, slow, cut short or means two things at once.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::Site;
use crate::support::{PATIENCE, PLURAL, SINGULAR};

/// The head of a request, without the empty line that ends it.
fn head(line: &str, headers: &[&str]) -> String {
    let mut head = format!("{line}\r\nHost: localhost\r\nAuthorization: Bearer t\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head
}

/// Sends everything and then nothing more, and returns all that comes back.
async fn exchange(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.served.addr).await.expect("connects");
    let talking = async {
        // Who is refused may find the other side closed while it still writes.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    };
    let all = tokio::time::timeout(PATIENCE, talking).await.expect("no hang");
    String::from_utf8_lossy(&all).into_owned()
}

/// The statuses of all answers.
fn statuses(all: &str) -> Vec<u16> {
    all.match_indices("HTTP/1.")
        .filter_map(|(at, start)| all[at + start.len()..].get(2..5)?.parse().ok())
        .collect()
}

/// Each is one request that is wrong, with another behind it that must never be taken for one: a
/// proxy in front may have counted otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_means_two_things_is_refused_and_ends_the_connection() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let post = format!("POST {SINGULAR}/list HTTP/1.1");
    let smuggled =
        format!("{}\r\n", head(&format!("DELETE {SINGULAR}/{} HTTP/1.1", site.active), &[]));
    let with =
        |headers: &[&str], body: &str| format!("{}\r\n{body}{smuggled}", head(&post, headers));
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let cases = [
        ("two lengths", with(&["Content-Length: 2", "Content-Length: 200"], "{}")),
        ("two lengths in one", with(&["Content-Length: 2, 2"], "{}")),
        ("a negative length", with(&["Content-Length: -2"], "{}")),
        ("a length with a sign", with(&["Content-Length: +2"], "{}")),
        ("a length of base 16", with(&["Content-Length: 0x2"], "{}")),
        ("a length in two words", with(&["Content-Length: 2 2"], "{}")),
        ("a length past all numbers", with(&["Content-Length: 99999999999999999999999"], "{}")),
        ("an empty length", with(&["Content-Length:"], "{}")),
        ("a length and chunks", with(&["Content-Length: 2", "Transfer-Encoding: chunked"], chunks)),
        ("chunks and a length", with(&["Transfer-Encoding: chunked", "Content-Length: 2"], chunks)),
        ("chunks that are not last", with(&["Transfer-Encoding: chunked, gzip"], chunks)),
        ("almost chunks", with(&["Transfer-Encoding: xchunked"], chunks)),
        ("chunks with a space", with(&["Transfer-Encoding : chunked"], chunks)),
        ("chunks behind a fold", with(&["X: y", " Transfer-Encoding: chunked"], chunks)),
        (
            "chunks twice",
            with(&["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunks),
        ),
        (
            "chunks of an older protocol",
            with(&["Transfer-Encoding: chunked"], chunks).replacen("1.1", "1.0", 1),
        ),
        ("a chunk of no size", with(&["Transfer-Encoding: chunked"], "g\r\n{}\r\n0\r\n\r\n")),
        (
            "a chunk of a negative size",
            with(&["Transfer-Encoding: chunked"], "-2\r\n{}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk past all numbers",
            with(&["Transfer-Encoding: chunked"], "ffffffffffffffffff\r\n{}"),
        ),
        (
            "a chunk longer than it says",
            with(&["Transfer-Encoding: chunked"], "1\r\n{}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk with endless words",
            with(&["Transfer-Encoding: chunked"], &format!("2;{}\r\n{{}}", "x".repeat(20_000))),
        ),
        ("a header without a colon", with(&["nonsense", "Content-Length: 2"], "{}")),
        ("a header with a NUL", with(&["X: a\0b", "Content-Length: 2"], "{}")),
        (
            "a header with a bare CR",
            with(&["X: a\rContent-Length: 200", "Content-Length: 2"], "{}"),
        ),
        ("a header without a name", with(&[": x", "Content-Length: 2"], "{}")),
        ("a name with a space", with(&["Content Length: 200", "Content-Length: 2"], "{}")),
        ("two hosts", with(&["Host: localhost", "Content-Length: 2"], "{}")),
        (
            "another host in the target",
            with(&["Content-Length: 2"], "{}").replacen(
                SINGULAR,
                &format!("http://evil.example{SINGULAR}"),
                1,
            ),
        ),
        ("two tokens", with(&["Authorization: Bearer u", "Content-Length: 2"], "{}")),
        ("two projects", with(&["X-Project-ID: a", "X-Project-ID: b", "Content-Length: 2"], "{}")),
        (
            "a body shorter than it says",
            format!("{}\r\n{{}}", head(&post, &["Content-Length: 200"])),
        ),
    ];
    for (name, bytes) in cases {
        let all = exchange(&site, bytes.as_bytes()).await;
        let statuses = statuses(&all);
        assert!(
            matches!(statuses[..], [] | [400 | 413 | 431])
                || (name.contains("and") && statuses == [200]),
            "{name}: {all}"
        );
        assert_eq!(site.api.info(&site.active).await["status"], "active", "{name}: {all}");
    }
    site.unharmed(&mut bystander).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    let get = format!("GET {PLURAL} HTTP/1.1");
    let filler = "x".repeat(70_000);
    let many: Vec<String> = (0..2_000).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let whole = |line: &str, headers: &[&str]| format!("{}\r\n", head(line, headers)).into_bytes();
    for (name, bytes, status) in [
        ("noise", b"\x00\x01\x02\xff\xfe\r\n\r\n".to_vec(), 400),
        (
            "another protocol's hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            400,
        ),
        ("the next protocol's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        ("two spaces", whole(&get.replace(' ', "  "), &[]), 400),
        ("no version", whole(&format!("GET {PLURAL}"), &[]), 400),
        ("a version there is not", whole(&format!("GET {PLURAL} HTTP/9.9"), &[]), 400),
        ("a method with a NUL", whole(&format!("G\0T {PLURAL} HTTP/1.1"), &[]), 400),
        ("a method there is not", whole(&format!("get {PLURAL} HTTP/1.1"), &[]), 405),
        ("a tunnel", whole("CONNECT localhost:80 HTTP/1.1", &[]), 400),
        ("all of it", whole("OPTIONS * HTTP/1.1", &[]), 404),
        ("a way up", whole(&format!("GET {SINGULAR}/../sandbox/list HTTP/1.1"), &[]), 404),
        (
            "a way up in disguise",
            whole(&format!("GET {SINGULAR}/%2e%2e%2flist HTTP/1.1"), &[]),
            404,
        ),
        ("a target that is too long", whole(&format!("GET /{filler} HTTP/1.1"), &[]), 414),
        ("a header that is too long", whole(&get, &[&format!("X: {filler}")]), 431),
        ("too many headers", whole(&get, &many), 431),
    ] {
        let all = exchange(&site, &bytes).await;
        let statuses = statuses(&all);
        // The head of a tunnel's target has no host of the form that was named.
        assert!(statuses.len() <= 1, "{name}: {all}");
        let got = statuses.first().copied().unwrap_or(status);
        assert!(got == status || (status == 414 && got == 431), "{name}: {all}");
    }
    site.unharmed(&mut bystander).await;
    site.until_descriptors(before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_end_at_each_byte() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    let post = format!(
        "{}\r\n{{\"limit\":1}}",
        head(&format!("POST {SINGULAR}/list HTTP/1.1"), &["Content-Length: 11"])
    );
    let upgrade = format!("{}\r\n", upgrade(&site, &[]));
    for request in [post, upgrade] {
        for at in 0..request.len() {
            let mut stream = TcpStream::connect(site.served.addr).await.expect("connects");
            stream.write_all(&request.as_bytes()[..at]).await.expect("writes");
            if at % 2 == 0 {
                let all = exchange(&site, &request.as_bytes()[..at]).await;
                assert!(matches!(statuses(&all)[..], [] | [400]), "{at}: {all}");
            }
        }
    }
    site.unharmed(&mut bystander).await;
    site.until_descriptors(before).await;
}

fn upgrade(site: &Site, others: &[&str]) -> String {
    let line = format!("GET {SINGULAR}/{}/connect HTTP/1.1", site.active);
    let mut headers = vec![
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    headers.extend(others);
    head(&line, &headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_that_are_none() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    let right = format!("{}\r\n", upgrade(&site, &[]));
    let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let cases = [
        ("no connection", right.replace("Connection: Upgrade", "Connection: keep-alive"), 426),
        ("another protocol", right.replace("websocket", "h2c"), 426),
        ("an older version", right.replace("Version: 13", "Version: 8"), 426),
        ("no version", right.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        ("no key", right.replace(key, "X: y"), 400),
        ("a short key", right.replace(key, "Sec-WebSocket-Key: AAAA"), 400),
        (
            "a key that is no base64",
            right.replace(key, "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="),
            400,
        ),
        (
            "a key of another length",
            right.replace(key, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"),
            400,
        ),
        (
            "two keys",
            format!("{}\r\n", upgrade(&site, &["Sec-WebSocket-Key: BAAAAAAAAAAAAAAAAAAAAA=="])),
            400,
        ),
        ("an older HTTP", right.replacen("HTTP/1.1", "HTTP/1.0", 1), 426),
        ("another method", right.replacen("GET", "POST", 1), 405),
        ("no such sandbox", right.replace(&site.active, "sb-unknown"), 404),
        ("no token", right.replace("Authorization: Bearer t\r\n", ""), 401),
        (
            "another's page",
            format!("{}\r\n", upgrade(&site, &["Origin: http://evil.example"])),
            403,
        ),
        ("another's name", right.replacen("Host: localhost", "Host: evil.example", 1), 403),
        ("a body", format!("{}\r\nhello", upgrade(&site, &["Content-Length: 5"])), 400),
        (
            "a body in chunks",
            format!("{}\r\n0\r\n\r\n", upgrade(&site, &["Transfer-Encoding: chunked"])),
            400,
        ),
    ];
    for (name, request, status) in cases {
        let all = exchange(&site, request.as_bytes()).await;
        assert_eq!(statuses(&all), [status], "{name}: {all}");
    }
    // Where there is nothing to upgrade, the wish is ignored.
    let list = right.replace(&format!("{SINGULAR}/{}/connect", site.active), PLURAL);
    assert_eq!(statuses(&exchange(&site, list.as_bytes()).await), [200]);
    site.unharmed(&mut bystander).await;
    site.until_descriptors(before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_row_are_answered_in_a_row() {
    let site = Site::new(&[]).await;
    let get = |n: usize| format!("{}\r\n", head(&format!("GET {SINGULAR}/sb-{n} HTTP/1.1"), &[]));
    let list = format!("{}\r\n", head(&format!("GET {PLURAL} HTTP/1.1"), &[]));
    let row: String = (0..100).map(|n| if n % 2 == 0 { get(n) } else { list.clone() }).collect();
    let all = exchange(&site, row.as_bytes()).await;
    let right: Vec<u16> = (0..100).map(|n| if n % 2 == 0 { 404 } else { 200 }).collect();
    assert_eq!(statuses(&all), right);
    // What follows a refusal to let in is not looked at.
    let stranger = list.replace("Bearer t", "Bearer x");
    assert_eq!(statuses(&exchange(&site, (stranger + &list).as_bytes()).await), [401]);
    // What follows an upgrade is the executor's.
    let after = format!("{}\r\n{list}", upgrade(&site, &[]));
    let all = exchange(&site, after.as_bytes()).await;
    assert_eq!(statuses(&all), [101], "{all}");
    // Who has said everything, and so has closed its half, is answered.
    assert_eq!(statuses(&exchange(&site, list.as_bytes()).await), [200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_holds_only_itself() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    let starts = [
        String::new(),
        "G".into(),
        head(&format!("GET {PLURAL} HTTP/1.1"), &[]),
        format!("{}\r\n", head(&format!("GET {PLURAL} HTTP/1.1"), &[])),
    ];
    let mut slow = Vec::new();
    for n in 0..400 {
        let mut stream = TcpStream::connect(site.served.addr).await.expect("connects");
        stream.write_all(starts[n % starts.len()].as_bytes()).await.expect("writes");
        slow.push(stream);
    }
    site.unharmed(&mut bystander).await;
    let id = site.api.active(json!({"user_id": "u"})).await;
    site.api.delete(&id).await.data();
    // They are still there, and are closed all the same.
    site.until_descriptors(before).await;
    for mut stream in slow {
        let mut all = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
        assert!(ended.is_ok(), "a slow connection is open");
    }
}
