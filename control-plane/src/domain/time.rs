//! Times as people and scripts read them: RFC 3339, UTC, whole seconds.

use super::UnixSeconds;

const DAY: u64 = 86_400;

/// `2026-01-02T03:04:05Z`.
#[must_use]
pub fn rfc3339(seconds: UnixSeconds) -> String {
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Reads what [`rfc3339`] writes.
#[must_use]
pub fn parse(text: &str) -> Option<UnixSeconds> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let parts: Vec<u64> = text.split(by).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // No day of that year is further than 366 days from its first, which lies near 365.2425 days a year.
    let about = (year - 1970) * 365 + (year - 1968) / 4;
    let days = (about.saturating_sub(40)..about + 400).find(|days| civil(*days) == (year, month, day))?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    // Only one way to write it: what has other widths or signs is not read.
    (rfc3339(seconds) == text).then_some(seconds)
}

/// Year, month and day of a day counted from 1970-01-01, by years that begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{DAY, parse, rfc3339};

    #[test]
    fn writes_days_that_calendars_get_wrong() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), expect);
            assert_eq!(parse(expect), Some(seconds));
        }
    }

    #[test]
    fn reads_every_day_and_no_other_way_to_write_it() {
        for day in (0..80_000).step_by(97).chain([2_932_896]) {
            assert_eq!(parse(&rfc3339(day * DAY + 86_399)), Some(day * DAY + 86_399));
        }
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-1-02T03:04:05Z",
            "2026-01-02T03:04:05",
            "2026-01-02T24:00:00Z",
            "+2026-01-02T03:04:05Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
