//! What dnspect says: findings, their evidence, and the verdict over them.

use serde::{Serialize, Serializer};

use crate::model::Timestamp;

/// How much is at stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Nothing is wrong.
    #[default]
    None,
    /// Worth knowing.
    Low,
    /// Some lookups fail or are slow.
    Medium,
    /// Many lookups fail.
    High,
    /// Nothing resolves for those affected, and they are many.
    Critical,
}

/// The state of DNS in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No finding but normal ones.
    Healthy,
    /// A problem that leaves most lookups working.
    Degraded,
    /// A problem that most lookups of those affected fail of.
    Failing,
    /// The capture does not show enough to tell.
    Inconclusive,
}

/// A first and a last moment, RFC 3339 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first moment; null in a report, as the other one, where there is none.
    #[serde(serialize_with = "or_null")]
    pub start: String,
    /// The last moment.
    #[serde(serialize_with = "or_null")]
    pub end: String,
}

fn or_null<S: Serializer>(moment: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if moment.is_empty() { serializer.serialize_none() } else { serializer.serialize_str(moment) }
}

impl Window {
    /// The two as moments; nothing where there are none.
    pub fn moments(&self) -> Option<(Timestamp, Timestamp)> {
        Timestamp::parse(&self.start).zip(Timestamp::parse(&self.end))
    }
}

/// Whom a finding is about. Empty lists mean: not limited to some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Addresses of clients.
    pub clients: Vec<String>,
    /// Addresses of servers.
    pub servers: Vec<String>,
    /// Interfaces, by name or link-layer address.
    pub interfaces: Vec<String>,
    /// QNAMEs.
    pub names: Vec<String>,
}

/// One measured fact behind a finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Name of the figure, in snake case; stable.
    pub metric: String,
    /// The figure.
    pub value: f64,
    /// Its unit: `ratio`, `count`, `packets/s`, `us`, ….
    pub unit: String,
    /// The fact in a sentence.
    pub text: String,
    /// Frames that show it, as Wireshark numbers them, at most a handful.
    pub frames: Vec<u64>,
    /// A Wireshark display filter that shows them and their like.
    pub display_filter: String,
}

/// A cause that was considered and found less likely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alternative {
    /// Its code.
    pub cause: String,
    /// Why.
    pub why_less_likely: String,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mitigation {
    /// Now.
    pub immediate: String,
    /// So that it does not come back.
    pub long_term: String,
}

/// One thing that dnspect would defend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The cause's code, of the contract's table.
    pub cause: &'static str,
    /// Its category, of the same table.
    pub category: &'static str,
    /// Whether it is how DNS is meant to work: no fault.
    pub normal: bool,
    /// How much is at stake.
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// When.
    pub window: Window,
    /// Whom it concerns.
    pub scope: Scope,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// What else was considered.
    pub alternatives: Vec<Alternative>,
    /// What to do.
    pub mitigation: Mitigation,
    /// Read-only commands that confirm it.
    pub confirm: Vec<String>,
    /// One sentence for the incident channel; becomes the verdict's summary.
    #[serde(skip)]
    pub summary: String,
    /// How many transactions it explains: what findings of one severity are ranked by.
    #[serde(skip)]
    pub damage: u64,
    /// How many of these are questions that lost a packet: they are not without a cause any more.
    #[serde(skip)]
    pub losses: u64,
}

/// The sum of the findings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The state of DNS.
    pub status: Status,
    /// Code of the first finding, `none` or `undetermined`.
    pub root_cause: &'static str,
    /// Its category; null with `none`.
    pub category: Option<&'static str>,
    /// Its severity.
    pub severity: Severity,
    /// Its confidence.
    pub confidence: f64,
    /// One sentence.
    pub summary: String,
}
