//! A live run on one line: for logs, and where there is no terminal.

use super::Look;
use crate::report::{count, duration, percent};
use crate::verdict::Status;

/// What was counted up to the line before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    seconds: f64,
    packets: u64,
    questions: u64,
}

fn words(status: Status) -> &'static str {
    match status {
        Status::Healthy => "healthy",
        Status::Degraded => "degraded",
        Status::Failing => "failing",
        Status::Inconclusive => "inconclusive",
    }
}

/// `12 s  failing: upstream_unreachable (85 %)  240 packets/s  118 questions/s  8 % lost  0 dropped`.
/// What follows the verdict is since the line before where it is a rate, else since the beginning.
pub fn line(look: &Look, before: &mut Before) -> String {
    let (verdict, traffic) = (&look.document.verdict, &look.document.traffic);
    let capture = &look.document.capture;
    let seconds = look.elapsed.as_secs_f64();
    let span = (seconds - before.seconds).max(0.001);
    let rate = |now: u64, then: u64| count((now.saturating_sub(then) as f64 / span).round() as u64);
    let status = match verdict.status {
        Status::Healthy => "healthy".to_owned(),
        status => {
            format!("{}: {} ({})", words(status), verdict.root_cause, percent(verdict.confidence))
        }
    };
    let decided = traffic.answered + traffic.unanswered;
    let lost = if decided == 0 { 0.0 } else { traffic.unanswered as f64 / decided as f64 };
    let text = format!(
        "{}  {status}  {} packets/s  {} questions/s  {} lost  {} dropped",
        duration(look.elapsed.as_secs() * 1_000_000),
        rate(capture.packets, before.packets),
        rate(traffic.transactions, before.questions),
        percent(lost),
        count(capture.dropped_by_kernel.unwrap_or(0) + capture.dropped_by_dnspect),
    );
    *before = Before { seconds, packets: capture.packets, questions: traffic.transactions };
    text
}
