//! Times as the wire has them: RFC 3339, UTC, to the millisecond.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// This moment.
pub(crate) fn now() -> String {
    format(SystemTime::now()).unwrap_or_default()
}

/// `time`, unless it is outside what the format can say.
pub(crate) fn format(time: SystemTime) -> Option<String> {
    // A file may carry any time at all; what `time` cannot hold must not panic.
    let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    let time = time.replace_millisecond(time.millisecond()).ok()?;
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn any_time_formats_or_is_left_out() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_500_999_999);
        assert_eq!(format(at).unwrap(), "1970-01-01T00:00:01.5Z");
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(format(before).unwrap(), "1969-12-31T23:59:59Z");
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(format(far), None);
    }
}
