//! Every number of the limits, at both sides of its edge.

use super::super::{duplicates::Texts, recent::Recent};
use super::*;

/// The obstacles that refuse acts at these times, all with texts of their own.
fn obstacles(limits: &Spam, times: &[u64]) -> Vec<Option<Obstacle>> {
    let mut guard = Guard::new(limits.clone(), (), ());
    times.iter().map(|millis| obstacle(&send(&mut guard, *millis))).collect()
}

#[test]
fn the_cooldown_and_the_window_at_their_edges() {
    let limits = Spam::default();
    for (times, last) in [
        (&[0, 750][..], None),
        (&[0, 749], Some(Obstacle::Cooldown)),
        (&[0, 0], Some(Obstacle::Cooldown)),
        // The fifth in ten seconds passes, the sixth does not, but after exactly ten it does.
        (&[0, 1000, 2000, 3000, 4000], None),
        (&[0, 1000, 2000, 3000, 4000, 9999], Some(Obstacle::Window)),
        (&[0, 1000, 2000, 3000, 4000, 10_000], None),
        (&[0, 1000, 2000, 3000, 4000, 10_000, 10_999], Some(Obstacle::Window)),
        (&[0, 1000, 2000, 3000, 4000, 10_000, 11_000], None),
        // The cooldown is checked first.
        (&[0, 1000, 2000, 3000, 4000, 4749], Some(Obstacle::Cooldown)),
        (&[0, 1000, 2000, 3000, 4000, 4750], Some(Obstacle::Window)),
        // The window slides: it does not begin anew.
        (&[0, 6000, 7000, 8000, 9000, 12_000, 15_000], Some(Obstacle::Window)),
        (&[0, 6000, 7000, 8000, 9000, 12_000, 16_000], None),
    ] {
        let met = obstacles(&limits, times);
        let (verdict, before) = met.split_last().unwrap();
        assert_eq!(*verdict, last, "{times:?}");
        assert!(before.iter().all(Option::is_none), "{times:?}: {before:?}");
    }
}

#[test]
fn a_refused_message_moves_nothing_forward() {
    // Refused at 749; muted until 15 749; had it counted, 15 749 would be too soon for nothing, but
    // at exactly the end of the mute the last accepted message is 15 749 ms ago.
    let mut guard = guard();
    assert_eq!(obstacle(&send(&mut guard, 0)), None);
    assert_eq!(obstacle(&send(&mut guard, 749)), Some(Obstacle::Cooldown));
    for millis in [750, 5000, 15_748] {
        assert_eq!(obstacle(&send(&mut guard, millis)), Some(Obstacle::Strike), "{millis}");
    }
    assert_eq!(obstacle(&send(&mut guard, 15_749)), None);
    let struck = struck(send(&mut guard, 15_750));
    assert_eq!(struck.violation.to_string(), "COOLDOWN delta=1ms min=750ms");
}

#[test]
fn thirty_a_minute_and_no_more() {
    // The window is switched off, because five in ten seconds never make more than thirty a minute.
    let limits = Spam { messages_per_window: None, ..Spam::default() };
    let mut times: Vec<u64> = (0..30).map(|number| number * 1000).collect();
    times.push(59_999);
    let found = obstacles(&limits, &times);
    assert!(found[..30].iter().all(Option::is_none), "{found:?}");
    assert_eq!(found[30], Some(Obstacle::PerMinute));
    // It neither strikes nor counts, and tells how long to wait.
    let mut guard = Guard::new(limits, (), ());
    for millis in &times[..30] {
        assert_eq!(send(&mut guard, *millis), None);
    }
    let refusal = send(&mut guard, 48_000).unwrap();
    assert_eq!(refusal.text, "That is more than 30 messages a minute. You can send again in 12 seconds.");
    assert_eq!((refusal.mute, &refusal.aftermath), (None, &Aftermath::None));
    assert_eq!(guard.record(at(48_000), ALICE), None);
    assert_eq!(send(&mut guard, 60_000), None);
    assert_eq!(obstacle(&send(&mut guard, 60_999)), Some(Obstacle::PerMinute));
    assert_eq!(send(&mut guard, 61_000), None);
}

#[test]
fn the_same_text_the_third_time_within_ten() {
    let say = |lines: &[&str], gap: u64| {
        let mut guard = guard();
        let judge = |(number, line): (usize, &&str)| {
            let now = at(number as u64 * gap);
            obstacle(&refusal(guard.judge(now, &act(ALICE, line.as_bytes()), None)))
        };
        lines.iter().enumerate().map(judge).collect::<Vec<_>>().pop().unwrap()
    };
    let again = Some(Obstacle::Duplicates);
    assert_eq!(say(&["x", "x"], 2000), None);
    assert_eq!(say(&["x", "x", "x"], 2000), again);
    assert_eq!(say(&["buy now", "Buy  NOW", "\tb U y now "], 2000), again);
    // The tenth of ten, and the eleventh.
    assert_eq!(say(&["x", "x", "1", "2", "3", "4", "5", "6", "7", "x"], 2000), again);
    assert_eq!(say(&["x", "x", "1", "2", "3", "4", "5", "6", "7", "8", "x"], 2000), None);
    // The refused one does not count, nor does it push others out.
    assert_eq!(say(&["x", "x", "x", "x", "x", "x", "x", "x", "x", "x", "x", "x"], 2000), again);
    // After an hour it is forgotten.
    assert_eq!(say(&["x", "x", "x"], 30 * 60 * 1000), None);
    assert_eq!(say(&["x", "x", "x"], 30 * 60 * 1000 - 1), again);
}

#[test]
fn repeating_brings_no_strike_and_acts_without_text_repeat_nothing() {
    let mut guard = guard();
    for number in 0..3 {
        let _ = guard.judge(at(number * 2000), &act(ALICE, b"x"), None);
    }
    assert_eq!(guard.record(at(9000), ALICE), None);
    for number in 0..4 {
        let call = Act { text: None, room: None, ..act(BOB, b"") };
        assert_eq!(refusal(guard.judge(at(number * 3000), &call, None)), None);
    }
}

#[test]
fn acts_with_a_text_and_without_count_together_and_people_do_not() {
    let mut guard = guard();
    for number in 0u64..5 {
        let text = format!("{number}");
        assert_eq!(refusal(guard.judge(at(number * 1000), &act(ALICE, text.as_bytes()), None)), None);
    }
    assert_eq!(refusal(guard.judge(at(5000), &act(BOB, b"hello"), None)), None);
    let call = Act { text: None, ..act(ALICE, b"") };
    assert_eq!(obstacle(&refusal(guard.judge(at(5000), &call, None))), Some(Obstacle::Window));
}

#[test]
fn zero_switches_each_limit_off() {
    let all = Spam::default();
    let off = Spam {
        messages_per_window: None,
        window: None,
        cooldown: None,
        messages_per_minute: None,
        duplicate_messages: None,
        ..all.clone()
    };
    let hundred = |limits: Spam, gap: u64| {
        let mut guard = Guard::new(limits, (), ());
        let judge = |number| obstacle(&refusal(guard.judge(at(number * gap), &act(ALICE, b"x"), None)));
        (0..100).map(judge).find_map(|obstacle| obstacle)
    };
    assert_eq!(hundred(off.clone(), 0), None);
    for (limits, gap, first) in [
        (Spam { cooldown: all.cooldown, ..off.clone() }, 749, Obstacle::Cooldown),
        (Spam { messages_per_window: Some(5), window: all.window, ..off.clone() }, 1999, Obstacle::Window),
        (Spam { messages_per_minute: Some(30), ..off.clone() }, 1999, Obstacle::PerMinute),
        (Spam { duplicate_messages: Some(3), ..off.clone() }, 2000, Obstacle::Duplicates),
    ] {
        assert_eq!(hundred(limits.clone(), gap), Some(first), "{limits:?}");
    }
    // Half a window is none.
    assert_eq!(hundred(Spam { messages_per_window: Some(5), ..off.clone() }, 0), None);
    assert_eq!(hundred(Spam { window: all.window, ..off }, 0), None);
}

#[test]
fn slowmode_at_its_edges() {
    let seconds = |seconds| SlowMode::new(seconds).unwrap();
    let mut guard = guard();
    let room = Some(RoomId(7));
    guard.set_slowmode(room, seconds(30));
    assert_eq!(send(&mut guard, 0), None);
    let refusal_at = send(&mut guard, 29_999).unwrap();
    assert_eq!(
        refusal_at.text,
        "This room is in slowmode: one message every 30 seconds. You can send again in 1 second."
    );
    assert_eq!((refusal_at.obstacle, refusal_at.mute), (Obstacle::Slowmode, None));
    assert_eq!(send(&mut guard, 30_000), None);
    // Elsewhere it does not hold, nor for who runs the room; what he sends there does not count.
    let elsewhere = Act { room: Some(RoomId(8)), ..act(ALICE, b"here") };
    assert_eq!(refusal(guard.judge(at(32_000), &elsewhere, None)), None);
    let spared = Act { spared_slowmode: true, ..act(ALICE, b"order!") };
    assert_eq!(refusal(guard.judge(at(34_000), &spared, None)), None);
    // The server's holds everywhere, and for those, too. The longer wait is told.
    guard.set_slowmode(None, seconds(3600));
    assert_eq!(guard.slowmode(None), seconds(3600));
    assert_eq!(refusal(guard.judge(at(40_000), &spared, None)), None);
    let refusal_at = refusal(guard.judge(at(45_000), &elsewhere, None)).unwrap();
    assert_eq!(
        refusal_at.text,
        "The server is in slowmode: one message every 1 hour. You can send again in 59 minutes 55 seconds."
    );
    guard.set_slowmode(None, SlowMode::OFF);
    guard.set_slowmode(room, SlowMode::OFF);
    assert_eq!(send(&mut guard, 47_000), None);
}

#[test]
fn who_is_quiet_is_forgotten() {
    let mut guard = guard();
    let minute = 60 * 1000;
    let mut say = |millis: u64, uid| {
        assert_eq!(refusal(guard.judge(at(millis), &act(Uid(uid), b"hi"), None)), None);
        guard.talkers()
    };
    // One stranger a minute: those of the last hour are known, and some more until they are swept.
    for number in 0..2000u32 {
        assert!(say(u64::from(number) * minute, 1_000_002 + number) <= 60 + 64);
    }
    // A crowd goes when somebody else talks for long enough.
    for number in 0..2000u32 {
        say(2000 * minute, 2_000_000 + number);
    }
    let count = (0..4000).map(|number| say((2061 + 31 * number) * minute, 5)).last();
    assert_eq!(count, Some(1));
    assert!(size_of::<Recent>() + size_of::<Texts>() <= 64);
}
