//! The file of tokens as text: one token a line.
//!
//! ```text
//! # comment
//! sha256:9f86d081884c7d65…  project=team-a
//! sha256:60303ae22b998861…  project=ops  admin
//! plain:correct-horse-…     project=team-b  max-requests=16  idle-timeout=30m
//! ```
//!
//! Errors say which line and which setting, and never repeat what is written there: it may be a
//! token. That is also why no general parser reads it (ADR 8).

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::auth::project_is_sound;
use crate::tenant::TokenLimits;
use crate::units;

/// Longest token, in characters.
pub(crate) const LONGEST_TOKEN: usize = 4096;
/// Most tokens in a file: each request is compared with all of them.
pub(crate) const MOST_TOKENS: usize = 1024;
/// A token's digest.
pub(crate) type TokenDigest = [u8; 32];

const HASHED: &str = "sha256:";
const PLAIN: &str = "plain:";

/// What one line says.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) digest: TokenDigest,
    pub(super) project: String,
    pub(super) admin: bool,
    pub(super) limits: TokenLimits,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) entries: Vec<Entry>,
    /// Some token is there as it is, so who can read the file can use it.
    pub(super) has_plain: bool,
}

/// The digest of a token.
pub(crate) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

/// Whether a token can be sent in a header as it is.
pub(crate) fn token_is_sound(token: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
}

/// The first word of a line for `token`.
pub(crate) fn hashed(token: &str) -> String {
    use std::fmt::Write;
    digest(token).iter().fold(HASHED.to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a whole file. `defaults` are the limits of lines that set none.
pub(super) fn parse(text: &str, defaults: TokenLimits) -> Result<Parsed, String> {
    let mut parsed = Parsed { entries: Vec::new(), has_plain: false };
    let mut seen: HashMap<TokenDigest, usize> = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (entry, plain) =
            entry(line, defaults).map_err(|problem| format!("line {number}: {problem}"))?;
        if let Some(other) = seen.insert(entry.digest, number) {
            return Err(format!("line {number}: the token of line {other} again"));
        }
        parsed.entries.push(entry);
        parsed.has_plain |= plain;
        if parsed.entries.len() > MOST_TOKENS {
            return Err(format!("more than {MOST_TOKENS} tokens"));
        }
    }
    // What an editor leaves for a moment while it writes must not lock everyone out.
    if parsed.entries.is_empty() { Err("no token in it".into()) } else { Ok(parsed) }
}

fn entry(line: &str, defaults: TokenLimits) -> Result<(Entry, bool), String> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let (digest, plain) = if let Some(hex) = first.strip_prefix(HASHED) {
        (from_hex(hex).ok_or("`sha256:` must be followed by 64 hexadecimal digits")?, false)
    } else if let Some(token) = first.strip_prefix(PLAIN) {
        if !token_is_sound(token) {
            return Err("a token must be 1 to 4096 visible ASCII characters".into());
        }
        (digest(token), true)
    } else {
        return Err("must begin with `sha256:` or `plain:`".into());
    };
    let (mut project, mut admin, mut limits) = (None, false, defaults);
    let mut set: Vec<&str> = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
        let name = NAMES.iter().find(|known| **known == name).ok_or_else(|| {
            format!("a setting that is none of {}; a comment has its own line", NAMES.join(", "))
        })?;
        if set.contains(name) {
            return Err(format!("`{name}` twice"));
        }
        set.push(name);
        let wrong = |problem: String| format!("{name}: {problem}");
        match (*name, value) {
            (ADMIN, None) => admin = true,
            (ADMIN, Some(_)) => return Err(wrong("takes no value".into())),
            (_, None) => return Err(wrong("a value is missing".into())),
            (PROJECT, Some(value)) => project = Some(value.to_owned()),
            (_, Some(value)) => limit(&mut limits, name, value).map_err(wrong)?,
        }
    }
    limits.check()?;
    let project = project.ok_or("`project` is missing")?;
    if !project_is_sound(&project) {
        return Err("project: must be 1 to 128 visible ASCII characters".into());
    }
    Ok((Entry { digest, project, admin, limits }, plain))
}

const PROJECT: &str = "project";
const ADMIN: &str = "admin";
const NAMES: &[&str] = &[
    PROJECT,
    ADMIN,
    "max-body",
    "max-head",
    "max-message",
    "max-requests",
    "max-connections",
    "max-project-sandboxes",
    "idle-timeout",
];

fn limit(limits: &mut TokenLimits, name: &str, value: &str) -> Result<(), String> {
    let count = || value.parse::<usize>().map_err(|_| "must be a whole number".to_owned());
    match name {
        "max-body" => limits.body = units::size(value)?,
        "max-head" => limits.head = units::size(value)?,
        "max-message" => limits.message = units::size(value)?,
        "max-requests" => limits.requests = count()?,
        "max-connections" => limits.connections = Some(count()?),
        "max-project-sandboxes" => limits.sandboxes = Some(count()?),
        _ => limits.idle = units::duration(value)?,
    }
    Ok(())
}

fn from_hex(hex: &str) -> Option<TokenDigest> {
    let mut digest = [0; 32];
    if hex.len() != 2 * digest.len() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Parsed, String> {
        parse(text, TokenLimits::default())
    }

    #[test]
    fn a_line_says_who_and_how_much() {
        let text = format!(
            "# who\r\n\n  {}  project=a\r\nplain:secret project=b admin max-body=2M max-head=2K \
             max-message=3K max-requests=4 max-connections=5 max-project-sandboxes=6 \
             idle-timeout=7m\n",
            hashed("one")
        );
        let parsed = read(&text).expect("reads");
        assert!(parsed.has_plain);
        let [one, two] = &parsed.entries[..] else { panic!("two") };
        assert_eq!((one.digest, one.project.as_str(), one.admin), (digest("one"), "a", false));
        assert_eq!(one.limits, TokenLimits::default());
        assert_eq!((two.digest, two.project.as_str(), two.admin), (digest("secret"), "b", true));
        let limits = TokenLimits {
            body: 2 << 20,
            head: 2 << 10,
            message: 3 << 10,
            requests: 4,
            connections: Some(5),
            sandboxes: Some(6),
            idle: Duration::from_mins(7),
        };
        assert_eq!(two.limits, limits);
    }

    #[test]
    fn the_digest_is_what_sha256sum_prints() {
        assert_eq!(
            hashed("abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let upper = hashed("abc").to_uppercase().replace("SHA256", "sha256");
        let parsed = read(&format!("{upper} project=p")).expect("reads");
        assert_eq!(parsed.entries[0].digest, digest("abc"));
    }

    #[test]
    fn what_is_wrong_is_named_and_never_repeated() {
        let long = format!("plain:hunter2{} project=p", "x".repeat(LONGEST_TOKEN));
        let project = format!("plain:hunter2 project={}", "p".repeat(129));
        let twice = format!("plain:hunter2 project=p\n{} project=q", hashed("hunter2"));
        for (text, problem) in [
            ("", "no token in it"),
            ("# only words\n", "no token in it"),
            ("hunter2 project=p", "line 1: must begin with `sha256:` or `plain:`"),
            ("\n\nhunter2", "line 3: must begin"),
            ("sha256:hunter2 project=p", "line 1: `sha256:` must be followed by 64"),
            ("plain: project=p", "a token must be 1 to 4096"),
            ("plain:hünter2 project=p", "a token must be 1 to 4096"),
            (&long, "a token must be 1 to 4096"),
            ("plain:hunter2", "`project` is missing"),
            ("plain:hunter2 project=", "project: must be 1 to 128"),
            ("plain:hunter2 project", "project: a value is missing"),
            (&project, "project: must be 1 to 128"),
            ("plain:hunter2 project=p hunter2", "a setting that is none of project, admin"),
            ("plain:hunter2 project=p # hunter2", "a comment has its own line"),
            ("plain:hunter2 project=p admin=hunter2", "admin: takes no value"),
            ("plain:hunter2 project=p project=q", "`project` twice"),
            ("plain:hunter2 project=p max-body=hunter2", "max-body: must be a whole number"),
            ("plain:hunter2 project=p max-body=33M", "max-body: must be 1024 to 33554432"),
            ("plain:hunter2 project=p max-requests=0", "max-requests: must be at least 1"),
            ("plain:hunter2 project=p idle-timeout=hunter2", "idle-timeout: must be a number"),
            (&twice, "line 2: the token of line 1 again"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(problem), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let many: String = (0..=MOST_TOKENS)
            .fold(String::new(), |text, n| text + &format!("plain:{n} project=p\n"));
        assert_eq!(read(&many).expect_err("too many"), "more than 1024 tokens");
    }
}
