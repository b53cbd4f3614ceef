//! Durations and sizes as people write them: `90s`, `12h`, `64K`, `32M`.

use std::time::Duration;

/// A whole or decimal number and `ms`, `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const PROBLEM: &str = "must be a number and a unit (ms, s, m, h, d), such as 90s or 12h";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(PROBLEM)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(PROBLEM.into()),
    };
    let number: f64 = number.trim().parse().map_err(|_| PROBLEM)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| PROBLEM.into())
}

/// A whole number of bytes, or of binary `K`, `M` or `G`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    const PROBLEM: &str = "must be a whole number of bytes, or of K, M or G, such as 64K or 32M";
    let (number, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PROBLEM.into());
    }
    let number: usize = number.parse().map_err(|_| PROBLEM)?;
    number.checked_mul(1 << shift).ok_or_else(|| PROBLEM.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(168)));
        for text in ["", "12", "h", "-1s", "1w", "1e400s", "NaNs", "12 hours"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("64K"), Ok(64 * 1024));
        assert_eq!(size("32M"), Ok(32 * 1024 * 1024));
        assert_eq!(size("1G"), Ok(1024 * 1024 * 1024));
        for text in ["", "K", "-1", "+1", "1.5M", "1k", "64 K", "99999999999999999999", "é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
