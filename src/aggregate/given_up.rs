//! When a forwarder gives its upstream up.

use crate::model::Span;

/// CoreDNS waits 2 s for an upstream and tries up to three times: its SERVFAIL comes about 2, 4 or
/// 6 s after the query (plugin/forward, `readTimeout`). This far off a multiple still counts.
const FORWARD_TIMEOUT: Span = Span::from_secs(2);
const FORWARD_SLACK: Span = Span::from_millis(300);
const FORWARD_TRIES: i64 = 3;

/// Whether a SERVFAIL after `delay` looks like a forwarder that waited in vain.
pub(super) fn is_forward_timeout(delay: Span) -> bool {
    (1..=FORWARD_TRIES).any(|tries| (delay.0 - tries * FORWARD_TIMEOUT.0).abs() <= FORWARD_SLACK.0)
}
