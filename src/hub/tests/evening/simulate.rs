//! Evenings in which things go wrong, as many as asked for. Each step has a seed of its own, so that any
//! part of an evening is an evening, too: whatever fails is cut down to the fewest steps that fail.
//!
//! `scripts/simulate --commands N --seed S` runs at least N commands; what fails is printed with the line
//! that repeats it.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::str::FromStr;

use super::faults::Trace;
use super::peaceful::number;
use super::*;

/// Steps of one evening.
const STEPS: usize = 1500;
/// How many there are who may come: few get into each other's way more often.
const CROWDS: [u32; 3] = [26, 40, 90];
/// How often a failing evening is tried with fewer steps.
const TRIES: usize = 4000;
/// What was printed of evenings that have failed, and what happens in them that nobody had thought of.
const FAILED_ONCE: [(&str, &str); 1] = [(
    "26:ad2753206ca3c23e:8cb93ec1a686f44d,bc0efb9c15dc164c,7dbda1fe9794414d,ffffe0408cb8df46,\
     2eb86f024479cbaa,234e9e830747476b,583b5e82183f77ae",
    "signed in by then",
)];

/// An evening that can be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Script {
    people: u32,
    seed: u64,
    steps: Vec<u64>,
}

impl Script {
    fn new(seed: u64) -> Script {
        let mut dice = Dice(seed);
        let people = CROWDS[dice.below(CROWDS.len())];
        Script { people, seed, steps: (0..STEPS).map(|_| dice.roll()).collect() }
    }

    /// Plays it; how many commands there were, or after how many steps something was wrong and what.
    fn play(&self, trace: Option<Trace>) -> Result<Evening, (usize, String)> {
        let done = Cell::new(0);
        let play = || {
            let mut evening = Evening::new(self.seed, self.people, Faults::all(trace));
            for step in &self.steps {
                done.set(done.get() + 1);
                evening.step(*step);
                evening.check();
            }
            evening.come_to_rest();
            evening.check();
            evening
        };
        catch_unwind(AssertUnwindSafe(play)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            (done.get(), text.to_owned())
        })
    }

    fn with(&self, steps: &[u64]) -> Script {
        Script { steps: steps.to_vec(), ..self.clone() }
    }

    /// The shortest part that fails, what is wrong then, and what was done.
    fn shortest(&self, failed_at: usize) -> (Script, String, Vec<String>) {
        let hook = take_hook();
        // Each try ends in a panic; the last is told below.
        set_hook(Box::new(|_| {}));
        let steps = shrink(self.steps.get(..failed_at).unwrap_or(&self.steps), TRIES, |steps| {
            self.with(steps).play(None).is_err()
        });
        let script = self.with(&steps);
        let trace = Trace::default();
        let failure = script.play(Some(Trace::clone(&trace))).err();
        set_hook(hook);
        let what = failure.map_or_else(|| "it did not fail again".to_owned(), |(_, what)| what);
        (script, what, trace.take())
    }

    /// Plays it, and tells the shortest part that fails if it does.
    fn must_hold(&self) -> Evening {
        match self.play(None) {
            Ok(evening) => evening,
            Err((at, first)) => {
                let (script, what, trace) = self.shortest(at);
                let trace = trace.join("\n  ");
                panic!("{first}\n\nshortest: {what}\n  {trace}\nPALTALKD_REPLAY={script}");
            }
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:x}:", self.people, self.seed)?;
        let steps: Vec<String> = self.steps.iter().map(|step| format!("{step:x}")).collect();
        f.write_str(&steps.join(","))
    }
}

impl FromStr for Script {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Script, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (people, seed, steps) = (next(), next(), next());
        let hex = |text: &str| u64::from_str_radix(text, 16);
        let steps = steps.split(',').filter(|step| !step.is_empty()).map(hex).collect::<Result<_, _>>()?;
        Ok(Script { people: people.parse()?, seed: hex(seed)?, steps })
    }
}

/// The fewest of `items` that still fail, as far as `tries` go: parts are left out, large ones first.
fn shrink<T: Clone>(items: &[T], mut tries: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = items.to_vec();
    let mut part = left.len().div_ceil(2);
    while part > 0 {
        let (mut at, mut shorter) = (0, false);
        while at < left.len() && tries > 0 {
            let without: Vec<T> = left.iter().take(at).chain(left.iter().skip(at + part)).cloned().collect();
            tries -= 1;
            if fails(&without) {
                left = without;
                shorter = true;
            } else {
                at += part;
            }
        }
        // Once more where something has gone: what was needed for it may go now.
        part = if shorter && part == 1 && tries > 0 { 1 } else { part / 2 };
    }
    left
}

#[test]
fn a_failing_list_is_cut_down_to_what_fails() {
    let items: Vec<u32> = (0..1000).collect();
    let needs = |items: &[u32]| [3, 77, 998].iter().all(|needed| items.contains(needed));
    assert_eq!(shrink(&items, 4000, needs), [3, 77, 998]);
    // One that is needed as long as another is there.
    let both = |items: &[u32]| items.contains(&5) && items.contains(&6) == items.contains(&7);
    assert_eq!(shrink(&items, 4000, both), [5]);
    assert_eq!(shrink(&items, 4000, |_| true), [0u32; 0]);
}

#[test]
fn a_script_is_repeated_as_it_was() {
    let script = Script::new(5);
    assert_eq!(script.to_string().parse(), Ok(script.clone()));
    let play = |script: &Script| {
        let trace = Trace::default();
        let part = script.with(&script.steps[..200]);
        part.play(Some(Trace::clone(&trace))).unwrap_or_else(|(at, what)| panic!("step {at}: {what}"));
        trace.take()
    };
    assert!(play(&script) == play(&script), "the same steps do other things");
}

#[test]
fn whatever_goes_wrong_store_and_memory_agree_in_the_end() {
    let mut did: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 1..=6 {
        for (what, times) in Script::new(seed).must_hold().did {
            *did.entry(what).or_default() += times;
        }
    }
    for what in [
        "busy",
        "taken back",
        "mute taken back",
        "ban taken back",
        "letter not kept",
        "vanished",
        "haunted",
        "clock",
        "restart",
        "settings",
        "bounce",
        "strike",
        "muted for a word",
        "banned for a word",
    ] {
        assert!(did.contains_key(what), "{what}: {did:?}");
    }
}

#[test]
fn what_has_failed_once_holds() {
    for (line, what) in FAILED_ONCE {
        let evening = line.parse::<Script>().unwrap().must_hold();
        assert!(evening.did.contains_key(what), "{what}: this is another evening now: {line}");
    }
}

/// At least `PALTALKD_COMMANDS` commands from `PALTALKD_SEED`; or what `PALTALKD_REPLAY` says.
#[test]
#[ignore = "takes as long as it is told to: scripts/simulate"]
fn simulate() {
    if let Ok(script) = std::env::var("PALTALKD_REPLAY") {
        let script: Script = script.parse().expect("a line that was printed");
        let trace = Trace::default();
        let result = script.play(Some(Trace::clone(&trace)));
        trace.take().iter().for_each(|line| println!("{line}"));
        return assert!(result.is_ok(), "{:?}", result.err());
    }
    let (wanted, seed) = (number("PALTALKD_COMMANDS", 1_000_000), number("PALTALKD_SEED", 1));
    let (mut commands, mut evenings, mut told) = (0, 0, 0);
    let mut did: BTreeMap<&str, u64> = BTreeMap::new();
    let mut dice = Dice(seed);
    while commands < wanted {
        let evening = Script::new(dice.roll()).must_hold();
        commands += evening.commands;
        evenings += 1;
        for (what, times) in evening.did {
            *did.entry(what).or_default() += u64::from(times);
        }
        if commands * 10 / wanted > told {
            told = commands * 10 / wanted;
            println!("{commands} commands in {evenings} evenings");
        }
    }
    println!("seed {seed}: {commands} commands in {evenings} evenings hold; {did:?}");
}
