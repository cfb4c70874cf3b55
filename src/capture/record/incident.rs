//! Which findings get a file of their own: the moments before a cause shows itself, and as long after.
//!
//! A cause gets one file, the first time it is found: as long as it lasts, every later file would hold the
//! same. A cause that is found while a file is open is noted in that one, which holds its moments as well.

use std::collections::BTreeSet;

use crate::model::{Span, Timestamp};

/// Files of findings that one run writes. There are some thirty causes; more than a handful of them in
/// one run are one fault in many guises.
const MAX_INCIDENTS: usize = 16;

/// Something that was found: what a file says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code of its cause.
    pub cause: String,
    /// What there is to say, in a sentence.
    pub text: String,
    /// Whether it works as designed: noted, but no reason for a file.
    pub normal: bool,
}

impl Finding {
    /// The comment of a file.
    pub(super) fn comment(&self) -> String {
        format!("{}: {}", self.cause, self.text)
    }
}

/// What to do about findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Nothing new.
    Nothing,
    /// A file is to be begun under this name; it says this.
    Begin { name: String, comments: Vec<String> },
    /// The open file is to say this, too.
    Note(Vec<String>),
}

/// What was found so far, and whether a file is open.
#[derive(Clone, Debug)]
pub(super) struct Incidents {
    pattern: String,
    span: Span,
    seen: BTreeSet<String>,
    begun: usize,
    /// The open file ends with the first packet from then on.
    until: Option<Timestamp>,
    /// Causes that got no file, because there were enough.
    without: u64,
}

impl Incidents {
    /// Files are named after `pattern` and end so long after the finding.
    pub(super) fn new(pattern: &str, span: Span) -> Incidents {
        let pattern = pattern.to_owned();
        Incidents { pattern, span, seen: BTreeSet::new(), begun: 0, until: None, without: 0 }
    }

    /// Takes what is found at `now`.
    pub(super) fn found(&mut self, findings: &[Finding], now: Timestamp) -> Reaction {
        let fresh: Vec<&Finding> = findings
            .iter()
            .filter(|finding| !finding.normal && !self.seen.contains(&finding.cause))
            .collect();
        let Some(first) = fresh.first() else { return Reaction::Nothing };
        self.seen.extend(fresh.iter().map(|finding| finding.cause.clone()));
        let comments = fresh.iter().map(|finding| finding.comment()).collect();
        if self.until.is_some() {
            return Reaction::Note(comments);
        }
        if self.begun == MAX_INCIDENTS {
            self.without += fresh.len() as u64;
            return Reaction::Nothing;
        }
        self.begun += 1;
        self.until = Some(now.plus(self.span));
        Reaction::Begin { name: self.name(&first.cause), comments }
    }

    /// Whether the open file ends before a packet of this time.
    pub(super) fn ends_before(&mut self, time: Timestamp) -> bool {
        let over = self.until.is_some_and(|until| time >= until);
        if over {
            self.until = None;
        }
        over
    }

    /// Causes that got no file.
    pub(super) fn without(&self) -> u64 {
        self.without
    }

    /// `fault.pcapng` becomes `fault-1-random_loss.pcapng`.
    fn name(&self, cause: &str) -> String {
        let start = self.pattern.rfind('/').map_or(0, |slash| slash + 1);
        let (folder, file) = self.pattern.split_at(start);
        let (stem, ending) = match file.rfind('.') {
            Some(dot) if dot > 0 => file.split_at(dot),
            _ => (file, ""),
        };
        // A cause is a word of ours; whatever else came here must not lead into another folder.
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let cause: String = cause.chars().map(plain).collect();
        format!("{folder}{stem}-{}-{cause}{ending}", self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(cause: &str) -> Finding {
        Finding { cause: cause.into(), text: "it is so".into(), normal: cause.starts_with("ndots") }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    #[test]
    fn each_cause_gets_one_file() {
        let mut incidents = Incidents::new("/tmp/x.y/fault.pcapng", Span::from_secs(30));
        assert_eq!(incidents.found(&[finding("ndots_search_chain")], second(1)), Reaction::Nothing);
        let begun = incidents.found(&[finding("random_loss"), finding("upstream_slow")], second(2));
        let comments = ["random_loss: it is so", "upstream_slow: it is so"].map(str::to_owned);
        let name = "/tmp/x.y/fault-1-random_loss.pcapng".to_owned();
        assert_eq!(begun, Reaction::Begin { name, comments: comments.into() });
        assert_eq!(incidents.found(&[finding("random_loss")], second(3)), Reaction::Nothing);
        let noted = incidents.found(&[finding("query_refused")], second(4));
        assert_eq!(noted, Reaction::Note(vec!["query_refused: it is so".into()]));
        assert!(!incidents.ends_before(second(31)) && incidents.ends_before(second(32)));
        assert!(!incidents.ends_before(second(33)));
        let begun = incidents.found(&[finding("a/../b"), finding("random_loss")], second(40));
        let Reaction::Begin { name, comments } = begun else { panic!("{begun:?}") };
        assert_eq!((name.as_str(), comments.len()), ("/tmp/x.y/fault-2-a____b.pcapng", 1));
    }

    #[test]
    fn there_are_no_more_files_than_that() {
        let mut incidents = Incidents::new(".hidden", Span::from_secs(1));
        for number in 0..MAX_INCIDENTS as i64 + 3 {
            let found = incidents.found(&[finding(&format!("cause{number}"))], second(number * 2));
            let begun = matches!(found, Reaction::Begin { .. });
            assert_eq!(begun, number < MAX_INCIDENTS as i64);
            incidents.ends_before(second(number * 2 + 1));
        }
        assert_eq!(incidents.without(), 3);
        assert_eq!(incidents.name("x"), ".hidden-16-x");
    }
}
