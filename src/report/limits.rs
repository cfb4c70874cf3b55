//! What the counters of a capture say about what it cannot show, in words.

use super::document::Capture;
use super::number::{count, counted};

/// What a one-sided capture cannot tell.
pub(super) const ONE_SIDED: &str =
    "Only one direction was captured: whether a query was answered cannot be told.";

/// What a capture cannot tell of which the kernel dropped packets.
pub(super) fn dropped_words(dropped: u64) -> String {
    let packets = counted(dropped, "packet");
    format!("The kernel dropped {packets} while recording: some losses may be the capture's own.")
}

/// What dnspect left out by itself.
pub(super) fn shed_words(shed: u64) -> String {
    let packets = counted(shed, "packet");
    format!(
        "dnspect could not keep up and left out {packets}, whole flows at a time: all counts are too low."
    )
}

impl Capture {
    /// One sentence for each counter that limits what can be concluded. The analysis takes those
    /// that lowered a confidence into [`Capture::caveats`]; the text report prints all of them.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.one_sided {
            limits.push(ONE_SIDED.to_owned());
        }
        match self.dropped_by_kernel {
            None => limits.push(
                "The capture does not say how many packets the kernel dropped while recording: \
                 a loss may be the capture's own."
                    .to_owned(),
            ),
            Some(0) => {}
            Some(dropped) => limits.push(dropped_words(dropped)),
        }
        if self.dropped_by_dnspect > 0 {
            limits.push(shed_words(self.dropped_by_dnspect));
        }
        let counters: [(u64, &str, &str); 6] = [
            (
                self.snaplen_truncated,
                "frame",
                "cut by the snap length: what stood behind the cut is unknown",
            ),
            (self.unsupported, "frame", "not decoded, for want of support for what they carry"),
            (
                self.fragments_incomplete,
                "fragmented datagram",
                "incomplete: the messages in them are unknown",
            ),
            (self.tcp_gaps, "hole", "found in TCP streams: messages within are missing"),
            (
                self.answers_lacking,
                "question",
                "asked over TCP and may have been answered in what the capture lacks: counted as pending",
            ),
            (
                self.state_evicted,
                "entry",
                "given up for want of room: their answers may count as orphans",
            ),
        ];
        for (value, noun, what) in counters {
            if value > 0 {
                let verb = if value == 1 { "was" } else { "were" };
                limits.push(format!("{} {verb} {what}.", counted(value, noun)));
            }
        }
        if self.dns.malformed > 0 {
            limits.push(format!(
                "{} on the DNS ports could not be read as DNS ({} could).",
                counted(self.dns.malformed, "message"),
                count(self.dns.total())
            ));
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_capture_has_no_limits() {
        let capture = Capture { dropped_by_kernel: Some(0), ..Capture::default() };
        assert_eq!(capture.limits(), Vec::<String>::new());
    }

    #[test]
    fn each_counter_has_its_sentence() {
        let capture = Capture { snaplen_truncated: 1, tcp_gaps: 1_200, ..Capture::default() };
        let limits = capture.limits();
        assert_eq!(limits.len(), 3);
        assert!(limits[0].contains("does not say"));
        assert!(limits[1].starts_with("1 frame was cut"));
        assert!(limits[2].starts_with("1,200 holes were found"));
    }
}
