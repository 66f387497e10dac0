//! What the content filters and the detectors cost for each ordinary line of chat: 10 000 users, 200
//! keywords, 50 regular expressions.
//!
//! Run it with `cargo run --release --example guard_cost`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use paltalkd::hub::guard::detect::{Detectors, EntryKind, Whitelist, WhitelistEntry};
use paltalkd::hub::guard::filter::{Action, Consequence, Filter, FilterId, FilterSet, List, Pattern};
use paltalkd::model::{MessageText, Now, Rating, Timestamp, Uid};
use paltalkd::protocol::markup;

const USERS: u32 = 10_000;
const ROUNDS: u64 = 60;
const LINES: [&str; 10] = [
    "hello everybody, how are you tonight?",
    "lol",
    "I have not heard that song for years, who sings it?",
    "brb, the kids want something to eat",
    "no way!! he really said that to her?",
    "my microphone does not work again, can you hear me now",
    "what is the weather like where you are? it rains here all day long and I am tired of it",
    "ok",
    "there is a photo of it at example.com/photos/12 if you want to see",
    "good night all, sweet dreams and see you tomorrow in the usual place",
];

fn filters() -> Vec<Filter> {
    let filter = |id: u32, pattern| Filter {
        id: FilterId(id),
        pattern,
        action: Action::Block,
        severity: 5,
        consequence: Consequence::Delete,
        list: if id.is_multiple_of(2) { List::Content } else { List::Language },
        active: true,
        notes: String::new(),
        hits: 0,
    };
    // Words that begin as ordinary ones do, so that the search has something to follow.
    let starts = ["hel", "tonig", "mic", "son", "dre", "wea", "pho", "usu", "nev", "eat"];
    let words = (0..200).map(|n| filter(n, Pattern::Keyword(format!("{}{n}bad", starts[n as usize % 10]))));
    let patterns = (0..50).map(|n| {
        let text = match n % 5 {
            0 => format!(r"\b{}[o0]+bad{n}\b", starts[n % 10]),
            1 => format!(r"(?:buy|sell)\s+cheap\s+thing{n}"),
            2 => format!(r"v[i1!]agr[a4@]{n}"),
            3 => format!(r"\d{{3}}-\d{{4}}-{n}"),
            _ => format!(r"^free .{{0,20}} money{n}$"),
        };
        filter(1000 + n as u32, Pattern::Regex(text))
    });
    words.chain(patterns).collect()
}

fn report(what: &str, checks: u64, time: Duration) {
    println!("{what:<40} {:>8} ns", time.as_nanos() / u128::from(checks));
}

fn main() {
    let started = Instant::now();
    let set = FilterSet::compile(&filters()).unwrap();
    println!("compiling 250 filters {:>29.1} ms", started.elapsed().as_secs_f64() * 1e3);

    let dressed = LINES
        .map(|line| format!("<pfont color=\"#0\"><pfont-size=\"10\">{line}</pfont></pfont>").into_bytes());
    let plain = LINES.map(|line| line.as_bytes().to_vec());
    let checks = ROUNDS * u64::from(USERS);
    let timed = |what: &str, work: &mut dyn FnMut(u64, u32, usize)| {
        let started = Instant::now();
        for round in 0..ROUNDS {
            for user in 0..USERS {
                work(round, user, (round as usize * 7 + user as usize) % LINES.len());
            }
        }
        report(what, checks, started.elapsed());
    };

    timed("cleaning, with markup", &mut |_, _, line| {
        black_box(MessageText::new(&dressed[line]).unwrap());
    });
    timed("taking the markup off", &mut |_, _, line| {
        black_box(markup::strip(&dressed[line]));
    });
    timed("filters, 200 keywords and 50 patterns", &mut |_, _, line| {
        assert!(set.check(&plain[line], Some(Rating::General)).is_empty());
    });
    let entry = WhitelistEntry { kind: EntryKind::Domain, text: "example.com".to_owned() };
    let mut detectors = Detectors::default();
    detectors.whitelist = Whitelist::compile(&[entry]).unwrap();
    let mut refused = 0u64;
    timed("detectors, check and accept", &mut |round, user, line| {
        // Everybody says something every eight seconds.
        let uptime = Duration::from_millis(round * 8000 + u64::from(user) / 2);
        let now = Now { wall: Timestamp(uptime.as_millis() as u64), uptime };
        match detectors.check(now, Uid(user), &plain[line]) {
            None => detectors.accept(now, Uid(user), &plain[line]),
            Some(_) => refused += 1,
        }
    });
    assert_eq!(refused, 0, "ordinary talk passes");
}
