use proptest::prelude::*;

use super::*;
use crate::model::fold::fold;
use crate::store::Filter;

fn filter(id: u32, kind: FilterKind, text: &str) -> FilterRecord {
    let filter = Filter { consequence: FilterConsequence::Warn, ..Filter::new(kind, text) };
    FilterRecord { id, filter, hits: 0 }
}

fn word(id: u32, text: &str) -> FilterRecord {
    filter(id, FilterKind::Keyword, text)
}

fn regex(id: u32, text: &str) -> FilterRecord {
    filter(id, FilterKind::Regex, text)
}

/// The numbers of the filters that match.
fn ids(set: &FilterSet, text: &str) -> Vec<u32> {
    let text = crate::model::to_cp1252(text);
    set.check(&fold(&text), None).into_iter().map(|found| found.id).collect()
}

#[test]
fn keywords_are_whole_words_however_they_are_written() {
    let filters = [
        word(1, "spam"),
        word(2, "Buy  NOW"),
        word(3, "Üble"),
        word(4, "c++"),
        word(5, "pill*"),
        word(6, "*bot"),
    ];
    let set = FilterSet::compile(&filters).unwrap();
    for (text, found) in [
        ("SPAM!", &[1][..]),
        ("no spammer, no antispam", &[]),
        ("sp\u{ad}am", &[1]),
        ("spam2", &[]),
        ("spamé", &[]),
        ("buy\r\n\u{a0}now", &[2]),
        ("rebuy now", &[]),
        ("ÜBLE rede", &[3]),
        ("I like C++11", &[4]),
        ("pillow pills", &[5]),
        ("spillage", &[]),
        ("chatbot", &[6]),
        ("bottle", &[]),
        ("a spam and pill", &[1, 5]),
        ("", &[]),
    ] {
        assert_eq!(ids(&set, text), found, "{text}");
    }
}

#[test]
fn one_keyword_inside_another_is_found_too() {
    let set = FilterSet::compile(&[
        word(1, "free money"),
        word(2, "money"),
        word(3, "free*"),
        word(4, "free money"),
    ])
    .unwrap();
    assert_eq!(ids(&set, "FREE MONEY"), [1, 2, 3, 4]);
}

#[test]
fn expressions_see_windows_1252_without_capitals() {
    let set = FilterSet::compile(&[
        regex(1, r"v[i1!]agra"),
        regex(2, r"^zoë\b"),
        regex(3, r"\d{3}-\d{4}"),
        regex(4, "[à-ö]x"),
    ])
    .unwrap();
    for (text, found) in [
        ("V1AGRA", &[1][..]),
        ("Zoë", &[]),
        ("ZOË is here", &[]),
        ("call 555-1234 or v!agra", &[1, 3]),
        ("ÉX", &[4]),
        ("ex", &[]),
    ] {
        // `\b` behind an accent is between two bytes that are no letters to it.
        assert_eq!(ids(&set, text), found, "{text}");
    }
}

#[test]
fn the_worst_comes_first() {
    let mut filters = [word(1, "a"), word(2, "b"), word(3, "c"), word(4, "d")];
    filters[0].filter.severity = 1;
    filters[1].filter.action = FilterAction::Notify;
    filters[3].filter.severity = 10;
    filters[3].filter.consequence = FilterConsequence::Ban { seconds: None };
    let set = FilterSet::compile(&filters).unwrap();
    assert_eq!(ids(&set, "a b c d"), [4, 3, 2, 1]);
    assert_eq!(set.check(b"d", None)[0].consequence, FilterConsequence::Ban { seconds: None });
}

#[test]
fn language_is_filtered_in_rooms_for_everybody_only() {
    let mut filters = [word(1, "darn"), word(2, "spam")];
    filters[0].filter.list = FilterList::Language;
    let set = FilterSet::compile(&filters).unwrap();
    for (rating, count) in
        [(Some(Rating::General), 2), (Some(Rating::Restricted), 1), (Some(Rating::Adult), 1), (None, 1)]
    {
        assert_eq!(set.check(b"darn spam", rating).len(), count, "{rating:?}");
    }
}

#[test]
fn inactive_filters_do_nothing_but_are_checked() {
    let mut filters = [word(1, "spam"), regex(2, "spam"), word(3, "spam")];
    filters[0].filter.active = false;
    filters[1].filter.active = false;
    assert_eq!(ids(&FilterSet::compile(&filters).unwrap(), "spam"), [3]);
    filters[1].filter.text = "(".to_owned();
    assert_eq!(FilterSet::compile(&filters).unwrap_err().id, Some(2));
    assert_eq!(ids(&FilterSet::default(), "spam"), [0; 0]);
}

#[test]
fn bad_filters_are_named() {
    let mut worse = word(7, "x");
    worse.filter.severity = 11;
    let mut harmless = word(7, "x");
    harmless.filter.severity = 0;
    let mut moment = word(7, "x");
    moment.filter.consequence = FilterConsequence::Mute { seconds: 0 };
    for bad in [
        worse,
        harmless,
        moment,
        word(7, ""),
        word(7, " * "),
        word(7, "\u{ad}"),
        word(7, "中文"),
        regex(7, ""),
        regex(7, "a*"),
        regex(7, "(?:a|)"),
        regex(7, "[z-a]"),
        regex(7, "(?:\\w{200}){200}"),
        regex(7, r"\p{Greek}"),
        regex(7, "中"),
    ] {
        let error = FilterSet::compile(&[word(1, "fine"), bad.clone()]).unwrap_err();
        assert_eq!(error.id, Some(7), "{bad:?}");
        assert!(error.to_string().starts_with("filter 7: "), "{error}");
    }
}

proptest! {
    #[test]
    fn takes_anything(text: Vec<u8>, word_text in "\\PC{0,20}", pattern in "[a-c().*+?\\[\\]^$|\\\\é]{0,12}") {
        for filter in [word(1, &word_text), regex(2, &pattern)] {
            if let Ok(set) = FilterSet::compile(&[filter]) {
                set.check(&fold(&text), Some(Rating::General));
            }
        }
    }

    /// A keyword is found exactly where it stands as a word of its own.
    #[test]
    fn words_are_found_where_they_stand(text in "[ab .]{0,20}") {
        let set = FilterSet::compile(&[word(1, "ab")]).unwrap();
        let stands = text.split([' ', '.']).any(|word| word == "ab");
        prop_assert_eq!(!set.check(text.as_bytes(), None).is_empty(), stands);
    }
}
