//! `vtrix-gateway hash-token`: from a token to what a file of tokens says of it.
//!
//! The token comes by standard input, so that it is in no list of processes and no shell's history.

use std::io::{Read, Write};

use crate::tokens::{hashed, token_is_sound};

/// More than a token and the end of its line.
const LONGEST_INPUT: u64 = 8 * 1024;
/// Shorter ones can be found by trying, once somebody has the hash.
const SHORTEST_SAFE: usize = 32;

/// Reads one token and writes the first word of its line. The error is for the operator and has no
/// token.
pub(crate) fn run(
    input: impl Read,
    mut output: impl Write,
    mut notes: impl Write,
) -> Result<(), String> {
    let mut text = String::new();
    input
        .take(LONGEST_INPUT)
        .read_to_string(&mut text)
        .map_err(|error| format!("standard input: {error}"))?;
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let token = token.strip_suffix('\r').unwrap_or(token);
    if !token_is_sound(token) {
        return Err("a token must be one line of 1 to 4096 visible ASCII characters".into());
    }
    if token.len() < SHORTEST_SAFE {
        let _ = writeln!(
            notes,
            "vtrix-gateway: this token is short; one of {SHORTEST_SAFE} random characters or more \
             cannot be found from its hash"
        );
    }
    writeln!(output, "{}", hashed(token)).map_err(|error| format!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(input: &[u8]) -> Result<(String, String), String> {
        let (mut output, mut notes) = (Vec::new(), Vec::new());
        run(input, &mut output, &mut notes)?;
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ok((text(output), text(notes)))
    }

    #[test]
    fn one_line_of_input() {
        let (output, notes) = hash(b"abc\r\n").expect("hashes");
        assert_eq!(output, format!("{}\n", hashed("abc")));
        assert!(notes.contains("short") && !notes.contains("abc"));
        let long = [b'x'; 40];
        assert_eq!(hash(&long).expect("hashes").1, "");
    }

    #[test]
    fn what_is_no_token() {
        for input in [&b""[..], b"\n", b"two words", b"two\nlines", b"h\xc3\xbcnter2", b"\xff"] {
            assert!(!hash(input).expect_err("refused").contains("nter2"));
        }
        assert!(hash(&[b'x'; 9000]).is_err());
    }
}
