//! An evening's half hour: 1 000 people who chat, 50 who spam, in five ways: against the limits alone,
//! and with detectors and filters as they are shipped.
//!
//! People: turns at log-normal intervals (median 25 s, sigma 1.0). One turn in four has a second line,
//! typed after a log-normal pause of median 2.5 s and sigma 0.45: two or three words at 40 words a
//! minute. One line in five is one of thirty short reactions; the others are three to twelve words. Of
//! both the most common are far ahead (Zipf).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::dice::Dice;
use crate::model::Author;
use crate::store::{Filter, FilterKind, FilterRecord, Mute, MuteKind};

const LENGTH: u64 = 30 * 60 * 1000;
const PEOPLE: usize = 1000;
const SPAMMERS: usize = 50;

/// Chance as people have it.
struct Random(Dice);

impl Random {
    /// At least 0, below 1.
    fn unit(&mut self) -> f64 {
        (self.0.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Log-normal milliseconds (Box and Muller).
    fn pause(&mut self, median: f64, sigma: f64) -> u64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        (median * 1000.0 * (sigma * normal).exp()) as u64
    }
}

/// Things of which the k-th is 1/k as common as the first (Zipf).
struct Ranked {
    things: &'static [&'static str],
    /// How common each is together with all before it.
    sums: Vec<f64>,
}

impl Ranked {
    fn new(things: &'static [&'static str]) -> Ranked {
        let add = |sum: &mut f64, rank: usize| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        };
        Ranked { things, sums: (1..=things.len()).scan(0.0, add).collect() }
    }

    fn pick(&self, random: &mut Random) -> &'static str {
        let chosen = random.unit() * self.sums[self.sums.len() - 1];
        self.things[self.sums.partition_point(|sum| *sum <= chosen)]
    }
}

/// All that people say.
struct Talk {
    reactions: Ranked,
    words: Ranked,
}

/// What people say to what others said, the most common first.
const REACTIONS: [&str; 30] = [
    "lol",
    "yes",
    "hi",
    "haha",
    "ok",
    "no",
    ":)",
    "brb",
    "thanks",
    "wb",
    "hey",
    "me too",
    "nice",
    "really?",
    "what?",
    "lmao",
    "sure",
    "wow",
    "cool",
    "bye",
    "why?",
    "exactly",
    "ty",
    "good one",
    "I know",
    "same here",
    "no way!",
    "hmm",
    "right",
    "oh well",
];

/// What people talk with, the most common first.
const WORDS: [&str; 100] = [
    "the",
    "I",
    "you",
    "a",
    "to",
    "it",
    "and",
    "is",
    "that",
    "in",
    "my",
    "was",
    "of",
    "for",
    "not",
    "have",
    "on",
    "so",
    "me",
    "but",
    "he",
    "she",
    "we",
    "they",
    "what",
    "just",
    "like",
    "with",
    "this",
    "know",
    "about",
    "good",
    "now",
    "here",
    "there",
    "never",
    "always",
    "really",
    "think",
    "song",
    "music",
    "night",
    "today",
    "tomorrow",
    "work",
    "kids",
    "dog",
    "coffee",
    "radio",
    "rain",
    "snow",
    "weather",
    "people",
    "room",
    "mic",
    "voice",
    "hear",
    "heard",
    "again",
    "maybe",
    "late",
    "early",
    "sleep",
    "tired",
    "home",
    "house",
    "city",
    "summer",
    "winter",
    "movie",
    "game",
    "team",
    "won",
    "lost",
    "dinner",
    "pizza",
    "cook",
    "sister",
    "brother",
    "mother",
    "friend",
    "school",
    "phone",
    "computer",
    "broken",
    "new",
    "old",
    "funny",
    "crazy",
    "beautiful",
    "guitar",
    "sings",
    "plays",
    "birthday",
    "party",
    "weekend",
    "holiday",
    "travel",
    "doctor",
    "tonight",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Habit {
    /// Chats.
    Person,
    /// Four new lines a second, whatever happens.
    Flooder,
    /// The same line every three seconds, in changing case and spacing.
    Repeater,
    /// A new line every second: too slow for the cooldown, too fast for the window.
    Metronome,
    /// Pastes twenty lines, reads how long he is muted, waits exactly that long, and pastes again.
    Patient,
    /// Sends three advertisements in turn to one person after the other, every 2.5 seconds; one of them
    /// has words that a filter knows.
    Rotator,
}

const SPAM: [Habit; 5] = [Habit::Flooder, Habit::Repeater, Habit::Metronome, Habit::Patient, Habit::Rotator];

#[derive(Default)]
struct Tally {
    sent: u32,
    refused: u32,
    /// Of those, by a filter.
    filtered: u32,
    violations: u32,
}

struct Sender {
    habit: Habit,
    sent: u64,
    /// Whether the next line of a person belongs to a burst.
    burst: bool,
}

impl Sender {
    fn text(&self, talk: &Talk, random: &mut Random) -> String {
        let number = self.sent;
        match self.habit {
            Habit::Person if random.unit() < 0.2 => talk.reactions.pick(random).to_owned(),
            Habit::Person => {
                let length = 3 + random.0.roll() % 10;
                (0..length).map(|_| talk.words.pick(random)).collect::<Vec<_>>().join(" ")
            }
            Habit::Repeater if number.is_multiple_of(2) => "Visit  my ROOM now".to_owned(),
            Habit::Repeater => "visit my room NOW ".to_owned(),
            Habit::Rotator if number % 3 == 2 => "CHEAP  Watches, today only".to_owned(),
            Habit::Rotator => format!("advertisement {}", number % 3),
            Habit::Flooder | Habit::Metronome | Habit::Patient => format!("spam {number}"),
        }
    }

    /// How long he waits with his next line.
    fn pause(&mut self, random: &mut Random, muted: Duration) -> u64 {
        match self.habit {
            Habit::Person => {
                self.burst = !self.burst && random.unit() < 0.25;
                if self.burst { random.pause(2.5, 0.45) } else { random.pause(25.0, 1.0) }
            }
            Habit::Flooder => 250,
            Habit::Repeater => 3000,
            Habit::Metronome => 1000,
            Habit::Patient if self.sent.is_multiple_of(20) => {
                u64::try_from(muted.as_millis()).unwrap().max(1)
            }
            Habit::Patient => 300,
            Habit::Rotator => 2500,
        }
    }
}

/// Mutes as the hub keeps them for offences.
type Mutes = std::collections::HashMap<Uid, Mute>;

/// Evenings that differ in everything that is left to chance.
const SEEDS: [u64; 3] = [4, 1000, 77_777];

#[test]
fn the_limits_alone_stop_spam_and_not_people() {
    for seed in SEEDS {
        assert_eq!(half_an_hour("limits alone", seed, guard()), 0);
    }
}

#[test]
fn with_detectors_and_filters_spam_is_stopped_and_people_are_not() {
    let word = |id, text: &str| FilterRecord { id, filter: Filter::new(FilterKind::Keyword, text), hits: 0 };
    for seed in SEEDS {
        let filters = FilterSet::compile(&[word(1, "viagra"), word(2, "cheap watches")]).unwrap();
        let guard = Guard::new(Spam::default(), detect::Detectors::default(), filters);
        assert!(half_an_hour("everything", seed, guard) > 0, "the filters have met nothing");
    }
}

/// Returns how many lines of spam a filter has refused.
fn half_an_hour<D: Detectors, F: Filters>(test: &str, seed: u64, mut guard: Guard<D, F>) -> u32 {
    let mut mutes = Mutes::new();
    let mut random = Random(Dice(seed));
    let talk = Talk { reactions: Ranked::new(&REACTIONS), words: Ranked::new(&WORDS) };
    let habit = |number: usize| match number.checked_sub(PEOPLE) {
        Some(number) => SPAM[number % SPAM.len()],
        None => Habit::Person,
    };
    let mut senders: Vec<Sender> =
        (0..PEOPLE + SPAMMERS).map(|number| Sender { habit: habit(number), sent: 0, burst: false }).collect();
    let mut turns: BinaryHeap<Reverse<(u64, usize)>> =
        (0..senders.len()).map(|number| Reverse((random.0.roll() % 25_000, number))).collect();
    let mut tallies: Vec<Tally> = senders.iter().map(|_| Tally::default()).collect();
    while let Some(Reverse((millis, number))) = turns.pop() {
        if millis >= LENGTH {
            break;
        }
        let sender = &mut senders[number];
        let uid = Uid(1_000_002 + u32::try_from(number).unwrap());
        let text = sender.text(&talk, &mut random);
        sender.sent += 1;
        let refused = refusal(guard.judge(at(millis), &act(uid, text.as_bytes()), mutes.get(&uid)));
        let tally = &mut tallies[number];
        tally.sent += 1;
        tally.refused += u32::from(refused.is_some());
        tally.filtered += u32::from(obstacle(&refused) == Some(Obstacle::Filter));
        tally.violations += u32::from(refused.as_ref().is_some_and(|refusal| refusal.mute.is_some()));
        if let Some(Refusal { aftermath: Aftermath::Offence { .. }, mute: Some(time), .. }) = &refused {
            let (kind, until) = (MuteKind::Text, Some(at(millis).wall.after(*time)));
            let (reason, by, at) = (String::new(), Author::System, at(millis).wall);
            mutes.insert(uid, Mute { kind, until, reason, by, at });
        }
        let until = mutes.get(&uid).and_then(|mute| mute.until).unwrap_or_default();
        let offended = Duration::from_millis(until.0.saturating_sub(at(millis).wall.0));
        let muted = guard.muted(at(millis), uid).unwrap_or_default().max(offended);
        turns.push(Reverse((millis + sender.pause(&mut random, muted), number)));
    }
    let share = |what: &str, habits: &[Habit]| {
        let mut sum = Tally::default();
        for (sender, tally) in senders.iter().zip(&tallies).filter(|(s, _)| habits.contains(&s.habit)) {
            assert!(tally.sent > 0, "{:?} said nothing", sender.habit);
            sum.sent += tally.sent;
            sum.refused += tally.refused;
            sum.filtered += tally.filtered;
            sum.violations += tally.violations;
        }
        let share = f64::from(sum.refused) / f64::from(sum.sent);
        let Tally { sent, refused, filtered, violations } = sum;
        let percent = share * 100.0;
        eprintln!(
            "{test:12} seed {seed:5} {what:10} sent {sent:6}  refused {refused:6}  {percent:6.2} %  \
             by filters {filtered:4}  mutes {violations}"
        );
        (share, filtered)
    };
    let (people, misunderstood) = share("people", &[Habit::Person]);
    for habit in SPAM {
        share(&format!("{habit:?}"), &[habit]);
    }
    let (spam, filtered) = share("all spam", &SPAM);
    // 1 % and 99 %, with something to spare: no seed is to decide.
    assert!(people < 0.008, "{people}");
    assert!(spam >= 0.993, "{spam}");
    assert_eq!(misunderstood, 0, "a filter has met what nobody said");
    filtered
}
