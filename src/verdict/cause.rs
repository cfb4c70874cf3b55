//! A cause: how it looks, what looks like it, what to do. One constant a file in `causes`.

use super::Finding;
use super::facts::Facts;

/// Everything that dnspect knows of a cause. The texts are what `dnspect explain` prints.
pub struct Cause {
    /// Its code, of the contract's table (`../shared/spec/report.md`).
    pub code: &'static str,
    /// Its category, of the same table.
    pub category: &'static str,
    /// Whether it is how DNS is meant to work.
    pub normal: bool,
    /// One line.
    pub title: &'static str,
    /// What happens and why, in a paragraph or two.
    pub meaning: &'static str,
    /// How it looks in packets, with the thresholds.
    pub signature: &'static str,
    /// What looks like it: the code or name of each, and how it is told apart.
    pub look_alikes: &'static [(&'static str, &'static str)],
    /// Where the capture must have been taken to show it.
    pub vantage: &'static str,
    /// What to do now.
    pub immediate: &'static str,
    /// What to do so that it does not come back.
    pub long_term: &'static str,
    /// Read-only commands that confirm it.
    pub confirm: &'static [&'static str],
    /// Looks for it in what was measured.
    pub detect: fn(&Facts<'_>) -> Option<Finding>,
}
