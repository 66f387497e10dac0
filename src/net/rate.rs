//! How many packets one connection may send.

use std::time::Duration;

use tokio::time::Instant;

/// Packets per second of one connection. Whoever sends more is not read for a while: TCP pushes
/// back, nothing is lost, nobody else notices.
pub(super) struct PacketRate {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl PacketRate {
    pub(super) fn new(per_second: u32) -> PacketRate {
        let per_second = f64::from(per_second);
        PacketRate { per_second, tokens: per_second, at: Instant::now() }
    }

    /// Takes one packet that counts as `cost`, or says how long to wait for it.
    pub(super) fn take(&mut self, now: Instant, cost: u8) -> Option<Duration> {
        let cost = f64::from(cost).min(self.per_second);
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second);
        self.at = now;
        // Rounding must not cost a packet.
        if self.tokens >= cost - 1e-6 {
            self.tokens -= cost;
            return None;
        }
        // A few packets' worth at once: waking for every single one would cost more than it limits.
        let worth = self.per_second.min(cost.max(4.0));
        Some(Duration::from_secs_f64((worth - self.tokens) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_then_the_rate() {
        let mut rate = PacketRate::new(30);
        let start = rate.at;
        assert!((0..30).all(|_| rate.take(start, 1).is_none()));
        let wait = rate.take(start, 1).unwrap();
        assert!(wait > Duration::from_millis(100) && wait < Duration::from_millis(140), "{wait:?}");
        let later = start + wait;
        assert_eq!((0..10).filter(|_| rate.take(later, 1).is_none()).count(), 4);
    }

    #[test]
    fn a_low_rate_is_kept_too() {
        for per_second in 1..=5 {
            let mut rate = PacketRate::new(per_second);
            let start = rate.at;
            let mut now = start;
            let mut taken = 0;
            while now < start + Duration::from_secs(60) {
                match rate.take(now, 1) {
                    None => taken += 1,
                    Some(wait) => now += wait,
                }
            }
            let expected = 60 * per_second;
            assert!((expected..=expected + 2 * per_second).contains(&taken), "{per_second}: {taken}");
        }
    }

    #[test]
    fn what_costs_more_comes_less_often() {
        let mut rate = PacketRate::new(30);
        let start = rate.at;
        assert!((0..6).all(|_| rate.take(start, 5).is_none()));
        let wait = rate.take(start, 5).unwrap();
        assert!(rate.take(start + wait, 5).is_none());
        let mut slow = PacketRate::new(2);
        assert!(slow.take(start, 5).is_none(), "what costs more than a second allows still gets through");
    }
}
