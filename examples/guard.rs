//! What the guard costs per accepted message: 10 000 users who chat, each in his turn, with the limits
//! and detectors as they are shipped, 200 keywords and 50 regular expressions. The lines are made
//! before; what is measured is what the hub does for a message, from taking its markup off to counting
//! it; in CPU time of the thread, which others on the machine change little, with the time on the clock
//! beside it.
//!
//!     cargo run --release --example guard
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use paltalkd::config::Spam;
use paltalkd::hub::guard::detect::{self, Whitelist};
use paltalkd::hub::guard::{Act, Detectors, FilterSet, Filters, Guard, Verdict};
use paltalkd::model::{Author, Now, Rating, Roles, RoomId, SlowMode, Timestamp, Uid};
use paltalkd::protocol::markup;
use paltalkd::store::{Filter, FilterKind, FilterList, FilterRecord, LinkAllow, LinkKind};
use rustix::time::{ClockId, clock_gettime};

const USERS: u32 = 10_000;
/// Every user sends a line so often; a fifth of what the limits allow.
const GAP: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 30;
const TURNS: usize = 11;
/// What people say; a number that tells the lines apart is put before each.
const LINES: [&str; 10] = [
    "hello everybody, how are you tonight?",
    "lol, that one again",
    "I have not heard that song for years, who sings it?",
    "brb, the kids want something to eat",
    "no way!! he really said that to her?",
    "my microphone does not work again, can you hear me now",
    "what is the weather like where you are? it rains here all day long and I am tired of it",
    "ok then",
    "there is a photo of it at example.com/photos/12 if you want to see",
    "good night all, sweet dreams and see you tomorrow in the usual place",
];

fn main() {
    // Few enough to stay in the cache, where a message is that has just been received, and more than one user
    // sends.
    let lines: Vec<Vec<u8>> = (0..512)
        .map(|number| {
            let line = LINES[number % LINES.len()];
            format!("<pfont color=\"#0\"><pfont-size=\"10\">{number} {line}</pfont></pfont>").into_bytes()
        })
        .collect();
    let started = Instant::now();
    let records = filters();
    FilterSet::compile(&records).unwrap();
    println!("compiling {} filters: {:.0} ms", records.len(), started.elapsed().as_secs_f64() * 1e3);
    println!("{USERS} users, {ROUNDS} messages each, {TURNS} turns; ns per accepted message");
    println!("{:30} {:>6} {:>6} {:>6} {:>6}", "", "median", "least", "most", "clock");

    let limits = || Guard::new(Spam::default(), (), ());
    report("calls, limits alone", || turn(&mut limits(), &lines, false));
    report("messages, limits alone", || turn(&mut limits(), &lines, true));
    let slow = SlowMode::new(5).expect("5 is a slowmode");
    report("messages, limits and slowmode", || {
        let mut guard = limits();
        guard.set_slowmode(None, slow);
        turn(&mut guard, &lines, true)
    });
    report("messages, limits and detectors", || {
        turn(&mut Guard::new(Spam::default(), detectors(), ()), &lines, true)
    });
    let set = || FilterSet::compile(&records).unwrap();
    report("messages, limits and filters", || {
        turn(&mut Guard::new(Spam::default(), (), set()), &lines, true)
    });
    report("messages, everything", || {
        let mut guard = Guard::new(Spam::default(), detectors(), set());
        guard.set_slowmode(None, slow);
        turn(&mut guard, &lines, true)
    });
}

/// What something costs per message.
struct Cost {
    /// CPU time of the thread, in nanoseconds.
    cpu: f64,
    /// Time on the clock, in nanoseconds.
    clock: f64,
}

fn report(what: &str, measure: impl FnMut() -> Cost) {
    let costs: Vec<Cost> = std::iter::repeat_with(measure).take(TURNS).collect();
    let sorted = |cost: fn(&Cost) -> f64| {
        let mut costs: Vec<f64> = costs.iter().map(cost).collect();
        costs.sort_by(f64::total_cmp);
        costs
    };
    let (cpu, clock) = (sorted(|cost| cost.cpu), sorted(|cost| cost.clock));
    let (median, least, most) = (cpu[TURNS / 2], cpu[0], cpu[TURNS - 1]);
    println!("{what:30} {median:6.0} {least:6.0} {most:6.0} {:6.0}", clock[TURNS / 2]);
}

/// CPU time of this thread so far, in nanoseconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn detectors() -> detect::Detectors {
    let text = "example.com".to_owned();
    let entry = LinkAllow { kind: LinkKind::Domain, text, by: Author::System, at: Timestamp(0) };
    let mut detectors = detect::Detectors::default();
    detectors.whitelist = Whitelist::compile([&entry]).unwrap();
    detectors
}

fn filters() -> Vec<FilterRecord> {
    let filter = |id: u32, kind, text: String| FilterRecord {
        id,
        filter: Filter {
            list: if id.is_multiple_of(2) { FilterList::Content } else { FilterList::Language },
            ..Filter::new(kind, text)
        },
        hits: 0,
    };
    // Words that begin as ordinary ones do, so that the search has something to follow.
    let starts = ["hel", "tonig", "mic", "son", "dre", "wea", "pho", "usu", "nev", "eat"];
    let words =
        (0..200).map(|n| filter(n, FilterKind::Keyword, format!("{}{n}bad", starts[n as usize % 10])));
    let patterns = (0..50).map(|n| {
        let text = match n % 5 {
            0 => format!(r"\b{}[o0]+bad{n}\b", starts[n % 10]),
            1 => format!(r"(?:buy|sell)\s+cheap\s+thing{n}"),
            2 => format!(r"v[i1!]agr[a4@]{n}"),
            3 => format!(r"\d{{3}}-\d{{4}}-{n}"),
            _ => format!(r"^free .{{0,20}} money{n}$"),
        };
        filter(1000 + n as u32, FilterKind::Regex, text)
    });
    words.chain(patterns).collect()
}

/// The cost of all users' messages, all of which must be accepted.
fn turn<D: Detectors, F: Filters>(guard: &mut Guard<D, F>, lines: &[Vec<u8>], text: bool) -> Cost {
    let (begin, began) = (cpu(), Instant::now());
    let step = GAP / USERS;
    for round in 0..ROUNDS {
        for user in 0..USERS {
            let uptime = GAP * round + step * user;
            let millis = u64::try_from(uptime.as_millis()).unwrap();
            let now = Now { wall: Timestamp(1_100_003_600_000 + millis), uptime };
            // Neighbouring users are far apart in memory, as in life.
            let uid = Uid(1_000_002 + user.wrapping_mul(7919) % USERS);
            let plain = text.then(|| markup::strip(&lines[(round * 7 + user) as usize % lines.len()]));
            let act = Act {
                uid,
                roles: Roles::default(),
                room: text.then_some(RoomId(1 + user % 100)),
                spared_slowmode: false,
                text: plain.as_deref(),
                rating: text.then_some(Rating::General),
                no_links: None,
                automatic: false,
            };
            let verdict = guard.judge(now, black_box(&act), None);
            assert!(matches!(verdict, Verdict::Accept { .. }), "{verdict:?}");
        }
    }
    let messages = f64::from(USERS * ROUNDS);
    Cost { cpu: (cpu() - begin) / messages, clock: began.elapsed().as_secs_f64() * 1e9 / messages }
}
