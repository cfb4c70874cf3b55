//! Which causes somebody may have meant.

use crate::verdict::Cause;

/// More suggestions than this are a list, and there is a command for the list.
const MOST: usize = 3;

/// Codes that contain what was asked for, are contained in it, belong to a category of that name,
/// or are a few typing errors away; the nearest first.
pub(super) fn causes(asked: &str, all: &[&Cause]) -> Vec<&'static str> {
    let asked = asked.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let mut near: Vec<(usize, &'static str)> = all
        .iter()
        .filter_map(|cause| {
            // Up to a third may differ: fewer misses typing errors, more suggests at random.
            let allowed = (asked.chars().count() / 3).max(1);
            let distance = distance(&asked, cause.code);
            let related = asked.len() >= 3
                && (cause.code.contains(&asked)
                    || asked.contains(cause.code)
                    || cause.category == asked);
            match distance {
                0 => Some((0, cause.code)),
                _ if distance <= allowed => Some((distance, cause.code)),
                _ if related => Some((allowed + 1, cause.code)),
                _ => None,
            }
        })
        .collect();
    near.sort_by_key(|&(distance, _)| distance);
    near.into_iter().take(MOST).map(|(_, code)| code).collect()
}

/// Insertions, deletions and replacements between two words (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Cause;

    const fn cause(code: &'static str, category: &'static str) -> Cause {
        Cause {
            code,
            category,
            normal: false,
            title: "",
            meaning: "",
            signature: "",
            look_alikes: &[],
            vantage: "",
            immediate: "",
            long_term: "",
            confirm: &[],
            detect: |_| None,
        }
    }

    const ALL: &[&Cause] = &[
        &cause("vpc_dns_pps_exceeded", "pps_throttling"),
        &cause("vpc_dns_pps_near_limit", "pps_throttling"),
        &cause("upstream_slow", "upstream_failure"),
        &cause("random_loss", "packet_loss"),
    ];

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn typing_errors_parts_and_categories_are_understood() {
        assert_eq!(causes("upstream_slwo", ALL), ["upstream_slow"]);
        assert_eq!(causes("Random-Loss", ALL), ["random_loss"]);
        assert_eq!(causes("pps", ALL), ["vpc_dns_pps_exceeded", "vpc_dns_pps_near_limit"]);
        assert_eq!(causes("packet_loss", ALL), ["random_loss"]);
        assert!(causes("zzzzzz", ALL).is_empty());
    }
}
