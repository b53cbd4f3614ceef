//! The file of tokens, as somebody in a hurry would write it.

use super::format::{LONGEST_TOKEN, MOST_TOKENS, hashed, parse};
use crate::auth::project_is_sound;
use crate::tenant::TokenLimits;

/// Reads `text` as a file of tokens, in which each `~` stands for somebody's secret: it is refused
/// without a word of that, or says what can be used. A token and its digest mean the same.
pub fn tokens(text: &str) {
    const SECRET: &str = "hunter2";
    let text = text.replace('~', SECRET);
    let parsed = match parse(&text, TokenLimits::default()) {
        Ok(parsed) => parsed,
        Err(problem) => {
            assert!(!problem.contains(SECRET), "an error shows a secret: {problem}");
            assert!(problem.len() < 300 && problem.is_ascii());
            return;
        }
    };
    let entries = &parsed.entries;
    assert!((1..=MOST_TOKENS).contains(&entries.len()));
    for (n, entry) in entries.iter().enumerate() {
        assert!(project_is_sound(&entry.project));
        assert_eq!(entry.limits.check(), Ok(()));
        assert!(entries[..n].iter().all(|other| other.digest != entry.digest), "one token twice");
    }
    let hash = |line: &str| {
        let words = line.trim().split_once(|c: char| c.is_ascii_whitespace());
        match words.and_then(|(first, rest)| Some((first.strip_prefix("plain:")?, rest))) {
            Some((token, rest)) => {
                assert!(token.len() <= LONGEST_TOKEN);
                format!("{} {rest}\n", hashed(token))
            }
            None => format!("{line}\n"),
        }
    };
    let again: String = text.lines().map(hash).collect();
    let again = parse(&again, TokenLimits::default()).expect("the same with digests");
    assert!(!again.has_plain);
    assert_eq!(again.entries.len(), entries.len());
    for (one, other) in again.entries.iter().zip(entries) {
        assert_eq!(
            (one.digest, &one.project, one.admin),
            (other.digest, &other.project, other.admin)
        );
        assert_eq!(one.limits, other.limits);
    }
}
