//! Numbers in words: one and many, and shares that round to neither nothing nor everything.

use crate::model::Timestamp;

/// A number and its noun: `1 query`, `2 queries`.
pub fn counted(number: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

/// The verb that goes with a number.
pub fn verb<'a>(number: u64, of_one: &'a str, of_many: &'a str) -> &'a str {
    if number == 1 { of_one } else { of_many }
}

/// The time of day, in UTC; the day stands in the finding's window.
pub fn clock(time: Timestamp) -> String {
    let second = time.seconds().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A share of 1: nothing and everything are said of nothing less.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        small if small < 0.1 => "less than 0.1 %".to_owned(),
        some if some < 9.95 => format!("{some:.1} %"),
        most if most > 99.5 && most < 100.0 => "over 99 %".to_owned(),
        many => format!("{many:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [counted(0, "lookup"), counted(1, "query"), counted(2, "query")],
            ["0 lookups", "1 query", "2 queries"]
        );
    }

    #[test]
    fn clocks_show_the_second_that_has_begun() {
        assert_eq!(clock(Timestamp(36_907_999_999_999)), "10:15:07");
        assert_eq!(clock(Timestamp(-1)), "23:59:59");
    }

    #[test]
    fn little_is_not_nothing_and_most_is_not_all() {
        let shares = [0.0, 0.0004, 0.0123, 0.25, 0.998, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "less than 0.1 %", "1.2 %", "25 %", "over 99 %", "100 %"]);
    }
}
