//! Kubernetes quantities, such as `500m` or `4Gi`: checked, never enforced here.
//!
//! The grammar is Kubernetes' own: a decimal number, then nothing, a binary suffix (`Ki` … `Ei`),
//! a decimal one (`n`, `u`, `m`, `k`, `M` … `E`) or an exponent (`e3`, `E-3`). A negative amount of
//! processor or memory means nothing and is refused, as is one past what an `i64` of bytes holds.

/// Longest text looked at: no amount below the limit needs more.
const LONGEST: usize = 64;
/// Billionths, so that `n` is exact.
const SCALE: u128 = 1_000_000_000;
/// Kubernetes' own bound.
const MOST: u128 = i64::MAX as u128 * SCALE;

/// An amount in billionths of its unit (cores, bytes), rounded up as Kubernetes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(u128);

impl Quantity {
    /// Reads `text`; the error continues a sentence that begins with the field's name.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const GRAMMAR: &str = "must be a Kubernetes quantity such as \"500m\" or \"4Gi\"";
        const TOO_LARGE: &str = "is larger than any machine";
        if text.len() > LONGEST {
            return Err(GRAMMAR);
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned.bytes().position(|b| !(b.is_ascii_digit() || b == b'.'));
        let (number, suffix) = unsigned.split_at(end.unwrap_or(unsigned.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(GRAMMAR);
        }
        let scale = Scale::parse(suffix).ok_or(GRAMMAR)?;
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self(0));
        }
        if negative {
            return Err("must not be negative");
        }
        let mantissa: u128 = digits.parse().map_err(|_| TOO_LARGE)?;
        // The value is mantissa * 2^shift * 10^power billionths.
        // The text's length bounds the fraction's.
        let power = scale.power + 9 - i16::try_from(fraction.len()).map_err(|_| GRAMMAR)?;
        let value = mantissa.checked_mul(1 << scale.shift).ok_or(TOO_LARGE)?;
        let value = if power >= 0 {
            10u128.checked_pow(power.unsigned_abs().into()).and_then(|ten| value.checked_mul(ten))
        } else {
            Some(
                10u128
                    .checked_pow(power.unsigned_abs().into())
                    .map_or(1, |ten| value.div_ceil(ten)),
            )
        };
        match value {
            Some(value) if value <= MOST => Ok(Self(value)),
            _ => Err(TOO_LARGE),
        }
    }
}

struct Scale {
    shift: u32,
    power: i16,
}

impl Scale {
    fn parse(suffix: &str) -> Option<Self> {
        let binary = |shift| Some(Self { shift, power: 0 });
        let decimal = |power| Some(Self { shift: 0, power });
        match suffix {
            "" => decimal(0),
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty()
                    || digits.len() > 3
                    || !digits.bytes().all(|b| b.is_ascii_digit())
                {
                    return None;
                }
                decimal(exponent.parse().ok()?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> u128 {
        Quantity::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    #[test]
    fn the_suffixes() {
        assert_eq!(value("2"), 2 * SCALE);
        assert_eq!(value("500m"), SCALE / 2);
        assert_eq!(value("0.5"), value("500m"));
        assert_eq!(value(".5"), value("500m"));
        assert_eq!(value("5."), value("5"));
        assert_eq!(value("+1"), SCALE);
        assert_eq!(value("4Gi"), (4 << 30) * SCALE);
        assert_eq!(value("1.5Gi"), (3 << 29) * SCALE);
        assert_eq!(value("1e3"), value("1k"));
        assert_eq!(value("1E3"), value("1k"));
        assert_eq!(value("1000e-3"), value("1"));
        assert_eq!(value("1E"), value("1000P"));
        assert_eq!(value("7Ei"), (7u128 << 60) * SCALE);
        assert_eq!(value("1n"), 1);
        assert_eq!(value("0.1n"), 1, "rounded up");
        assert_eq!(value("1e-999"), 1, "rounded up");
        assert_eq!(value("-0"), 0);
        assert_eq!(value("0e999"), 0);
    }

    #[test]
    fn what_is_no_quantity() {
        for text in [
            "", "m", "Gi", "-", "+", ".", "1.2.3", "1..2", "four", "4 Gi", " 4", "4gi", "4GB",
            "4K", "1e", "1e+", "1e1.5", "1ee3", "0x10", "NaN", "inf", "1\0", "½", "1e9999", "--1",
        ] {
            assert!(Quantity::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Quantity::parse("-1"), Err("must not be negative"));
        for text in
            ["8Ei", "1e999", "9223372036854775808", "99999999999999999999999999999999999999999999"]
        {
            assert_eq!(Quantity::parse(text), Err("is larger than any machine"), "{text}");
        }
        assert!(Quantity::parse(&"1".repeat(65)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,70}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn what_looks_like_one_never_panics(text in "[-+]?[0-9.]{0,50}(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]{0,4})?") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn milli_is_a_thousandth(n in 0u64..1 << 40) {
            prop_assert_eq!(value(&format!("{n}m")) * 1000, value(&n.to_string()));
        }

        #[test]
        fn order_is_kept(a in 0u64..1 << 52, b in 0u64..1 << 52) {
            let (qa, qb) = (Quantity::parse(&format!("{a}Ki")).unwrap(), Quantity::parse(&format!("{b}Ki")).unwrap());
            prop_assert_eq!(a.cmp(&b), qa.cmp(&qb));
        }
    }
}
