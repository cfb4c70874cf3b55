//! The clocks of capturing: how long it goes on, and how late it is. The analysis knows only the times
//! of packets.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// For lengths of time.
#[allow(
    clippy::disallowed_methods,
    reason = "a capture ends, and hands on, by the time of the machine"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The clock that the kernel stamps packets with.
#[allow(clippy::disallowed_methods, reason = "what a quiet handle promises is a time of packets")]
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
