//! `/proc/net/stat/nf_conntrack`: a heading, then a line for each CPU, all numbers hexadecimal.

use crate::context::kernel::Counter;

/// What the kernel calls them there. `searched` of old kernels stands where `clashres` is now.
const COLUMNS: [(&str, Counter); 5] = [
    ("insert_failed", Counter::InsertFailed),
    ("drop", Counter::Drop),
    ("early_drop", Counter::EarlyDrop),
    ("clashres", Counter::ClashResolve),
    ("search_restart", Counter::SearchRestart),
];

/// The sums over all CPUs. Columns are found by their names, so that more or fewer of them do no harm.
/// Each CPU's number has 32 bits and begins anew beyond them.
pub(super) fn parse(text: &str) -> Vec<(Counter, u64)> {
    let mut lines = text.lines();
    let Some(heading) = lines.next() else { return Vec::new() };
    let names: Vec<&str> = heading.split_whitespace().collect();
    let columns: Vec<(Counter, usize)> = COLUMNS
        .into_iter()
        .filter_map(|(name, counter)| Some((counter, names.iter().position(|&n| n == name)?)))
        .collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    let sum = |at: usize| {
        let mut values = rows
            .iter()
            .map(|row: &Vec<&str>| row.get(at).and_then(|word| u64::from_str_radix(word, 16).ok()));
        // A number that is none makes the sum none.
        values.try_fold(0_u64, |sum, value| Some(sum.saturating_add(value?)))
    };
    if rows.is_empty() {
        return Vec::new();
    }
    columns.into_iter().filter_map(|(counter, at)| Some((counter, sum(at)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.18, two CPUs.
    const NOW: &str = "\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000063  0000125e 00000000 00000000 00000003 00000000 00000000 00000000 00000000 0000000a 00000010 00000001 00000000  00000000 00000000 00000000 00000000
00000063  00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000002 00000000 00000000  00000000 00000000 00000000 000000ff
";

    /// Linux 4.14: no clashes are counted.
    const OLD: &str = "\
entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000002  00000009 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000  00000000 00000000 00000000 00000000
";

    #[test]
    fn cpus_add_up() {
        assert_eq!(
            parse(NOW),
            [
                (Counter::InsertFailed, 11),
                (Counter::Drop, 18),
                (Counter::EarlyDrop, 1),
                (Counter::ClashResolve, 0x125f),
                (Counter::SearchRestart, 255),
            ]
        );
        let old = parse(OLD);
        assert!(!old.iter().any(|(counter, _)| *counter == Counter::ClashResolve));
        assert_eq!(old[0], (Counter::InsertFailed, 0xffff_ffff));
    }

    #[test]
    fn what_is_no_such_text_tells_nothing() {
        for text in ["", "\n\n", "entries drop\n", "\u{0}\u{1b}[31m\n1 2 3", "hello\nworld"] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
        // A line that is cut, or holds no number, takes its columns along, and no others.
        assert_eq!(parse("drop early_drop\n3 4\n5"), [(Counter::Drop, 8)]);
        assert_eq!(parse("drop early_drop\nxyz 4"), [(Counter::EarlyDrop, 4)]);
        assert!(parse("drop\n-1").is_empty());
        assert!(parse("drop\n123456789abcdef01").is_empty());
        assert_eq!(parse("drop\nffffffffffffffff\n1"), [(Counter::Drop, u64::MAX)]);
    }

    #[test]
    fn this_kernel_is_understood() {
        if let Ok(text) = std::fs::read_to_string("/proc/net/stat/nf_conntrack") {
            assert!(parse(&text).len() >= 4, "{text}");
        }
    }
}
