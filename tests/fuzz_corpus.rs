//! Everything that is fuzzed, without a fuzzer: what fuzzing has found is fed to the same functions, and
//! then mutants of it.
//!
//! `PALTALKD_SEED=n` makes other mutants, `PALTALKD_FUZZ_ROUNDS=n` more of them.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;
#[path = "support/dice.rs"]
mod dice;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use bodies::{BODIES, Body};
use dice::Dice;

/// Mutants of each corpus, by default: all of them together take about two seconds.
const ROUNDS: u64 = 500;
/// The most bytes of a mutant.
const LONGEST: usize = 4096;
/// The most bytes that the corpus of one body may have.
const CORPUS_MAX: u64 = 200 << 10;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The corpus of a body, in the order of names.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = directory().join("corpus").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

fn body(name: &str) -> Body {
    BODIES.iter().find(|(known, _)| *known == name).expect("a body of this name").1
}

/// Runs a body and says what it was given if it panics.
fn run(name: &str, body: Body, input: &[u8], from: &str) {
    if catch_unwind(|| body(input)).is_err() {
        let hex = input.iter().fold(String::new(), |mut hex, byte| {
            _ = write!(hex, "{byte:02x}");
            hex
        });
        panic!("{name} fails on {from}: {hex}");
    }
}

/// `input` with some things wrong with it; `other` is another input of the corpus.
fn mutant(dice: &mut Dice, input: &[u8], other: &[u8]) -> Vec<u8> {
    /// Bytes that mean something to one parser or another.
    const TELLING: &[u8] = b"\0\x01\x7f\x80\xff\n\r=<>\"'()[]{}!:;/\\.*+?,#-0129aZ \xc8\xe4";
    let mut bytes = input.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(16)).min(bytes.len()).max(at);
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, TELLING[dice.below(TELLING.len())]),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, input[at.min(input.len())..].iter().take(32).copied())),
            4 => {
                let from = dice.below(other.len() + 1);
                let part = other[from..].iter().take(dice.below(64)).copied().collect::<Vec<_>>();
                drop(bytes.splice(at..end, part));
            }
            5 => bytes.extend_from_slice(&dice.roll().to_be_bytes()[..dice.below(8)]),
            kind => {
                if let Some(byte) = bytes.get_mut(at) {
                    match kind {
                        6 => *byte = TELLING[dice.below(TELLING.len())],
                        7 => *byte ^= 1 << dice.below(8),
                        _ => *byte = byte.wrapping_add([1, 0xff][dice.below(2)]),
                    }
                }
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Everything that was found, and then mutants of it.
fn replay(name: &str) {
    let (body, corpus) = (body(name), corpus(name));
    assert!(!corpus.is_empty(), "{name} has no corpus");
    let size: usize = corpus.iter().map(|(_, input)| input.len()).sum();
    assert!(
        size as u64 <= CORPUS_MAX,
        "the corpus of {name} has {size} bytes; scripts/fuzz --minimise makes it small"
    );
    run(name, body, b"", "nothing");
    for (file, input) in &corpus {
        run(name, body, input, &file.display().to_string());
    }
    let seed = number("PALTALKD_SEED", 1);
    let mut dice = Dice(seed);
    for _ in 0..number("PALTALKD_FUZZ_ROUNDS", ROUNDS) {
        let (input, other) = (&corpus[dice.below(corpus.len())].1, &corpus[dice.below(corpus.len())].1);
        let mutant = mutant(&mut dice, input, other);
        run(name, body, &mutant, &format!("a mutant (PALTALKD_SEED={seed})"));
    }
}

macro_rules! bodies {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })+

        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

bodies!(
    backup cipher commands config control filter frames guard http packets records rtp store text transfer voice
);

#[test]
fn every_body_is_tested_here_and_has_a_fuzz_target_and_every_corpus_a_body() {
    let names: BTreeSet<&str> = BODIES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, TESTED.iter().copied().collect());
    let files = |part: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(directory().join(part)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    assert_eq!(files("fuzz_targets"), names);
    assert_eq!(files("corpus"), names);
    let manifest = fs::read_to_string(directory().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name} is not in fuzz/Cargo.toml");
    }
}
