//! A cause: how it looks, what looks like it, what to do. One constant a file in `causes`.

use super::commands::fill;
use super::facts::Facts;
use super::finding::{Alternative, Evidence, Finding, Mitigation, Scope, Severity};
use crate::aggregate::Period;

/// Everything that dnspect knows of a cause. The texts are what `dnspect explain` prints.
pub struct Cause {
    /// Its code, of the contract's table.
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
    /// Read-only commands that confirm it. Words in capitals ([`HOLES`](super::commands::HOLES)) are
    /// filled in: by the finding as far as it knows, else by the reader.
    pub confirm: &'static [&'static str],
    /// Looks for it in what was measured.
    pub detect: fn(&Facts<'_>) -> Option<Finding>,
}

impl Cause {
    /// Whether it is found: for causes that are symptoms of it. Looked for once.
    pub fn detected(&self, facts: &Facts<'_>) -> bool {
        facts.detected.once(self.code, || (self.detect)(facts).is_some())
    }

    /// A finding of this cause, with its standing advice.
    pub fn finding(&self, severity: Severity, confidence: f64, period: Period) -> Finding {
        Finding {
            cause: self.code,
            category: self.category,
            normal: self.normal,
            severity,
            confidence: (confidence * 100.0).round() / 100.0,
            window: Facts::window(period),
            scope: Scope::default(),
            evidence: Vec::new(),
            alternatives: Vec::new(),
            mitigation: Mitigation {
                immediate: self.immediate.to_owned(),
                long_term: self.long_term.to_owned(),
            },
            confirm: self.confirm.iter().map(|&command| command.to_owned()).collect(),
            summary: String::new(),
            damage: 0,
            losses: 0,
        }
    }
}

impl Finding {
    /// Says it in a sentence.
    #[must_use]
    pub fn saying(mut self, summary: String) -> Finding {
        self.summary = summary;
        self
    }

    /// Says whom it concerns, and names them in the commands.
    #[must_use]
    pub fn about(mut self, scope: Scope) -> Finding {
        let holes = [("CLIENT", scope.clients.first()), ("SERVER", scope.servers.first())];
        for (hole, address) in holes {
            if let Some(address) = address {
                fill(&mut self.confirm, hole, address);
            }
        }
        self.scope = scope;
        self
    }

    /// Says how many transactions it explains.
    #[must_use]
    pub fn explaining(mut self, damage: u64) -> Finding {
        self.damage = damage;
        self
    }

    /// Says how many questions that lost a packet it explains.
    #[must_use]
    pub fn explaining_losses(mut self, losses: u64) -> Finding {
        (self.damage, self.losses) = (losses, losses);
        self
    }

    /// Adds evidence.
    #[must_use]
    pub fn shown_by(mut self, evidence: Evidence) -> Finding {
        self.evidence.push(evidence);
        self
    }

    /// Adds a cause that was considered.
    #[must_use]
    pub fn rather_than(mut self, cause: &str, why: impl Into<String>) -> Finding {
        self.alternatives
            .push(Alternative { cause: cause.to_owned(), why_less_likely: why.into() });
        self
    }
}

impl Evidence {
    /// A figure and what it says.
    pub fn new(metric: &str, value: f64, unit: &str, text: String) -> Evidence {
        Evidence {
            metric: metric.to_owned(),
            // Four digits behind the point are enough for any share.
            value: (value * 1e4).round() / 1e4,
            unit: unit.to_owned(),
            text,
            ..Evidence::default()
        }
    }

    /// The frames that show it.
    #[must_use]
    pub fn at(mut self, frames: impl IntoIterator<Item = u64>) -> Evidence {
        /// As many as one looks at.
        const MOST: usize = 8;
        let mut frames: Vec<u64> = frames.into_iter().collect();
        frames.sort_unstable();
        frames.dedup();
        frames.truncate(MOST);
        self.frames = frames;
        self
    }

    /// The Wireshark display filter that shows it.
    #[must_use]
    pub fn filter(mut self, filter: String) -> Evidence {
        self.display_filter = filter;
        self
    }
}
