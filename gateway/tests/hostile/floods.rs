//! Too much of everything, and clients that take nothing of what they asked for. Memory is compared
//! with what was held before, and the bounds are far below what the flood itself comes to.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::raw::{FIN, PING, Raw, Said, TEXT, frame, header, text};
use crate::site::{Outcome, Site, WAYS, Way, listen};
use crate::support::{PATIENCE, PLURAL, SINGULAR};

/// What a flood may cost the gateway or the executor, in KiB. Each flood would come to hundreds of
/// megabytes if it were kept.
const MOST_GROWTH: u64 = 48 * 1024;
/// As many as nobody waits for in earnest.
const CALLS: usize = 10_000;

/// Sends it again and again, as much as is taken, for as long as `meanwhile` lasts, and reads
/// nothing.
async fn pour<T>(raw: &mut Raw, bytes: &[u8], meanwhile: impl Future<Output = T>) -> T {
    let pouring = async {
        while raw.0.write_all(bytes).await.is_ok() {}
        // Whoever had enough of it may have closed the connection.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = pouring => unreachable!("it never ends"),
        done = meanwhile => done,
    }
}

async fn bounded<T>(site: &Site, what: &str, flood: impl Future<Output = T>) -> T {
    let before = site.forget_peak();
    let done = flood.await;
    let after = site.peak();
    let growth = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    assert!(
        growth.0 < MOST_GROWTH && growth.1 < MOST_GROWTH,
        "{what}: the gateway grew by {} KiB, the executor by {} KiB",
        growth.0,
        growth.1
    );
    println!("{what}: the gateway grew by {} KiB, the executor by {} KiB", growth.0, growth.1);
    done
}

/// What others do while a flood goes on: enough turns for it to get as far as it can.
async fn others(site: &Site) {
    let mut bystander = site.bystander().await;
    for _ in 0..50 {
        site.unharmed(&mut bystander).await;
    }
}

/// Connections that were parked, whose sandbox is active now.
async fn woken<const COUNT: usize>(site: &Site) -> Vec<Raw> {
    let mut parked = Vec::new();
    for _ in 0..COUNT {
        let mut raw = site.connect(Way::Parked).await;
        raw.send(&text(r#"{"id":1,"method":"stat","params":{"path":"/"}}"#)).await;
        let (answers, _) = listen(&mut raw, |answer| answer["id"] == 1).await;
        assert_eq!(answers[0]["error"]["code"], -32009, "{answers:?}");
        parked.push(raw);
    }
    site.api.act(&site.stopped, "start").await.data();
    site.api.until(&site.stopped, "active").await;
    for raw in &mut parked {
        raw.send(&text(r#"{"id":2,"method":"stat","params":{"path":"/"}}"#)).await;
        let (answers, _) = listen(raw, |answer| answer["id"] == 2).await;
        assert_eq!(answers[0]["result"]["exists"], true, "{answers:?}");
    }
    parked
}

/// A call for a large file, in a message that is just not a big one.
fn padded(n: usize, method: &str) -> String {
    let params = json!({"path": "/root/large", "padding": "x".repeat(1_000_000)});
    json!({"id": n, "method": method, "params": params}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_and_then_silence() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let silent = json!({"command": "sleep 1000", "detached": true});
    let name = bystander.call("exec", silent).await["result"]["cmd_id"].clone();
    bystander.run("truncate -s 1G /root/large").await;
    let many = |call: &dyn Fn(usize) -> serde_json::Value| -> Vec<u8> {
        (0..CALLS).flat_map(|n| text(&call(n).to_string())).collect()
    };
    let floods = [
        (
            "followers of a command that says nothing",
            many(&|n| json!({"id": n, "method": "exec_logs", "params": {"cmd_id": name}})),
        ),
        (
            "streams of a large file",
            many(&|n| json!({"id": n, "method": "read_stream", "params": {"path": "/root/large"}})),
        ),
        (
            "large answers",
            many(&|n| json!({"id": n, "method": "read", "params": {"path": "/root/large"}})),
        ),
        ("refusals", many(&|n| json!({"id": n, "method": "nothing"}))),
        ("nonsense", text("nonsense").repeat(CALLS)),
    ];
    let descriptors = site.descriptors();
    for way in WAYS {
        for (what, bytes) in &floods {
            bounded(&site, &format!("{way:?}: {what}"), async {
                let mut raw = site.connect(way).await;
                pour(&mut raw, bytes, others(&site)).await;
            })
            .await;
        }
    }
    site.until_descriptors(descriptors).await;
    site.unharmed(&mut bystander).await;
}

/// Messages that are just no big ones, whose calls wait for a peer that reads nothing.
#[tokio::test(flavor = "multi_thread")]
async fn large_messages_of_calls_that_wait() {
    let site = Site::new(&[]).await;
    site.bystander().await.run("truncate -s 1G /root/large").await;
    let descriptors = site.descriptors();
    for method in ["read", "read_stream"] {
        let calls: Vec<u8> = (0..150).flat_map(|n| text(&padded(n, method))).collect();
        bounded(&site, &format!("large messages for {method}"), async {
            let mut raw = site.connect(Way::Executor).await;
            raw.0.write_all(&calls).await.expect("taken, as nothing of them is kept");
            others(&site).await;
        })
        .await;
    }
    site.until_descriptors(descriptors).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_late_gets_everything() {
    let site = Site::new(&[]).await;
    for way in [Way::Executor, Way::Relayed] {
        let mut raw = site.connect(way).await;
        let calls: Vec<u8> = (0..CALLS)
            .flat_map(|n| text(&json!({"id": n, "method": "nothing"}).to_string()))
            .collect();
        let Raw(stream) = raw;
        let (read, mut write) = tokio::io::split(stream);
        let writing = tokio::spawn(async move {
            write.write_all(&calls).await.expect("taken in the end");
            write
        });
        others(&site).await;
        raw = Raw(Box::new(tokio::io::join(read, tokio::io::sink())));
        let mut seen = vec![false; CALLS];
        for _ in 0..CALLS {
            let (answers, outcome) = listen(&mut raw, |_| true).await;
            assert_eq!(outcome, Outcome::Alive);
            let n = answers[0]["id"].as_u64().expect("an id") as usize;
            assert!(!std::mem::replace(&mut seen[n], true), "{n} twice");
        }
        assert!(seen.iter().all(|seen| *seen));
        drop(writing.await.expect("no panic"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_without_end() {
    let site = Site::new(&[]).await;
    let pings = frame(FIN | PING, &[b'?'; 125]).repeat(10_000);
    for way in WAYS {
        bounded(&site, &format!("{way:?}: pings"), async {
            let mut raw = site.connect(way).await;
            pour(&mut raw, &pings, others(&site)).await;
        })
        .await;
    }
    // A connection that was parked goes on once its sandbox is active.
    let mut raw = woken::<1>(&site).await.remove(0);
    bounded(&site, "woken: pings", pour(&mut raw, &pings, others(&site))).await;
    drop(raw);
    site.api.act(&site.stopped, "stop").await.data();
    site.api.until(&site.stopped, "stopped").await;
    // Whoever reads is answered, the last one surely.
    for way in WAYS {
        let mut raw = site.connect(way).await;
        for n in 0..1_000u32 {
            raw.send(&frame(FIN | PING, &n.to_be_bytes())).await;
        }
        while raw.next().await != Said::Pong(999u32.to_be_bytes().to_vec()) {}
    }
}

/// The largest answers there are, each in one message, for clients that take nothing.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_that_nobody_reads() {
    let site = Site::new(&[]).await;
    let mut woken = woken::<8>(&site).await;
    let image = "printf '\\211PNG\\r\\n\\032\\n' >image && truncate -s 32M image";
    site.api.connect(&site.stopped).await.run(image).await;
    let params = json!({"path": "image", "max_message": 64 << 20});
    let call = text(&json!({"id": 1, "method": "read", "params": params}).to_string());
    bounded(&site, "woken: large answers", async {
        for raw in &mut woken {
            raw.send(&call).await;
        }
        others(&site).await;
    })
    .await;
    // Whoever reads has it whole: a message of more than 42 MiB.
    let mut raw = woken.remove(0);
    let mut head = [0; 10];
    raw.0.read_exact(&mut head).await.expect("an answer");
    assert_eq!(head[..2], [FIN | TEXT, 127]);
    let length = u64::from_be_bytes(*head.last_chunk().expect("a length"));
    assert!(length > 42 << 20, "{length} bytes");
    let (mut answer, mut sink) = (raw.0.take(length), tokio::io::sink());
    let reading = tokio::io::copy(&mut answer, &mut sink);
    let read = tokio::time::timeout(PATIENCE, reading).await.expect("in time").expect("reads");
    assert_eq!(read, length);
}

/// Large messages that never become whole, on many connections.
#[tokio::test(flavor = "multi_thread")]
async fn promises_of_large_messages() {
    let site = Site::new(&[]).await;
    let descriptors = site.descriptors();
    for way in WAYS {
        bounded(&site, &format!("{way:?}: promises"), async {
            let mut held = Vec::new();
            for n in 0..200 {
                let mut raw = site.connect(way).await;
                let mut promise = header(if n % 2 == 0 { FIN | TEXT } else { TEXT }, 64 << 20);
                promise.extend([b'x'; 1000]);
                raw.send(&promise).await;
                held.push(raw);
            }
            others(&site).await;
        })
        .await;
    }
    site.until_descriptors(descriptors).await;
}

/// Megabytes of messages that never become whole, on a hundred connections to the gateway itself.
#[tokio::test(flavor = "multi_thread")]
async fn large_parts_of_messages() {
    let site = Site::new(&[]).await;
    let descriptors = site.descriptors();
    bounded(&site, "parts of messages", async {
        let mut pouring = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let mut raw = site.connect(Way::Parked).await;
            let part = [header(FIN | TEXT, 64 << 20), vec![b'x'; 4 << 20]].concat();
            pouring.spawn(async move {
                let _ = raw.0.write_all(&part).await;
                std::future::pending::<()>().await;
            });
        }
        others(&site).await;
    })
    .await;
    site.until_descriptors(descriptors).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_whose_answers_nobody_reads() {
    const REQUESTS: usize = 20_000;
    let site = Site::new(&[]).await;
    let request = format!(
        "GET {SINGULAR}/sb-unknown HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n\r\n"
    );
    let row = request.repeat(REQUESTS);
    let stream = TcpStream::connect(site.served.addr).await.expect("connects");
    let (mut read, mut write) = stream.into_split();
    bounded(&site, "a row of requests", async {
        let writing = tokio::spawn(async move {
            write.write_all(row.as_bytes()).await.expect("taken in the end");
            write.shutdown().await.expect("closed");
        });
        others(&site).await;
        // They are all answered once somebody reads.
        let mut all = Vec::new();
        let reading = read.read_to_end(&mut all);
        tokio::time::timeout(PATIENCE, reading).await.expect("in time").expect("reads");
        let answers = String::from_utf8_lossy(&all).matches("HTTP/1.1 404").count();
        assert_eq!(answers, REQUESTS);
        writing.await.expect("no panic");
    })
    .await;
}

/// A create whose body is `length` bytes long, of which `body` comes.
fn create(length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {PLURAL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Bodies that are larger than any may be, and say so.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_announced_too_large() {
    let site = Site::new(&[]).await;
    let descriptors = site.descriptors();
    bounded(&site, "bodies announced too large", async {
        let mut pouring = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let request = create(64 << 20, &vec![b' '; 16 << 20]);
            let mut stream = TcpStream::connect(site.served.addr).await.expect("connects");
            pouring.spawn(async move {
                stream.write_all(&request).await.expect("taken");
                stream
            });
        }
        // What the gateway has read of each is all that came.
        let held = pouring.join_all().await;
        others(&site).await;
        drop(held);
    })
    .await;
    site.until_descriptors(descriptors).await;
}

/// Bodies that take many times their length once they are parsed.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_grow_when_they_are_parsed() {
    let site = Site::new(&[]).await;
    let zeros = format!("{{\"x\":[{}0]}}", "0,".repeat(4 << 20));
    let objects = format!("{{\"x\":[{}{{}}]}}", "{\"\":0},".repeat(1 << 20));
    for body in [zeros, objects] {
        let request = create(body.len(), body.as_bytes());
        bounded(&site, "a body of many values", async {
            let mut stream = TcpStream::connect(site.served.addr).await.expect("connects");
            stream.write_all(&request).await.expect("taken");
            let mut answer = vec![0; 12];
            let reading = stream.read_exact(&mut answer);
            tokio::time::timeout(PATIENCE, reading).await.expect("in time").expect("an answer");
            assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
        })
        .await;
    }
}
