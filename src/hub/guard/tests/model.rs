//! The guard beside a naive model that keeps everything and looks through all of it: no sequence
//! within the limits is refused, and none beyond them passes.

use proptest::prelude::*;

use super::*;

/// All that was ever accepted, and the strikes.
#[derive(Default)]
struct Naive {
    accepted: Vec<(u64, u8)>,
    strikes: u8,
    stage: u16,
    muted_until: u64,
    slow_since: Vec<u64>,
}

impl Naive {
    fn judge(&mut self, limits: &Spam, slowmode: Option<u64>, now: u64, text: u8) -> Option<Obstacle> {
        if now < self.muted_until {
            return Some(Obstacle::Strike);
        }
        let within = |span: u64| self.accepted.iter().filter(|(at, _)| now - at < span).count();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        if limits.cooldown.is_some_and(|cooldown| within(millis(cooldown)) > 0) {
            return self.violation(now, Obstacle::Cooldown);
        }
        if let (Some(most), Some(window)) = (limits.messages_per_window, limits.window)
            && within(millis(window)) >= most as usize
        {
            return self.violation(now, Obstacle::Window);
        }
        if limits.messages_per_minute.is_some_and(|most| within(60_000) >= most as usize) {
            return Some(Obstacle::PerMinute);
        }
        let before = self.accepted.iter().rev().take(9).filter(|(at, _)| now - at < 3_600_000);
        let same = before.filter(|(_, said)| *said == text).count();
        if limits.duplicate_messages.is_some_and(|limit| same + 1 >= limit as usize) {
            return Some(Obstacle::Duplicates);
        }
        if slowmode.is_some_and(|least| self.slow_since.iter().any(|at| now - at < least)) {
            return Some(Obstacle::Slowmode);
        }
        self.accepted.push((now, text));
        self.slow_since.push(now);
        None
    }

    fn violation(&mut self, now: u64, obstacle: Obstacle) -> Option<Obstacle> {
        let seconds = match (self.stage, self.strikes) {
            (0, 0 | 1) => {
                self.strikes += 1;
                15
            }
            (0, _) => {
                (self.strikes, self.stage) = (0, 1);
                60
            }
            (stage, _) => {
                self.stage = stage + 1;
                u64::from(stage) * 300
            }
        };
        self.muted_until = now + seconds * 1000;
        Some(obstacle)
    }
}

/// What a user does next.
#[derive(Clone, Debug)]
enum Step {
    /// He waits so many milliseconds and sends this text.
    Send(u64, u8),
    /// He waits until his mute ends, or until so many milliseconds before, and sends this text.
    AfterMute(u64, u8),
    /// The daemon is started anew.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![
        4 => 0u64..3000,
        2 => prop::sample::select(vec![749u64, 750, 751, 1999, 2000, 2001, 9999, 10_000, 60_000]),
        2 => 1500u64..12_000,
        1 => 10_000u64..5_000_000,
    ];
    prop_oneof![
        20 => (gap, 0u8..30).prop_map(|(gap, text)| Step::Send(gap, text)),
        8 => (0u64..3000, 0u8..3).prop_map(|(gap, text)| Step::Send(gap, text)),
        6 => (0u64..2, 0u8..30).prop_map(|(early, text)| Step::AfterMute(early, text)),
        1 => Just(Step::Restart),
    ]
}

fn limits() -> impl Strategy<Value = Spam> {
    let maybe = |most: u32| proptest::option::weighted(0.8, 1..=most);
    let times = (proptest::option::weighted(0.7, 1u64..3000), proptest::option::weighted(0.8, 1u64..90_000));
    let any = (maybe(8), maybe(40), proptest::option::weighted(0.5, 2u32..=10), times).prop_map(
        |(messages_per_window, messages_per_minute, duplicate_messages, (cooldown, window))| Spam {
            messages_per_window,
            window: window.map(Duration::from_millis),
            cooldown: cooldown.map(Duration::from_millis),
            messages_per_minute,
            duplicate_messages,
            ..Spam::default()
        },
    );
    prop_oneof![Just(Spam::default()), any]
}

proptest! {
    #[test]
    fn what_the_limits_allow_passes_and_nothing_else(
        limits in limits(),
        slowmode in proptest::option::weighted(0.2, 1u16..30),
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let begin = |limits: &Spam| {
            let mut guard = Guard::new(limits.clone(), (), ());
            guard.set_slowmode(None, slowmode.and_then(SlowMode::new).unwrap_or_default());
            guard
        };
        let (mut guard, mut naive) = (begin(&limits), Naive::default());
        let (mut now, mut started) = (0u64, 0u64);
        for step in steps {
            let clocks = |now: u64, started: u64| Now {
                wall: Timestamp(BEGIN + now),
                uptime: Duration::from_millis(now - started),
            };
            let text = match step {
                Step::Send(gap, text) => {
                    now += gap;
                    text
                }
                Step::AfterMute(early, text) => {
                    now = now.max(naive.muted_until.saturating_sub(early));
                    text
                }
                Step::Restart => {
                    // Strikes and mutes survive; what was said lately does not.
                    let kept = guard.record(clocks(now, started), ALICE);
                    guard = begin(&limits);
                    started = now;
                    if let Some(kept) = kept {
                        guard.restore(clocks(now, started), ALICE, kept);
                    }
                    naive.accepted.clear();
                    naive.slow_since.clear();
                    continue;
                }
            };
            let line = format!("line {text}");
            let refused = refusal(guard.judge(clocks(now, started), &act(ALICE, line.as_bytes()), None));
            let expected = naive.judge(&limits, slowmode.map(|s| u64::from(s) * 1000), now, text);
            prop_assert_eq!(obstacle(&refused), expected, "at {}", now);
            let record = guard.record(clocks(now, started), ALICE).unwrap_or_default();
            prop_assert_eq!((record.strikes, record.stage), (naive.strikes, naive.stage));
            let left = Duration::from_millis(naive.muted_until.saturating_sub(now));
            prop_assert_eq!(guard.muted(clocks(now, started), ALICE).unwrap_or_default(), left);
        }
    }
}
