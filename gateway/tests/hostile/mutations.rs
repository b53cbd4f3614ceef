//! A conversation that is right, made wrong by chance: frames cut, doubled, swapped, of another
//! kind, with other bits; in pieces of any size; ended in any manner.
//!
//! `VTRIX_SEED` repeats a run, `VTRIX_ROUNDS` makes it longer.

use std::collections::HashSet;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;

use crate::raw::{BINARY, FIN, PING, TEXT, close, frame, text};
use crate::site::{Outcome, Site, WAYS, listen};

/// How many conversations each way in has.
const ROUNDS: u64 = 60;

/// The seed of this run, which a failure prints.
struct Seed(u64);

impl Seed {
    fn take() -> Self {
        let given = std::env::var("VTRIX_SEED").ok().map(|seed| seed.parse().expect("a number"));
        Self(
            given.unwrap_or_else(|| {
                std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
            }),
        )
    }

    fn of(&self, round: u64) -> TestRng {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&round.to_le_bytes());
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: VTRIX_SEED={}", self.0);
        }
    }
}

fn below(dice: &mut TestRng, end: usize) -> usize {
    (dice.next_u64() % end.max(1) as u64) as usize
}

/// Frames of calls that are right.
fn conversation(dice: &mut TestRng) -> Vec<Vec<u8>> {
    let calls = [
        json!({"id": 1, "method": "exec", "params": {"command": "echo hi; echo ho >&2"}}),
        json!({"id": 2, "method": "exec", "params": {"command": "cat", "stdin_data": "some"}}),
        json!({"id": 3, "method": "exec", "params": {"command": "sleep 1000"}}),
        json!({"id": 4, "method": "exec", "params": {"command": "true", "detached": true}}),
        json!({"id": 5, "method": "kill", "params": {"cmd_id": "none", "signal": "SIGINT"}}),
        json!({"id": 6, "method": "exec_logs", "params": {"cmd_id": "none"}}),
        json!({"id": 7, "method": "write", "params": {"path": "/root/x", "content": "é".repeat(99)}}),
        json!({"id": 8, "method": "write_binary", "params": {"path": "/root/y", "data": "AAAA", "mode": 420}}),
        json!({"id": 9, "method": "read", "params": {"path": "/etc/passwd"}}),
        json!({"id": 10, "method": "read_stream", "params": {"path": "/etc/passwd", "chunk_size": 100}}),
        json!({"id": 11, "method": "list_files", "params": {"path": "/"}}),
        json!({"id": 12, "method": "edit", "params": {"path": "/root/x", "old_text": "e", "new_text": "f"}}),
    ];
    let count = 1 + below(dice, 12);
    let mut frames: Vec<_> = (0..count)
        .map(|_| frame(FIN | TEXT, calls[below(dice, calls.len())].to_string().as_bytes()))
        .collect();
    frames.insert(below(dice, count), frame(FIN | PING, b"?"));
    frames
}

fn mutate(dice: &mut TestRng, frames: &mut Vec<Vec<u8>>) {
    let at = below(dice, frames.len());
    match below(dice, 9) {
        0 => {
            let keep = below(dice, frames[at].len());
            frames[at].truncate(keep);
        }
        1 => frames.insert(at, frames[at].clone()),
        2 => {
            let other = below(dice, frames.len());
            frames.swap(at, other);
        }
        3 => {
            // The head: kind, length, mask.
            let place = below(dice, frames[at].len().min(14));
            if let Some(byte) = frames[at].get_mut(place) {
                *byte ^= 1 << below(dice, 8);
            }
        }
        4 => {
            let place = below(dice, frames[at].len());
            if let Some(byte) = frames[at].get_mut(place) {
                *byte = dice.next_u32() as u8;
            }
        }
        5 => {
            if let Some(first) = frames[at].first_mut() {
                *first = *first & 0xf0 | dice.next_u32() as u8 & 0xf;
            }
        }
        6 => {
            let mut noise = vec![0; below(dice, 300)];
            dice.fill_bytes(&mut noise);
            frames.insert(at, frame(FIN | BINARY, &noise));
        }
        7 => {
            let mut noise = vec![0; below(dice, 40)];
            dice.fill_bytes(&mut noise);
            frames.insert(at, noise);
        }
        _ => frames.insert(at, close(dice.next_u32() as u16, b"")),
    }
}

/// Codes that an answer of the wire may have.
fn closed_set() -> HashSet<i64> {
    // Without −32603, the executor's own fault.
    [-32700, -32600, -32601, -32602].into_iter().chain(-32018..=-32001).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_chance() {
    let seed = Seed::take();
    let rounds = std::env::var("VTRIX_ROUNDS").map_or(ROUNDS, |n| n.parse().expect("a number"));
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let descriptors = site.descriptors();
    let codes = closed_set();
    for round in 0..rounds {
        for way in WAYS {
            // The same on each way in.
            let mut dice = seed.of(round);
            let mut frames = conversation(&mut dice);
            for _ in 0..=below(&mut dice, 3) {
                mutate(&mut dice, &mut frames);
            }
            let bytes = frames.concat();
            let mut raw = site.connect(way).await;
            let mut rest = &bytes[..];
            let piece = 1 + below(&mut dice, bytes.len().max(1));
            while !rest.is_empty() {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                raw.send(now).await;
                rest = later;
            }
            // A frame that was made longer swallows what comes, until nothing more does.
            match below(&mut dice, 3) {
                0 => {}
                1 => {
                    raw.send(&close(1000, b"").repeat(30)).await;
                }
                _ => {
                    raw.send(&text(r#"{"id":"last","method":"stat","params":{"path":"/"}}"#)).await;
                }
            }
            raw.half_close().await;
            let (answers, outcome) = listen(&mut raw, |_| false).await;
            let what = format!("{way:?}, round {round}");
            for answer in answers {
                if let Some(code) = answer["error"]["code"].as_i64() {
                    assert!(codes.contains(&code), "{what}: {answer}");
                }
            }
            if let Outcome::Closed(code) = outcome {
                let fine = matches!(code, 0 | 1000 | 1001 | 1002 | 1007 | 1008 | 1009 | 1011..=1014 | 3000..=4999);
                assert!(fine, "{what}: closed with {code}");
            }
        }
        if round % 10 == 0 {
            site.unharmed(&mut bystander).await;
        }
    }
    site.unharmed(&mut bystander).await;
    site.until_descriptors(descriptors).await;
}
