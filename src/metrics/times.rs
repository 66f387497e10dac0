//! How long things take: the last of a kind, and those of the last minute.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Counter;

/// How many times [`Recent`] keeps.
pub const RECENT: usize = 100;
/// How long [`Sliding`] keeps a time.
const WINDOW: Duration = Duration::from_secs(60);
/// The pause between two stamps: some hundred a second are enough for percentiles.
const PAUSE: Duration = Duration::from_millis(10);

/// The last [`RECENT`] times of something, and how many there were.
#[derive(Default, Debug)]
pub struct Recent {
    count: Counter,
    last: Mutex<VecDeque<u64>>,
}

impl Recent {
    /// Adds one.
    pub fn add(&self, time: Duration) {
        self.count.increment();
        let mut last = lock(&self.last);
        if last.len() >= RECENT {
            last.pop_front();
        }
        last.push_back(micros(time));
    }

    /// How many there were since the start.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// The last ones in microseconds, oldest first.
    pub fn last(&self) -> Vec<u64> {
        lock(&self.last).iter().copied().collect()
    }
}

/// What a set of times looks like, in microseconds; all zero for an empty one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Spread {
    /// The mean.
    pub mean: u64,
    /// Half of them were at most this.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// Ninety-nine of a hundred.
    pub p99: u64,
    /// All of them.
    pub max: u64,
}

impl Spread {
    /// Of these times, in any order.
    pub fn of(mut times: Vec<u64>) -> Spread {
        times.sort_unstable();
        let count = times.len();
        let rank = |percent: usize| {
            times.get((count * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
        };
        let sum: u64 = times.iter().fold(0, |sum, time| sum.saturating_add(*time));
        let mean = sum.checked_div(count as u64).unwrap_or_default();
        Spread { mean, p50: rank(50), p90: rank(90), p99: rank(99), max: rank(100) }
    }
}

/// Times taken by samples, of which those of the last minute are kept.
#[derive(Debug)]
pub struct Sliding {
    epoch: Instant,
    /// Microseconds since `epoch` from which the next stamp is given.
    next: AtomicU64,
    /// When each was added, since `epoch`, and how long it was in microseconds.
    times: Mutex<VecDeque<(Duration, u64)>>,
}

impl Default for Sliding {
    fn default() -> Sliding {
        Sliding { epoch: Instant::now(), next: AtomicU64::new(0), times: Mutex::default() }
    }
}

impl Sliding {
    /// A stamp for what begins now, if it is time for another sample.
    pub fn stamp(&self) -> Option<Instant> {
        let now = Instant::now();
        let at = micros(now.saturating_duration_since(self.epoch));
        let next = self.next.load(Ordering::Relaxed);
        if at < next {
            return None;
        }
        let taken = self
            .next
            .compare_exchange(next, at + micros(PAUSE), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        taken.then_some(now)
    }

    /// Adds the time since a stamp.
    pub fn add_since(&self, stamp: Instant) {
        let now = Instant::now();
        self.add(now.saturating_duration_since(self.epoch), now.saturating_duration_since(stamp));
    }

    fn add(&self, at: Duration, time: Duration) {
        let mut times = lock(&self.times);
        forget(&mut times, at);
        times.push_back((at, micros(time)));
    }

    /// What the times of the last minute look like.
    pub fn spread(&self) -> Spread {
        self.spread_at(self.epoch.elapsed())
    }

    fn spread_at(&self, at: Duration) -> Spread {
        let times = {
            let mut times = lock(&self.times);
            forget(&mut times, at);
            times.iter().map(|(_, time)| *time).collect()
        };
        Spread::of(times)
    }
}

fn forget(times: &mut VecDeque<(Duration, u64)>, now: Duration) {
    while times.pop_front_if(|(at, _)| now.saturating_sub(*at) > WINDOW).is_some() {}
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_are_kept_of_any_number() {
        let recent = Recent::default();
        for index in 0..250 {
            recent.add(Duration::from_micros(index));
        }
        assert_eq!((recent.count(), recent.last()), (250, (150..250).collect::<Vec<u64>>()));
    }

    #[test]
    fn percentiles_are_ranks() {
        assert_eq!(Spread::of(Vec::new()), Spread::default());
        assert_eq!(Spread::of(vec![7]), Spread { mean: 7, p50: 7, p90: 7, p99: 7, max: 7 });
        let spread = Spread::of((1..=200).rev().collect());
        assert_eq!(spread, Spread { mean: 100, p50: 100, p90: 180, p99: 198, max: 200 });
    }

    #[test]
    fn a_minute_is_remembered_and_stamps_are_few() {
        let sliding = Sliding::default();
        let second = Duration::from_secs;
        sliding.add(second(1), Duration::from_micros(900));
        sliding.add(second(30), Duration::from_micros(100));
        assert_eq!(sliding.spread_at(second(61)).max, 900);
        assert_eq!(sliding.spread_at(second(62)).max, 100);
        assert_eq!(sliding.spread_at(second(91)).max, 0);
        let began = Instant::now();
        let given = (0..100_000).filter(|_| sliding.stamp().is_some()).count() as u128;
        let most = began.elapsed().as_millis() / PAUSE.as_millis() + 2;
        assert!((1..=most).contains(&given), "{given} of {most}");
    }
}
