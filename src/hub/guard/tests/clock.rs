//! The calendar is set while people talk.

use proptest::prelude::*;

use super::*;

/// What becomes of messages at these times, when the calendar is off by so much at each of them: the
/// obstacles that refuse them, and the mutes in milliseconds.
fn verdicts(times: &[(u64, i64)]) -> Vec<(Option<Obstacle>, Option<u128>)> {
    let mut guard = guard();
    let mut uptime = 0;
    times
        .iter()
        .enumerate()
        .map(|(number, (gap, off))| {
            uptime += gap;
            let wall = Timestamp((BEGIN + uptime).saturating_add_signed(*off));
            let now = Now { wall, uptime: Duration::from_millis(uptime) };
            let text = format!("line {number}");
            let refused = refusal(guard.judge(now, &act(ALICE, text.as_bytes()), None));
            let mute = guard.muted(now, ALICE).map(|left| left.as_millis());
            (refused.map(|refusal| refusal.obstacle), mute)
        })
        .collect()
}

proptest! {
    #[test]
    fn setting_the_calendar_changes_no_limit_and_no_mute(
        times in prop::collection::vec((0u64..20_000, -2_000_000_000_000i64..2_000_000_000_000), 1..60),
    ) {
        let steady: Vec<(u64, i64)> = times.iter().map(|(gap, _)| (*gap, 0)).collect();
        prop_assert_eq!(verdicts(&times), verdicts(&steady));
    }
}
