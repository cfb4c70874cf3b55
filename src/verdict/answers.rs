//! Answers that fail: of which legs, in which numbers, and how much of all that is.
//!
//! A failure is told by the deepest leg that shows it. What a cluster DNS answers its clients follows
//! from what its upstreams answered it, where that is in the capture.

use super::addresses::sorted;
use super::facts::Facts;
use super::finding::{Evidence, Severity};
use super::words;
use crate::aggregate::{Look, Pair, Period, Slow};
use crate::model::extended_error::{Matter, matter, meaning};
use crate::model::{Address, Rcode, Span};

/// From this share of failing lookups on, most of what those affected want comes to nothing.
const MOST: f64 = 0.45;

/// From this share on, users notice.
const SOME: f64 = 0.05;

/// Failures that come in a moment are held against the questions of so long at least: a share of
/// less than that is a share of nothing.
const MOMENT: Span = Span::from_secs(10);

/// Failing answers of some looks, on some pairs, added up.
#[derive(Clone, Debug, Default)]
pub struct Failing<'a> {
    /// The pairs that had any.
    pub pairs: Vec<&'a Pair>,
    /// How many there were.
    pub count: u64,
    /// For names outside the cluster.
    pub external: u64,
    /// For names of the cluster.
    pub cluster: u64,
    /// With RA.
    pub relayed: u64,
    /// In less than 2 ms.
    pub quick: u64,
    /// When they came.
    pub period: Period,
    /// Some of their frames.
    pub frames: Vec<u64>,
}

impl<'a> Failing<'a> {
    /// Adds them up.
    pub fn of(
        facts: &Facts<'_>,
        pairs: impl IntoIterator<Item = &'a Pair>,
        looks: &[Look],
    ) -> Failing<'a> {
        let mut sum = Failing::default();
        for pair in pairs {
            let failures = facts.aggregate.counting.failures(pair);
            let before = sum.count;
            for failed in looks.iter().map(|&look| failures.look(look)).filter(|f| f.count > 0) {
                sum.count += failed.count;
                sum.external += failed.external;
                sum.cluster += failed.cluster;
                sum.relayed += failed.relayed;
                sum.quick += failed.quick;
                sum.period.join(failed.period);
                sum.frames.extend(failed.frames.iter());
            }
            if sum.count > before {
                sum.pairs.push(pair);
            }
        }
        sum
    }

    /// Who got them.
    pub fn clients(&self) -> Vec<Address> {
        sorted(self.pairs.iter().map(|pair| pair.client))
    }

    /// Who was asked.
    pub fn servers(&self) -> Vec<Address> {
        sorted(self.pairs.iter().map(|pair| pair.server))
    }

    /// Their INFO-CODEs about one matter, each with how often it came, most often first. Codes are
    /// those of all failures of these pairs.
    pub fn extended(&self, facts: &Facts<'_>, about: Matter) -> Vec<(u16, u64)> {
        let mut codes: Vec<(u16, u64)> = Vec::new();
        for pair in &self.pairs {
            for (code, &count) in (0_u16..).zip(&facts.aggregate.counting.failures(pair).extended) {
                match codes.iter_mut().find(|entry| entry.0 == code) {
                    _ if count == 0 || matter(code) != about => {}
                    Some(entry) => entry.1 += u64::from(count),
                    None => codes.push((code, u64::from(count))),
                }
            }
        }
        codes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        codes
    }
}

/// Answers with this RCODE that bear an INFO-CODE, as evidence; `more` ends the sentence.
pub fn extended_error(rcode: Rcode, code: u16, count: u64, more: &str) -> Evidence {
    let text = format!(
        "{} {} INFO-CODE {code} ({}){more}.",
        words::counted(count, "answer"),
        words::verb(count, "bears", "bear"),
        meaning(code).unwrap_or("unassigned")
    );
    let filter = format!("dns.flags.rcode == {} && dns.opt.code == 15", rcode.0);
    Evidence::new("extended_errors", count as f64, "count", text).filter(filter)
}

/// The pairs of the last leg that the capture shows of questions for names outside: a forwarder's, to
/// somebody who is not seen to forward them further.
pub fn upstream_leg<'a>(facts: &'a Facts<'_>) -> Vec<&'a Pair> {
    let outward = |pair: &&Pair| pair.external().sent > 0 || pair.rare().probes > 0;
    let further = sorted(facts.upstream_pairs().filter(outward).map(|pair| pair.client));
    let last = |pair: &&Pair| further.binary_search(&pair.server).is_err();
    facts.upstream_pairs().filter(outward).filter(last).collect()
}

/// Whether the health probes (`. NS`) of the forwarders are answered: then the upstream lives, and the way
/// to it is open, whatever it says of other names. CoreDNS probes after a failure.
pub fn is_probed_alive(facts: &Facts<'_>) -> bool {
    let (mut probes, mut silent) = (0, 0);
    for pair in upstream_leg(facts) {
        probes += pair.rare().probes;
        // Of the root and of reverse names, which are few.
        let named = pair.external().unanswered + pair.cluster().unanswered;
        silent += pair.all().unanswered.saturating_sub(named).min(pair.rare().probes);
    }
    probes > 0 && silent * 2 <= probes
}

/// Whether a server's address is known to be the cloud's resolver: then nobody is behind it whose
/// questions a capture in the cluster could show.
pub fn is_cloud_resolver(facts: &Facts<'_>, server: Address) -> bool {
    facts.aggregate.following.limited.counts(server)
}

/// Questions of these pairs for names outside that were answered.
pub fn external_answers<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> u64 {
    pairs.into_iter().map(|pair| pair.external().answered).sum()
}

/// The share of failing answers among all that came in the same time, if the fine ones of the
/// `answered` came evenly over the capture: what somebody in the midst of it sees.
pub fn share(facts: &Facts<'_>, failed: u64, answered: u64, period: Period) -> f64 {
    if failed == 0 || !period.any() {
        return 0.0;
    }
    let lasted = Span(period.last.since(period.first).0.max(MOMENT.0));
    let part = (lasted.as_secs_f64() / facts.length().as_secs_f64().max(1e-9)).min(1.0);
    let fine = answered.saturating_sub(failed) as f64 * part;
    failed as f64 / (failed as f64 + fine)
}

/// How much is at stake.
pub fn severity(share: f64) -> Severity {
    match () {
        () if share >= MOST => Severity::High,
        () if share >= SOME => Severity::Medium,
        () => Severity::Low,
    }
}

/// Slow answers for names outside, and for names of the cluster.
pub fn slow<'a>(facts: &Facts<'_>, pairs: impl IntoIterator<Item = &'a Pair>) -> [Slow; 2] {
    let mut sums = [Slow::default(); 2];
    for pair in pairs {
        let failures = facts.aggregate.counting.failures(pair);
        sums[0].add(&failures.slow_external);
        sums[1].add(&failures.slow_cluster);
    }
    sums
}
