use proptest::prelude::*;

use super::*;
use crate::model::fold::fold;
use crate::model::{Author, Timestamp};
use crate::store::{LinkAllow, LinkKind};

const BOB: Uid = Uid(1_000_007);
const EVE: Uid = Uid(1_000_008);

fn at(milliseconds: u64) -> Now {
    Now { wall: Timestamp(1_000_000 + milliseconds), uptime: Duration::from_millis(milliseconds) }
}

/// Says something as the guard does: counted if it may pass.
fn say(detectors: &mut Detectors, milliseconds: u64, uid: Uid, text: &str) -> Option<OffenceKind> {
    let folded = fold(text.as_bytes());
    match detectors.check(at(milliseconds), uid, &folded) {
        Ok(links) => {
            detectors.accept(at(milliseconds), uid, &folded, links);
            None
        }
        Err(offence) => Some(offence.kind),
    }
}

#[test]
fn the_fourth_similar_message_within_a_minute_is_refused() {
    let mut detectors = Detectors::default();
    for (n, text) in
        ["Come to my room now!!", "come to my room now!", "COME to my room now"].iter().enumerate()
    {
        assert_eq!(say(&mut detectors, n as u64 * 1000, BOB, text), None);
    }
    assert_eq!(say(&mut detectors, 10_000, EVE, "come to my room now"), None, "each for himself");
    assert_eq!(say(&mut detectors, 10_000, BOB, "is anybody there?"), None);
    assert_eq!(say(&mut detectors, 59_999, BOB, "come to my room now"), Some(OffenceKind::Flood));
    // The first is a minute old now; the refused one does not count.
    assert_eq!(say(&mut detectors, 60_000, BOB, "come to my room now"), None);
    assert_eq!(say(&mut detectors, 60_001, BOB, "come to my room now"), Some(OffenceKind::Flood));
}

#[test]
fn three_links_pass_in_one_message_and_ten_in_a_minute() {
    let mut detectors = Detectors::default();
    detectors.settings.flood = false;
    assert_eq!(say(&mut detectors, 0, BOB, "a.com b.com c.com"), None);
    assert_eq!(say(&mut detectors, 0, BOB, "a.com b.com c.com d.com"), Some(OffenceKind::LinksInMessage));
    assert_eq!(say(&mut detectors, 1, BOB, "a.com b.com c.com"), None);
    assert_eq!(say(&mut detectors, 2, BOB, "a.com b.com c.com"), None);
    assert_eq!(say(&mut detectors, 3, BOB, "a.com b.com"), Some(OffenceKind::LinksInMinute));
    assert_eq!(say(&mut detectors, 3, BOB, "a.com"), None);
    assert_eq!(say(&mut detectors, 59_999, BOB, "a.com"), Some(OffenceKind::LinksInMinute));
    assert_eq!(say(&mut detectors, 60_000, BOB, "a.com b.com c.com"), None);
    assert_eq!(say(&mut detectors, 60_000, BOB, "a.com"), Some(OffenceKind::LinksInMinute));
    assert_eq!(say(&mut detectors, 60_001, BOB, "no link"), None);
}

#[test]
fn links_of_the_whitelist_do_not_count() {
    let mut detectors = Detectors::default();
    let text = "example.com".to_owned();
    let entry = LinkAllow { kind: LinkKind::Domain, text, by: Author::System, at: Timestamp(0) };
    detectors.whitelist = Whitelist::compile(&[entry]).unwrap();
    let text = "example.com/1 example.com/2 www.example.com/3 http://a.example.com/4 b.net";
    assert_eq!(say(&mut detectors, 0, BOB, text), None);
    assert_eq!(
        say(&mut detectors, 1, BOB, &format!("{text} c.net d.net e.net")),
        Some(OffenceKind::LinksInMessage)
    );
}

#[test]
fn rapid_fire_is_off_until_it_is_switched_on() {
    let mut detectors = Detectors::default();
    let text = |n: u64| char::from(b'a' + n as u8).to_string().repeat(9);
    for n in 0..20 {
        assert_eq!(say(&mut detectors, n, BOB, &text(n)), None);
    }
    detectors.settings.set("rapid", "on").unwrap();
    for n in 0..10 {
        assert_eq!(say(&mut detectors, 100_000 + n, BOB, &text(n)), None);
    }
    assert_eq!(say(&mut detectors, 159_999, BOB, "eleven"), Some(OffenceKind::Rapid));
    assert_eq!(say(&mut detectors, 160_000, BOB, "eleven"), None);
}

#[test]
fn who_is_exempt_is_left_alone() {
    let mut detectors = Detectors::default();
    detectors.offences.set_exempt(BOB, true);
    for n in 0..50 {
        assert_eq!(say(&mut detectors, n, BOB, "a.com b.com c.com d.com"), None);
    }
    detectors.offences.set_exempt(BOB, false);
    assert!(detectors.users.is_empty());
    assert_eq!(say(&mut detectors, 50, BOB, "a.com b.com c.com d.com"), Some(OffenceKind::LinksInMessage));
}

#[test]
fn offences_mute_unless_that_is_off() {
    let mut detectors = Detectors::default();
    assert_eq!(detectors.offend(at(0), BOB).1, Some(LADDER[0]));
    detectors.settings.set("mutes", "off").unwrap();
    let (record, mute) = detectors.offend(at(0), BOB);
    assert_eq!((record.offences, mute), (2, None));
    assert_eq!(detectors.reset(BOB), None);
}

#[test]
fn what_is_over_is_forgotten() {
    let mut detectors = Detectors::default();
    say(&mut detectors, 0, BOB, "hello a.com");
    say(&mut detectors, 30_000, EVE, "hello");
    assert_eq!(detectors.sweep(at(59_999)), []);
    assert_eq!(detectors.users.len(), 2);
    detectors.sweep(at(60_000));
    assert_eq!(detectors.users.keys().collect::<Vec<_>>(), [&EVE]);
    detectors.offend(at(60_000), BOB);
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(detectors.sweep(at(60_000 + 90 * day - 1)), []);
    assert_eq!(detectors.sweep(at(60_000 + 90 * day)), [(BOB, None)]);
    assert!(detectors.users.is_empty());
}

#[test]
fn refusals_say_what_was_too_much() {
    let mut detectors = Detectors::default();
    let why = |detectors: &Detectors, text: &str| {
        detectors.check(at(0), BOB, text.as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(
        why(&detectors, "a.com b.com c.com d.com"),
        "There are 4 links in your message; 3 are allowed."
    );
    detectors.settings.set("links.per_message", "0").unwrap();
    assert_eq!(why(&detectors, "a.com"), "Links are not allowed here.");
    for _ in 0..3 {
        detectors.accept(at(0), BOB, b"hello", 0);
    }
    assert_eq!(why(&detectors, "hello"), "You said nearly the same 4 times within 60 seconds.");
}

proptest! {
    /// Whatever is said and whenever: what passed stays within the limits.
    #[test]
    fn nothing_beyond_the_limits_passes(acts in proptest::collection::vec((0..20_000u64, 0..5usize, 0..3usize), 1..60)) {
        let mut detectors = Detectors::default();
        detectors.settings.set("rapid", "on").unwrap();
        let lines = ["the first line", "quite another one", "a third that differs", "xyzzy", "nobody says so"];
        let (mut clock, mut passed) = (0, Vec::<(u64, String, usize)>::new());
        for (gap, line, links) in acts {
            clock += gap;
            let text = format!("{} {}", lines[line], "a.com ".repeat(links));
            let recent: Vec<&(u64, String, usize)> = passed.iter().filter(|(at, ..)| at + 60_000 > clock).collect();
            let limits = recent.iter().filter(|(_, said, _)| *said == text).count() < 3
                && recent.iter().map(|(.., links)| links).sum::<usize>() + links <= 10
                && recent.len() < 10;
            // Lines with and without links are not all different enough; that refuses more.
            if say(&mut detectors, clock, BOB, &text).is_none() {
                prop_assert!(limits);
                passed.push((clock, text, links));
            }
        }
    }
}
