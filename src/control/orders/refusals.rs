//! How often it is recorded that somebody asked for what he may not: anybody with a way to the socket can
//! ask again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the same is recorded of the same user.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Who has tried what, and when that was recorded last.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<(u32, &'static str), Tried>>);

struct Tried {
    recorded: Instant,
    untold: u64,
}

impl Refusals {
    /// Whether it is to be recorded at `now` that the user number `uid` tried `what`; if so, how often he
    /// did since that was recorded last.
    pub(super) fn admit(&self, now: Instant, uid: u32, what: &'static str) -> Option<u64> {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = |it: &Tried| now.saturating_duration_since(it.recorded) >= EVERY;
        if let Some(known) = tried.get_mut(&(uid, what)).filter(|it| !past(it)) {
            known.untold = known.untold.saturating_add(1);
            return None;
        }
        let untold = tried.get(&(uid, what)).map_or(0, |it| it.untold);
        tried.retain(|_, it| !past(it));
        tried.insert((uid, what), Tried { recorded: now, untold: 0 });
        Some(untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_recorded_now_and_then_and_counted() {
        let refusals = Refusals::default();
        let began = Instant::now();
        let at = |seconds, uid, what| refusals.admit(began + Duration::from_secs(seconds), uid, what);
        assert_eq!(at(0, 7, "kick"), Some(0));
        assert!((1..600).all(|second| at(second, 7, "kick").is_none()));
        assert_eq!((at(5, 8, "kick"), at(5, 7, "ban")), (Some(0), Some(0)), "somebody else, something else");
        assert_eq!(at(600, 7, "kick"), Some(599));
        assert_eq!(at(601, 7, "kick"), None);
        assert_eq!(at(5000, 9, "kick"), Some(0));
        assert_eq!(refusals.0.lock().unwrap().len(), 1, "who has not tried lately is forgotten");
    }
}
