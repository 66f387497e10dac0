//! The chain with detectors and filters in it: order, what a refusal changes, who is exempt.

use std::fmt;

use crate::model::{Author, Rating, Role};
use crate::store::{FilterAction, FilterConsequence, Mute, MuteKind, OffenceRecord};

use super::super::chain::Said;
use super::*;

/// Detects texts with "flood" in them and remembers what it was asked to count.
#[derive(Default)]
struct Detector {
    accepted: Vec<String>,
    links: usize,
    offences: u32,
}

#[derive(Clone, Copy)]
struct Flood;

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("That is a flood.")
    }
}

impl Detectors for Detector {
    type Offence = Flood;

    fn check(&self, _: Now, _: Uid, text: &[u8]) -> Result<usize, Flood> {
        if text.windows(5).any(|part| part == b"flood") { Err(Flood) } else { Ok(self.links(text)) }
    }

    fn links(&self, text: &[u8]) -> usize {
        text.windows(4).filter(|part| part == b".com").count()
    }

    fn accept(&mut self, _: Now, _: Uid, text: &[u8], links: usize) {
        self.links += links;
        self.accepted.push(String::from_utf8_lossy(text).into_owned());
    }

    fn offend(&mut self, _: Now, _: Uid, _: &Flood) -> (OffenceRecord, Option<Duration>) {
        self.offences += 1;
        let record = OffenceRecord { offences: self.offences, ..OffenceRecord::default() };
        (record, (self.offences > 1).then_some(Duration::from_secs(300)))
    }

    fn name(_: &Flood) -> &'static str {
        "flood"
    }
}

/// Filter 1 only tells, filter 2 blocks and mutes, filter 3 blocks in rooms for everybody.
struct Words;

impl Filters for Words {
    fn check(&self, text: &[u8], rating: Option<Rating>) -> Vec<Match> {
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        let found = |id, severity, action, consequence| Match { id, action, severity, consequence };
        let mute = FilterConsequence::Mute { seconds: 3600 };
        let all = [
            (has(b"mute"), found(2, 3, FilterAction::Block, mute)),
            (
                has(b"damn") && rating == Some(Rating::General),
                found(3, 2, FilterAction::Block, FilterConsequence::Delete),
            ),
            // What a filter means that does not block is no matter.
            (has(b"tell"), found(1, 1, FilterAction::Notify, mute)),
        ];
        all.into_iter().filter(|(found, _)| *found).map(|(_, found)| found).collect()
    }
}

type Full = Guard<Detector, Words>;

fn full(limits: Spam) -> Full {
    Guard::new(limits, Detector::default(), Words)
}

fn say(guard: &mut Full, millis: u64, text: &str) -> Option<Refusal> {
    let act = Act { rating: Some(Rating::General), ..act(ALICE, text.as_bytes()) };
    refusal(guard.judge(at(millis), &act, None))
}

fn muted(until: Option<u64>, reason: &str) -> Mute {
    let until = until.map(|millis| Timestamp(BEGIN + millis));
    Mute { kind: MuteKind::Text, until, reason: reason.to_owned(), by: Author::System, at: Timestamp(BEGIN) }
}

#[test]
fn the_first_refusal_wins_in_the_order_of_the_obstacles() {
    // An act that every obstacle refuses; obstacle after obstacle is taken away.
    let all = Spam { messages_per_minute: Some(2), messages_per_window: Some(2), ..Spam::default() };
    let mute = muted(None, "");
    let mut order = Vec::new();
    for gone in 0..=Obstacle::ALL.len() {
        let keep = |obstacle| Obstacle::ALL.iter().position(|one| *one == obstacle).unwrap() >= gone;
        let limits = Spam {
            cooldown: all.cooldown.filter(|_| keep(Obstacle::Cooldown)),
            window: all.window.filter(|_| keep(Obstacle::Window)),
            messages_per_minute: all.messages_per_minute.filter(|_| keep(Obstacle::PerMinute)),
            duplicate_messages: all.duplicate_messages.filter(|_| keep(Obstacle::Duplicates)),
            ..all.clone()
        };
        let no_links = keep(Obstacle::LinkRight).then_some("No links.");
        let text = match (keep(Obstacle::Detector), keep(Obstacle::Filter)) {
            _ if keep(Obstacle::LinkRight) => "flood, damn, a.com",
            (true, _) => "flood, damn",
            (false, true) => "damn",
            (false, false) => "x",
        };
        let mut guard = full(limits.clone());
        if keep(Obstacle::Slowmode) {
            guard.set_slowmode(None, SlowMode::new(60).unwrap());
        }
        // What has to be accepted before: by a guard that knows none of these but takes account.
        guard.set_limits(Spam { cooldown: None, window: None, ..limits.clone() });
        guard.detectors.offences = 0;
        for millis in [0, 1] {
            let now = at(millis);
            let act = act(ALICE, text.as_bytes());
            let print = Some(super::super::duplicates::Fingerprint::of(text.as_bytes()));
            guard.accept(now, &act, Some(Said { folded: text.as_bytes(), print }), 0);
        }
        guard.set_limits(limits);
        if keep(Obstacle::Strike) {
            let record = StrikeRecord {
                strikes: 1,
                muted_until: Some(Timestamp(u64::MAX)),
                ..StrikeRecord::default()
            };
            guard.restore(at(1), ALICE, record);
        }
        let act = Act { rating: Some(Rating::General), no_links, ..act(ALICE, text.as_bytes()) };
        let verdict = guard.judge(at(2), &act, keep(Obstacle::Mute).then_some(&mute));
        order.extend(obstacle(&refusal(verdict)));
    }
    assert_eq!(order, Obstacle::ALL);
    assert!(Obstacle::ALL.is_sorted());
}

#[test]
fn a_refusal_by_a_later_link_leaves_the_earlier_ones_alone() {
    let mut guard = full(Spam::default());
    guard.set_slowmode(None, SlowMode::new(5).unwrap());
    assert_eq!(say(&mut guard, 0, "hello"), None);
    // Refused by slowmode, detector and filter: none of it counts for cooldown, window or duplicates,
    // and the detector is told of nothing.
    for millis in 1000..1010 {
        assert_eq!(obstacle(&say(&mut guard, millis, "slow")), Some(Obstacle::Slowmode));
        assert_eq!(obstacle(&say(&mut guard, millis, "flood")), Some(Obstacle::Detector));
        assert_eq!(obstacle(&say(&mut guard, millis, "damn")), Some(Obstacle::Filter));
    }
    assert_eq!(say(&mut guard, 5000, "slow"), None);
    assert_eq!(guard.detectors.accepted, ["hello", "slow"]);
    assert_eq!((guard.detectors.offences, guard.record(at(5000), ALICE)), (10, None));
    // And a violation does not count for slowmode or detectors.
    assert_eq!(obstacle(&say(&mut guard, 5001, "flood")), Some(Obstacle::Cooldown));
    assert_eq!(guard.detectors.offences, 10);
}

#[test]
fn offences_and_filters_say_what_is_to_be_done() {
    let mut guard = full(Spam::default());
    let first = say(&mut guard, 0, "a flood").unwrap();
    assert_eq!((first.text.as_str(), first.mute), ("That is a flood.", None));
    let record = OffenceRecord { offences: 1, ..OffenceRecord::default() };
    assert_eq!(first.aftermath, Aftermath::Offence { detector: "flood", record });
    let second = say(&mut guard, 1, "a flood").unwrap();
    assert_eq!(second.text, "That is a flood. You are muted for 5 minutes.");
    assert_eq!(second.mute, Some(Duration::from_secs(300)));

    let not_sent = "This was not sent: it has something in it that is not allowed here.";
    let both = say(&mut guard, 2, "damn, I tell").unwrap();
    assert_eq!((both.text.as_str(), both.mute), (not_sent, None));
    let Aftermath::Filtered(matches) = both.aftermath else { panic!("{both:?}") };
    assert_eq!(matches.iter().map(|found| found.id).collect::<Vec<_>>(), [3, 1]);
    let mute = say(&mut guard, 3, "mute me").unwrap();
    assert_eq!(mute.text, format!("{not_sent} You are muted for 1 hour."));
    assert_eq!(mute.mute, Some(Duration::from_secs(3600)));

    // Who only tells does not block.
    let adult = Act { rating: Some(Rating::Adult), ..act(ALICE, b"damn, I tell") };
    let Verdict::Accept { matches } = guard.judge(at(4), &adult, None) else { panic!("refused") };
    assert_eq!(matches.iter().map(|found| found.id).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_mute_holds_until_its_end_and_for_everybody() {
    let staff = Role::ALL.into_iter().collect();
    for roles in [Roles::default(), staff] {
        let mut guard = full(Spam::default());
        let mut judge = |millis, mute: &Mute| {
            let call = Act { roles, text: None, ..act(ALICE, b"") };
            refusal(guard.judge(at(millis), &call, Some(mute)))
        };
        let mute = muted(Some(60_000), "advertising");
        let told = "You are muted until 2004-11-09 12:34:20 UTC: advertising.";
        assert_eq!(judge(0, &mute).unwrap().text, told);
        assert_eq!(obstacle(&judge(59_999, &mute)), Some(Obstacle::Mute));
        assert_eq!(judge(60_000, &mute), None);
        assert_eq!(judge(90_000, &muted(None, "")).unwrap().text, "You are muted until staff lift it.");
    }
}

#[test]
fn exempt_roles_pass_everything_but_mutes() {
    let limits = Spam { exempt_roles: Roles::default().with(Role::Trusted), ..Spam::default() };
    let mut guard = full(limits);
    guard.set_slowmode(None, SlowMode::new(60).unwrap());
    let spared = Roles::default().with(Role::Trusted);
    for _ in 0..100 {
        let act = Act { roles: spared, ..act(ALICE, b"flood, mute, damn, tell") };
        assert_eq!(guard.judge(at(0), &act, None), Verdict::Accept { matches: Vec::new() });
    }
    assert_eq!((guard.talkers(), guard.detectors.accepted.len()), (0, 0));
    // A role that is not exempt is treated like none.
    let mut admin = |millis| {
        let act = Act { roles: Roles::default().with(Role::Admin), ..act(BOB, b"x") };
        obstacle(&refusal(guard.judge(at(millis), &act, None)))
    };
    assert_eq!((admin(0), admin(1)), (None, Some(Obstacle::Cooldown)));
}

#[test]
fn a_room_says_who_may_post_links_even_to_the_exempt() {
    let limits = Spam { exempt_roles: Roles::default().with(Role::Trusted), ..Spam::default() };
    let mut guard = full(limits);
    let mut post = |millis, roles, no_links, text: &str| {
        let act = Act { roles, no_links, ..act(ALICE, text.as_bytes()) };
        obstacle(&refusal(guard.judge(at(millis), &act, None)))
    };
    let (nobody, trusted) = (Roles::default(), Roles::default().with(Role::Trusted));
    for roles in [nobody, trusted] {
        assert_eq!(post(0, roles, Some("No links."), "see a.com"), Some(Obstacle::LinkRight));
    }
    assert_eq!(post(0, nobody, Some("No links."), "see there"), None, "a refusal counts for nothing");
    assert_eq!(post(3000, nobody, None, "see a.com"), None);
    assert_eq!(guard.detectors.links, 1, "what the check has found is counted");
}

#[test]
fn what_a_client_says_by_itself_is_nobodys_fault() {
    let mut guard = full(Spam::default());
    assert_eq!(say(&mut guard, 0, "hello"), None);
    // Too soon; then in time, but with something in them that would mute anybody else.
    for (millis, text, obstacle) in [
        (10, "flood", Obstacle::Cooldown),
        (10, "away", Obstacle::Cooldown),
        (5000, "flood", Obstacle::Detector),
        (5000, "mute", Obstacle::Filter),
    ] {
        let act = Act { automatic: true, rating: Some(Rating::General), ..act(ALICE, text.as_bytes()) };
        let refusal = refusal(guard.judge(at(millis), &act, None)).unwrap();
        assert_eq!(
            (refusal.obstacle, refusal.mute, refusal.aftermath),
            (obstacle, None, Aftermath::None),
            "{text}"
        );
    }
    assert_eq!((guard.record(at(5000), ALICE), guard.detectors.offences), (None, 0));
}
