//! Figures as people read them: thousands separated, times in the unit that fits, ratios in per cent.

/// A count with thousands separators.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 packet`, `1,204 packets`.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 {
        noun.to_owned()
    } else if let Some(stem) = noun.strip_suffix('y') {
        format!("{stem}ies")
    } else {
        format!("{noun}s")
    };
    format!("{} {plural}", count(value))
}

/// Numbers of frames, as Wireshark writes them: `frame 17` or `frames 1717, 1721`.
pub(crate) fn frames(numbers: &[u64]) -> String {
    let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
    format!("{} {}", if list.len() == 1 { "frame" } else { "frames" }, list.join(", "))
}

/// A length of time, in microseconds, with two or three digits that matter.
pub(crate) fn duration(micros: u64) -> String {
    const MS: u64 = 1_000;
    const S: u64 = 1_000_000;
    const MIN: u64 = 60 * S;
    const HOUR: u64 = 60 * MIN;
    match micros {
        0..MS => format!("{micros} µs"),
        MS..S => format!("{} ms", scaled(micros, MS)),
        S..MIN => format!("{} s", scaled(micros, S)),
        MIN..HOUR => two_units(micros / S, 60, "min", "s"),
        _ => two_units(micros / MIN, 60, "h", "min"),
    }
}

/// One decimal below ten, none from there on, and no `.0`. Rounded down, so that nothing just
/// short of a limit seems to have reached it.
fn scaled(value: u64, unit: u64) -> String {
    let tenths = value / (unit / 10);
    match (tenths / 10, tenths % 10) {
        (whole @ 0..10, tenth @ 1..) => format!("{whole}.{tenth}"),
        (whole, _) => whole.to_string(),
    }
}

fn two_units(value: u64, base: u64, large: &str, small: &str) -> String {
    match (value / base, value % base) {
        (whole, 0) => format!("{whole} {large}"),
        (whole, rest) => format!("{whole} {large} {rest} {small}"),
    }
}

/// A ratio in per cent. Only all is 100 % and only nothing is 0 %: 1 lost of 10,000 must show.
pub(crate) fn percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value > 0.0 && value < 0.1 {
        return "<0.1 %".to_owned();
    }
    if value > 99.9 && value < 100.0 {
        return ">99.9 %".to_owned();
    }
    trimmed(value) + " %"
}

/// `part` of `whole` in per cent; nothing of nothing is 0 %.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { percent(0.0) } else { percent(part as f64 / whole as f64) }
}

/// A number of bytes in decimal units, as files are listed.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if value < 1_000 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1e3;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1e3;
        unit += 1;
    }
    format!("{} {}", trimmed(scaled), UNITS[unit])
}

/// A figure of evidence with its unit.
pub(crate) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => percent(value),
        "us" if value >= 0.0 => duration(value as u64),
        "" | "count" => number(value),
        "x" | "times" => format!("{}×", trimmed(value)),
        _ => format!("{} {unit}", number(value)),
    }
}

fn number(value: f64) -> String {
    if (0.0..1e15).contains(&value) && value.fract() == 0.0 {
        count(value as u64)
    } else {
        trimmed(value)
    }
}

/// One decimal, and none where it is 0.
pub(crate) fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(value), text);
        }
        assert_eq!(counted(1, "packet"), "1 packet");
        assert_eq!(counted(1_204, "query"), "1,204 queries");
    }

    #[test]
    fn times_take_the_unit_that_fits() {
        for (micros, text) in [
            (0, "0 µs"),
            (412, "412 µs"),
            (1_250, "1.2 ms"),
            (38_400, "38 ms"),
            (999_999, "999 ms"),
            (1_000_000, "1 s"),
            (5_000_500, "5 s"),
            (30_000_000, "30 s"),
            (125_000_000, "2 min 5 s"),
            (600_000_000, "10 min"),
            (5_400_000_000, "1 h 30 min"),
        ] {
            assert_eq!(duration(micros), text);
        }
    }

    #[test]
    fn only_all_is_100_per_cent() {
        for (ratio, text) in [
            (0.0, "0 %"),
            (0.000_1, "<0.1 %"),
            (0.123_4, "12.3 %"),
            (0.85, "85 %"),
            (0.999_99, ">99.9 %"),
            (1.0, "100 %"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(percent(ratio), text);
        }
        assert_eq!(share(0, 0), "0 %");
    }

    #[test]
    fn figures_follow_their_unit() {
        assert_eq!(figure(1.0, "ratio"), "100 %");
        assert_eq!(figure(1_204.0, "count"), "1,204");
        assert_eq!(figure(1_340.0, "packets/s"), "1,340 packets/s");
        assert_eq!(figure(5_000_000.0, "us"), "5 s");
        assert_eq!(figure(4.25, "x"), "4.2×");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234_567), "1.2 MB");
    }
}
