//! Writing JSON strings by hand, once.
//!
//! Output goes from a command's bytes to a message in one pass, so the escaping is here instead of
//! in a serializer that would want the text in a `String` of its own first.

/// Appends `text` as the inside of a JSON string.
pub(crate) fn escape_into(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len());
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        // Eight bytes at a time: nothing to escape in a word is the common case.
        if let Some(word) = bytes.get(at..at + 8)
            && !needs_escape(u64::from_le_bytes(word.try_into().unwrap_or_default()))
        {
            at += 8;
            continue;
        }
        let end = (at + 8).min(bytes.len());
        while at < end {
            let byte = bytes[at];
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                at += 1;
                continue;
            }
            out.push_str(&text[from..at]);
            match byte {
                b'"' => out.push_str("\\\""),
                b'\\' => out.push_str("\\\\"),
                b'\n' => out.push_str("\\n"),
                b'\r' => out.push_str("\\r"),
                b'\t' => out.push_str("\\t"),
                0x08 => out.push_str("\\b"),
                0x0c => out.push_str("\\f"),
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.push_str("\\u00");
                    out.push(char::from(HEX[usize::from(byte >> 4)]));
                    out.push(char::from(HEX[usize::from(byte & 15)]));
                }
            }
            at += 1;
            from = at;
        }
    }
    out.push_str(&text[from..]);
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn string_into(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, out);
    out.push('"');
}

/// Bytes that `text` takes as the inside of a JSON string.
pub(crate) fn escaped_len(text: &str) -> usize {
    text.bytes().map(escaped_byte_len).sum()
}

/// Bytes of `text`, cut on a character, that take at most `budget` as the inside of a JSON string.
pub(crate) fn prefix_that_fits(text: &str, mut budget: usize) -> usize {
    for (at, byte) in text.bytes().enumerate() {
        let len = escaped_byte_len(byte);
        if len > budget {
            return (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        }
        budget -= len;
    }
    text.len()
}

fn escaped_byte_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// Whether one of eight bytes is a control character, a quote or a backslash.
fn needs_escape(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |x: u64| x.wrapping_sub(LOW) & !x & HIGH;
    let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
    let quote = zero(word ^ (LOW * u64::from(b'"')));
    let backslash = zero(word ^ (LOW * u64::from(b'\\')));
    (control | quote | backslash) != 0
}

/// Where to cut the inside of a JSON string so that at most `budget` bytes remain: never inside a
/// character or an escape.
pub(crate) fn cut_front(escaped: &str, budget: usize) -> usize {
    let mut cut = escaped.len().saturating_sub(budget);
    while !escaped.is_char_boundary(cut) {
        cut += 1;
    }
    let bytes = escaped.as_bytes();
    // An escape is six bytes at most, so one that spans the cut starts at most five before it. A
    // backslash starts one unless it is the second of a pair.
    for start in cut.saturating_sub(5)..cut {
        if bytes[start] != b'\\' {
            continue;
        }
        let run = bytes[..start].iter().rev().take_while(|b| **b == b'\\').count();
        if run % 2 == 1 {
            continue;
        }
        let end = start + if bytes.get(start + 1) == Some(&b'u') { 6 } else { 2 };
        if end > cut {
            return end.min(bytes.len());
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escapes_as_serde_does(text in "(\\PC|[\u{0}-\u{30}\"\\\\]){0,40}") {
            let mut out = String::new();
            string_into(&text, &mut out);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn a_prefix_fits_and_no_longer_one_does(text in "(\\PC|[\u{0}-\u{22}\\\\]){0,24}", budget in 0usize..60) {
            let fits = prefix_that_fits(&text, budget);
            prop_assert!(escaped_len(&text[..fits]) <= budget);
            if let Some(next) = text[fits..].chars().next() {
                prop_assert!(escaped_len(&text[..fits + next.len_utf8()]) > budget);
            }
            let mut escaped = String::new();
            escape_into(&text, &mut escaped);
            prop_assert_eq!(escaped.len(), escaped_len(&text));
        }

        #[test]
        fn a_cut_string_still_reads(text in "([a-zé€]|[\u{0}-\u{22}\\\\u0]){0,24}", budget in 0usize..80) {
            let mut escaped = String::new();
            escape_into(&text, &mut escaped);
            let rest = &escaped[cut_front(&escaped, budget)..];
            prop_assert!(rest.len() <= budget);
            prop_assert!(rest.len() + 6 > budget.min(escaped.len()));
            let read: String = serde_json::from_str(&format!("\"{rest}\"")).unwrap();
            prop_assert!(text.ends_with(&read));
        }
    }
}
