//! What is fuzzed: one function for each parser that takes bytes from outside.
//!
//! Each takes any bytes and panics if something is wrong. `fuzz_targets` holds one small program for each,
//! and `tests/fuzz_corpus.rs` feeds them the corpus, so that every test run repeats what fuzzing found.

pub mod backup;
pub mod cipher;
pub mod commands;
pub mod config;
pub mod control;
pub mod filter;
pub mod frames;
pub mod guard;
pub mod http;
pub mod packets;
pub mod records;
pub mod rtp;
pub mod store;
pub mod text;
pub mod transfer;
pub mod voice;

/// Something that is fuzzed.
pub type Body = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const BODIES: &[(&str, Body)] = &[
    ("backup", backup::run),
    ("cipher", cipher::run),
    ("commands", commands::run),
    ("config", config::run),
    ("control", control::run),
    ("filter", filter::run),
    ("frames", frames::run),
    ("guard", guard::run),
    ("http", http::run),
    ("packets", packets::run),
    ("records", records::run),
    ("rtp", rtp::run),
    ("store", store::run),
    ("text", text::run),
    ("transfer", transfer::run),
    ("voice", voice::run),
];
