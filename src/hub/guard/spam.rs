//! The two layers against speed: the cooldown, then the sliding window. Breaking either is a
//! violation, which strikes.

use std::fmt;
use std::time::Duration;

use crate::config::Spam;

use super::recent::Recent;
use super::words::words;

/// A limit of speed that was broken, with what was measured. Displays as the figures of the log line:
/// `COOLDOWN delta=432ms min=750ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// Too soon after the last accepted message.
    Cooldown {
        /// The time since then.
        delta: Duration,
        /// The shortest allowed.
        min: Duration,
    },
    /// Too many within the window.
    Window {
        /// Messages in the window, with this one.
        count: usize,
        /// The most allowed.
        limit: u32,
        /// The time since the first of them.
        span: Duration,
        /// The length of the window.
        window: Duration,
    },
}

impl Violation {
    /// The name of the layer, as in the log line and in lists: `COOLDOWN` or `WINDOW`.
    pub fn name(&self) -> &'static str {
        match self {
            Violation::Cooldown { .. } => "COOLDOWN",
            Violation::Window { .. } => "WINDOW",
        }
    }

    /// The figures, as in the log line; at most 100 bytes.
    pub fn detail(&self) -> String {
        match self {
            Violation::Cooldown { delta, min } => {
                format!("delta={}ms min={}ms", delta.as_millis(), min.as_millis())
            }
            Violation::Window { count, limit, span, window } => {
                let (span, window) = (span.as_millis(), window.as_millis());
                format!("count={count}/{limit} span={span}ms window={window}ms")
            }
        }
    }

    /// What the user did, for him to read.
    pub(super) fn why(&self) -> String {
        match self {
            Violation::Cooldown { min, .. } => {
                let least = match min.subsec_nanos() {
                    0 => words(*min),
                    _ => format!("{} seconds", min.as_secs_f64()),
                };
                format!("Not so fast: leave at least {least} between two messages.")
            }
            Violation::Window { limit, window, .. } => {
                format!("Too many messages: at most {limit} in {}.", words(*window))
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.detail())
    }
}

/// Whether a message now would come too soon after the last: exactly the cooldown is enough.
pub(super) fn cooldown(limits: &Spam, recent: &Recent, now: Duration) -> Option<Violation> {
    let min = limits.cooldown?;
    let delta = recent.last()?.until(now);
    (delta < min).then_some(Violation::Cooldown { delta, min })
}

/// Whether a message now would be one too many in the window that ends with it.
pub(super) fn window(limits: &Spam, recent: &Recent, now: Duration) -> Option<Violation> {
    let (limit, window) = limits.messages_per_window.zip(limits.window)?;
    let (count, span) = recent.full(now, limit, window)?;
    Some(Violation::Window { count: count + 1, limit, span, window })
}
