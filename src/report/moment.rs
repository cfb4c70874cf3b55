//! Moments and windows of time as people read them: dated, in UTC, with how long it took.

use jiff::Timestamp;

use super::number;

/// `2026-11-20 10:15:07 to 10:15:37 UTC (30 s)`; the fraction only where seconds do not tell enough.
pub(crate) fn window(start: &str, end: &str) -> String {
    let (Ok(from), Ok(to)) = (start.parse::<Timestamp>(), end.parse::<Timestamp>()) else {
        // Not a time that jiff reads: shown as it came rather than left out.
        return if start == end { start.to_owned() } else { format!("{start} to {end}") };
    };
    let micros = to.as_microsecond().saturating_sub(from.as_microsecond()).max(0) as u64;
    let clock = if micros < 1_000_000 { "%H:%M:%S.%3f" } else { "%H:%M:%S" };
    let first = from.strftime(&format!("%Y-%m-%d {clock}")).to_string();
    if micros == 0 {
        return format!("{first} UTC");
    }
    let same_day = from.strftime("%F").to_string() == to.strftime("%F").to_string();
    let last = if same_day {
        to.strftime(clock).to_string()
    } else {
        to.strftime(&format!("%Y-%m-%d {clock}")).to_string()
    };
    format!("{first} to {last} UTC ({})", number::duration(micros))
}

/// The time of day, for a table whose day is told elsewhere.
pub(crate) fn clock(time: &str) -> String {
    time.parse::<Timestamp>()
        .map_or_else(|_| time.to_owned(), |time| time.strftime("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_dated_once() {
        for (start, end, text) in [
            (
                "2026-11-20T10:15:07.5Z",
                "2026-11-20T10:15:37.9Z",
                "2026-11-20 10:15:07 to 10:15:37 UTC (30 s)",
            ),
            (
                "2026-11-20T23:59:30Z",
                "2026-11-21T00:00:30Z",
                "2026-11-20 23:59:30 to 2026-11-21 00:00:30 UTC (1 min)",
            ),
            (
                "2026-11-20T10:15:07.120Z",
                "2026-11-20T10:15:07.480Z",
                "2026-11-20 10:15:07.120 to 10:15:07.480 UTC (360 ms)",
            ),
            ("2026-11-20T10:15:07Z", "2026-11-20T10:15:07Z", "2026-11-20 10:15:07.000 UTC"),
            ("?", "later", "? to later"),
        ] {
            assert_eq!(window(start, end), text);
        }
        assert_eq!(clock("2026-11-20T10:15:07.5Z"), "10:15:07");
    }
}
