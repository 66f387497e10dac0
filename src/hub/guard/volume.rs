//! The volume: accepted messages within any 60 seconds. More are refused, without a strike: whoever
//! got this far kept to cooldown and window.

use std::time::Duration;

use crate::config::Spam;

use super::recent::{MINUTE, Recent};

/// How long to wait until the minute has room again, if it has none.
pub(super) fn wait(limits: &Spam, recent: &Recent, now: Duration) -> Option<Duration> {
    let (_, span) = recent.full(now, limits.messages_per_minute?, MINUTE)?;
    Some(MINUTE.saturating_sub(span))
}
