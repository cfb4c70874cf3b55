//! One response in full, as evidence: what the counts were taken from.

use super::facts::Facts;
use super::finding::{Evidence, Finding};
use crate::aggregate::{Sample, SampleKind};
use crate::decode::detail;

impl Finding {
    /// Adds the first sample of these kinds, in their order, that is `wanted`, if there is one.
    #[must_use]
    pub(super) fn with_sample(
        self,
        facts: &Facts<'_>,
        kinds: &[SampleKind],
        wanted: impl Fn(&Sample) -> bool,
    ) -> Finding {
        let samples = &facts.aggregate.following.samples;
        let sample = kinds.iter().flat_map(|&kind| samples.of(kind)).find(|sample| wanted(sample));
        match sample.and_then(evidence) {
            Some(evidence) => self.shown_by(evidence),
            None => self,
        }
    }
}

fn evidence(sample: &Sample) -> Option<Evidence> {
    let (frame, text) = (sample.frame, detail::describe(&sample.bytes, sample.cut)?);
    let text = format!("Frame {frame} in full: {text}.");
    let evidence = Evidence::new("sample_response", frame as f64, "frame", text);
    Some(evidence.at([frame]).filter(format!("frame.number == {frame}")))
}
