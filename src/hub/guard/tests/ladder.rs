//! Strikes, stages and mutes; what survives, what decays, what staff can clear.

use super::*;

/// What each violation in a row brings: the end of the log line, and the mute in seconds.
const LADDER: [(&str, u64); 10] = [
    ("strike=1/3 mute=15s", 15),
    ("strike=2/3 mute=15s", 15),
    ("strike=3/3 stage=1 mute=60s", 60),
    ("stage=2 mute=300s", 300),
    ("stage=3 mute=600s", 600),
    ("stage=4 mute=900s", 900),
    ("stage=5 mute=1200s", 1200),
    ("stage=6 mute=1500s", 1500),
    ("stage=7 mute=1800s", 1800),
    ("stage=8 mute=2100s", 2100),
];

/// Alice breaks the cooldown once she may send again. Returns what it brought, and when the mute ends.
fn offend(guard: &mut Guard, millis: u64) -> (Refusal, u64) {
    assert_eq!(send(guard, millis), None);
    let refusal = send(guard, millis + 432).unwrap();
    assert_eq!(refusal.obstacle, Obstacle::Cooldown);
    let mute = u64::try_from(refusal.mute.unwrap().as_millis()).unwrap();
    (refusal, millis + 432 + mute)
}

#[test]
fn the_ladder_through_stage_eight() {
    let mut guard = guard();
    let mut millis = 0;
    for (step, (line, seconds)) in (1..).zip(LADDER) {
        let (refusal, end) = offend(&mut guard, millis);
        assert_eq!(refusal.mute, Some(Duration::from_secs(seconds)), "{line}");
        let struck = struck(Some(refusal));
        assert_eq!(struck.log, format!("rate-limit violation: COOLDOWN delta=432ms min=750ms {line}"));
        assert_eq!(struck.record.violations, step);
        assert_eq!(struck.record.muted_until, Some(Timestamp(BEGIN + end)));
        // While muted nothing is accepted and nothing escalates, up to the last millisecond.
        for during in [millis + 433, (millis + end) / 2, end - 1] {
            assert_eq!(obstacle(&send(&mut guard, during)), Some(Obstacle::Strike), "{line}");
            assert_eq!(guard.record(at(during), ALICE), Some(struck.record.clone()));
        }
        assert_eq!(guard.muted(at(end - 1), ALICE), Some(Duration::from_millis(1)));
        assert_eq!(guard.muted(at(end), ALICE), None);
        millis = end;
    }
}

#[test]
fn what_the_user_reads() {
    let mut guard = guard();
    let mut millis = 0;
    let mut texts = Vec::new();
    for _ in 0..4 {
        let (refusal, end) = offend(&mut guard, millis);
        texts.push(refusal.text);
        texts.push(send(&mut guard, millis + 1432).unwrap().text);
        millis = end;
    }
    let fast = "Not so fast: leave at least 0.75 seconds between two messages.";
    let longer = "strike 3 of 3, stage 1; mutes get longer from here";
    assert_eq!(
        texts,
        [
            format!("{fast} You cannot send anything for 15 seconds (strike 1 of 3)."),
            "You cannot send anything for 14 seconds yet (strike 1 of 3).".to_owned(),
            format!("{fast} You cannot send anything for 15 seconds (strike 2 of 3)."),
            "You cannot send anything for 14 seconds yet (strike 2 of 3).".to_owned(),
            format!("{fast} You cannot send anything for 1 minute ({longer})."),
            format!("You cannot send anything for 59 seconds yet ({longer})."),
            format!("{fast} You cannot send anything for 5 minutes (stage 2)."),
            "You cannot send anything for 4 minutes 59 seconds yet (stage 2).".to_owned(),
        ]
    );
}

#[test]
fn the_window_strikes_like_the_cooldown() {
    let mut guard = guard();
    offend(&mut guard, 0);
    for millis in [20_000, 20_800, 21_600, 22_400, 23_200] {
        assert_eq!(send(&mut guard, millis), None);
    }
    let refusal = send(&mut guard, 23_990).unwrap();
    assert_eq!(
        refusal.text,
        "Too many messages: at most 5 in 10 seconds. You cannot send anything for 15 seconds (strike 2 of 3)."
    );
    let struck = struck(Some(refusal));
    assert_eq!(
        struck.log,
        "rate-limit violation: WINDOW count=6/5 span=3990ms window=10000ms strike=2/3 mute=15s"
    );
    let record = struck.record;
    assert_eq!((record.last_reason.as_str(), record.last_at), ("WINDOW", Timestamp(BEGIN + 23_990)));
    assert_eq!(record.last_detail, "count=6/5 span=3990ms window=10000ms");
    assert!(guard.clear(ALICE), "staff may forgive");
    assert!(!guard.clear(ALICE));
    assert_eq!(guard.muted(at(24_000), ALICE), None);
    assert_eq!(guard.record(at(24_000), ALICE), None);
}

/// The daemon is started anew, and the calendar moved by so many milliseconds meanwhile.
fn restarted(record: &StrikeRecord, wall: u64) -> (Guard, impl Fn(u64) -> Now + use<>) {
    let mut guard = guard();
    let now = move |uptime| Now { wall: Timestamp(wall + uptime), uptime: Duration::from_millis(uptime) };
    guard.restore(now(5), ALICE, record.clone());
    (guard, now)
}

#[test]
fn a_restart_in_mid_mute_changes_nothing() {
    let mut before = guard();
    let mut millis = 0;
    for (step, (line, seconds)) in LADDER.into_iter().enumerate() {
        let (refusal, end) = offend(&mut before, millis);
        let record = struck(Some(refusal)).record;
        // Five milliseconds later by its own clock it takes the record over, in the midst of the mute.
        let (mut guard, now) = restarted(&record, BEGIN + end - seconds * 500 - 5);
        assert_eq!(guard.record(now(5), ALICE), Some(record.clone()), "{line}");
        let half = seconds * 500;
        let say = |guard: &mut Guard, uptime, text: &[u8]| {
            obstacle(&super::refusal(guard.judge(now(uptime), &act(ALICE, text), None)))
        };
        assert_eq!(say(&mut guard, 5 + half - 1, b"a"), Some(Obstacle::Strike), "{line}");
        assert_eq!(say(&mut guard, 5 + half, b"b"), None, "{line}");
        // The next violation goes on from there.
        let next = struck(super::refusal(guard.judge(now(6 + half), &act(ALICE, b"c"), None)));
        assert_eq!(next.record.violations, record.violations + 1);
        let following = LADDER.get(step + 1).map_or("stage=9 mute=2400s", |(line, _)| line);
        assert!(next.log.ends_with(following), "{}", next.log);
        millis = end;
    }
}

#[test]
fn a_changed_calendar_never_lengthens_a_mute() {
    let mut before = guard();
    let mut millis = 0;
    for (line, seconds) in LADDER {
        let (refusal, end) = offend(&mut before, millis);
        let record = struck(Some(refusal)).record;
        let length = Duration::from_secs(seconds);
        for (wall, left) in [
            (0, Some(length)),
            (BEGIN + end - seconds * 1000 - 86_400_000, Some(length)),
            (BEGIN + end + 86_400_000, None),
            (u64::MAX - 10, None),
        ] {
            let (guard, now) = restarted(&record, wall);
            assert_eq!(guard.muted(now(5), ALICE), left, "{line} {wall}");
        }
        millis = end;
    }
    // A record that cannot be is taken for the nearest that can.
    let strange =
        StrikeRecord { strikes: 200, muted_until: Some(Timestamp(u64::MAX)), ..StrikeRecord::default() };
    let (mut guard, now) = restarted(&strange, BEGIN);
    assert_eq!(guard.muted(now(5), ALICE), Some(Duration::from_secs(15)));
    let say = |guard: &mut Guard, uptime, text: &[u8]| {
        super::refusal(guard.judge(now(uptime), &act(ALICE, text), None))
    };
    assert_eq!(say(&mut guard, 20_000, b"a"), None);
    assert!(struck(say(&mut guard, 20_001, b"b")).log.ends_with("strike=3/3 stage=1 mute=60s"));
    let highest = StrikeRecord { stage: u16::MAX, violations: u32::MAX, ..StrikeRecord::default() };
    let (mut guard, now) = restarted(&highest, BEGIN);
    let _ = guard.judge(now(6), &act(ALICE, b"a"), None);
    let record = struck(super::refusal(guard.judge(now(7), &act(ALICE, b"b"), None))).record;
    assert_eq!((record.stage, record.violations), (u16::MAX, u32::MAX));
}

#[test]
fn what_is_known_is_newer_than_what_was_kept() {
    let mut guard = guard();
    let (_, end) = offend(&mut guard, 0);
    offend(&mut guard, end);
    let known = guard.record(at(end + 500), ALICE);
    guard.restore(at(end + 500), ALICE, StrikeRecord::default());
    assert_eq!(guard.record(at(end + 500), ALICE), known);
}

#[test]
fn decay_forgives_one_step_at_a_time_if_it_is_on() {
    let hour = 60 * 60 * 1000;
    let mut guard = guard();
    let mut end = 0;
    for _ in 0..5 {
        (_, end) = offend(&mut guard, end);
    }
    let standing = |guard: &Guard, millis| {
        let record = guard.record(at(millis), ALICE).unwrap();
        (record.strikes, record.stage)
    };
    assert_eq!(standing(&guard, end + 1000 * hour), (0, 3), "off by default");
    guard.set_limits(Spam { decay: Some(Duration::from_millis(hour)), ..Spam::default() });
    for (after, stage) in [(0, 3), (hour - 1, 3), (hour, 2), (2 * hour, 1), (3 * hour, 0), (99 * hour, 0)] {
        assert_eq!(standing(&guard, end + after), (0, stage), "{after}");
    }
    // A restart forgets nothing of the time that went by.
    let record = guard.record(at(end - 1), ALICE).unwrap();
    let (mut other, now) = restarted(&record, BEGIN + end + hour + hour / 2);
    other.set_limits(Spam { decay: Some(Duration::from_millis(hour)), ..Spam::default() });
    assert_eq!(other.record(now(5), ALICE).unwrap().stage, 2);
    assert_eq!(other.record(now(hour / 2), ALICE).unwrap().stage, 1);
    // A violation counts from where that has led, and decay begins anew after its mute.
    let (refusal, end) = offend(&mut guard, end + 2 * hour);
    assert!(struck(Some(refusal)).log.ends_with("stage=2 mute=300s"));
    assert_eq!(standing(&guard, end + hour - 1), (0, 2));
    // Strikes are forgiven likewise.
    let (_, end) = offend(&mut guard, end + 10 * hour);
    let (refusal, end) = offend(&mut guard, end);
    assert!(struck(Some(refusal)).log.ends_with("strike=2/3 mute=15s"));
    assert_eq!(standing(&guard, end + hour), (1, 0));
    assert_eq!(standing(&guard, end + 2 * hour), (0, 0));
}
