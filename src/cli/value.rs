//! Values of options, each checked, with a message that says what is allowed. clap puts the name of
//! the option and the value before it.

use std::num::NonZeroUsize;

use crate::config::{MAX_THREADS, QUERY_TIMEOUTS};
use crate::model::{Address, Span};

/// A length of time: a number, a fraction allowed, and its unit.
fn span(text: &str, (least, most): (Span, Span), bounds: &str) -> Result<Span, String> {
    const ALLOWED: &str = "expected a number and a unit (us, ms, s, m, h), as in 500ms, 5s or 2m";
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ');
    let (number, unit) = text.split_at(unit_at.ok_or(ALLOWED)?);
    let nanos = match unit {
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3_600e9,
        _ => return Err(ALLOWED.to_owned()),
    };
    // f64 also reads "1e9", "inf" and "-1": a time-out is plain digits.
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(ALLOWED.to_owned());
    }
    let number: f64 = number.parse().map_err(|_| ALLOWED)?;
    let span = Span((number * nanos).round() as i64);
    if span < least || span > most {
        return Err(format!("expected {bounds}"));
    }
    Ok(span)
}

pub(super) fn timeout(text: &str) -> Result<Span, String> {
    span(text, QUERY_TIMEOUTS, "1ms to 10m")
}

/// How long a capture may go on.
#[cfg(feature = "live")]
pub(super) fn length(text: &str) -> Result<Span, String> {
    span(text, (Span::from_millis(1), Span::from_secs(8_760 * 3_600)), "1ms to 8760h")
}

/// More often than this nobody can read.
#[cfg(feature = "live")]
pub(super) fn interval(text: &str) -> Result<Span, String> {
    span(text, (Span::from_millis(100), Span::from_secs(86_400)), "100ms to 24h")
}

#[cfg(feature = "live")]
pub(super) fn packets(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("expected a whole number of packets, at least 1".to_owned()),
    }
}

/// Below 96 octets not even the headers of a DNS message in a tunnel are kept.
#[cfg(feature = "live")]
pub(super) fn snap_length(text: &str) -> Result<u32, String> {
    match text.parse() {
        // As with tcpdump, 0 is the default.
        Ok(0) => Ok(262_144),
        Ok(octets @ 96..=262_144) => Ok(octets),
        _ => Err("expected 96 to 262144 octets; 0 is the most".to_owned()),
    }
}

/// Octets: a number and K, M or G.
#[cfg(feature = "live")]
pub(super) fn memory(text: &str) -> Result<usize, String> {
    let least = crate::capture::live::LEAST_MEMORY;
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "K" | "k" | "KiB" => 10,
        "M" | "m" | "MiB" => 20,
        "G" | "g" | "GiB" => 30,
        _ => return Err("expected a number and K, M or G, as in 256M".to_owned()),
    };
    match number.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift)) {
        Some(octets) if octets >= least && octets <= 1 << 40 => Ok(octets),
        _ => Err(format!("expected {}M to 1024G", least >> 20)),
    }
}

/// libpcap takes 31 bits.
#[cfg(feature = "live")]
pub(super) fn buffer(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(kib @ 256..=2_000_000) => Ok(kib),
        _ => Err("expected 256 to 2000000 KiB".to_owned()),
    }
}

/// A number of octets with its unit. k, M and G are those of tcpdump, which counts in 1,024.
#[cfg(feature = "live")]
fn size(text: &str, bare: u64) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "" => bare,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|&size| size > 0 && unit > 0)
}

/// tcpdump counts in millions.
#[cfg(feature = "live")]
pub(super) fn file_size(text: &str) -> Result<u64, String> {
    const ALLOWED: &str =
        "expected millions of bytes, as in 100, or a number and a unit: 100MB, 64MiB, 1GB";
    size(text, 1_000_000).ok_or_else(|| ALLOWED.to_owned())
}

#[cfg(feature = "live")]
pub(super) fn ring_size(text: &str) -> Result<usize, String> {
    const BOUNDS: std::ops::RangeInclusive<u64> = 1 << 20..=64 << 30;
    let size = size(text, 0).filter(|size| BOUNDS.contains(size));
    size.and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| "expected 1MiB to 64GiB, with the unit".to_owned())
}

#[cfg(feature = "live")]
pub(super) fn seconds(text: &str) -> Result<Span, String> {
    match text.parse::<u32>() {
        Ok(seconds @ 1..) => Ok(Span::from_secs(seconds.into())),
        _ => Err("expected a whole number of seconds, at least 1".to_owned()),
    }
}

#[cfg(feature = "live")]
pub(super) fn files(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("expected a whole number of files, at least 1".to_owned()),
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err("expected ports from 1 to 65535, separated by commas".to_owned()),
    }
}

pub(super) fn pps_limit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(limit @ 1..) => Ok(limit),
        _ => Err("expected a whole number of packets per second, at least 1".to_owned()),
    }
}

pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(threads) if threads.get() <= MAX_THREADS => Ok(threads),
        _ => Err(format!("expected a number of threads from 1 to {MAX_THREADS}")),
    }
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| {
        "expected IPv4 or IPv6 addresses without a port, separated by commas".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, span) in [
            ("5s", Span::from_secs(5)),
            ("500ms", Span::from_millis(500)),
            ("2500us", Span::from_micros(2_500)),
            ("2.5s", Span::from_millis(2_500)),
            ("2m", Span::from_secs(120)),
        ] {
            assert_eq!(timeout(text), Ok(span), "{text}");
        }
        for text in
            ["", "5", "s", "-5s", "5 s", "1e3s", "5x", "infs", "1.2.3s", "0s", "11m", "999us"]
        {
            assert!(timeout(text).is_err(), "{text}");
        }
    }

    #[cfg(feature = "live")]
    #[test]
    fn sizes_are_those_of_tcpdump() {
        for (text, octets) in [
            ("1", 1_000_000),
            ("10k", 10_240),
            ("5M", 5 << 20),
            ("5MB", 5_000_000),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(file_size(text), Ok(octets), "{text}");
        }
        for text in ["", "0", "MB", "-1", "1.5", "1TB", "99999999999999999999"] {
            assert!(file_size(text).is_err(), "{text}");
        }
        assert_eq!(ring_size("64MiB"), Ok(64 << 20));
        assert!(
            ring_size("64").is_err() && ring_size("1k").is_err() && ring_size("65GiB").is_err()
        );
        assert!(seconds("0").is_err() && seconds("60") == Ok(Span::from_secs(60)));
        assert!(files("0").is_err() && files("10") == Ok(10));
    }

    #[test]
    fn numbers_are_within_their_range() {
        assert!(port("53").is_ok() && port("0").is_err() && port("65536").is_err());
        assert!(pps_limit("1").is_ok() && pps_limit("0").is_err() && pps_limit("1k").is_err());
        assert!(threads("8").is_ok() && threads("0").is_err() && threads("1025").is_err());
        assert!(address("fd00:ec2::253").is_ok() && address("10.0.0.2:53").is_err());
    }
}
