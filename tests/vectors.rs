//! All test vectors of the specification, `tests/data/vectors.json`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "vectors/client_frames.rs"]
mod client_frames;
#[path = "vectors/encodings.rs"]
mod encodings;
#[path = "vectors/server_frames.rs"]
mod server_frames;
#[path = "vectors/server_packets.rs"]
mod server_packets;
#[path = "vectors/streams.rs"]
mod streams;

use serde_json::Value;

/// The whole file.
fn vectors() -> Value {
    serde_json::from_str(include_str!("data/vectors.json")).unwrap()
}

/// The entries of a list in it.
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn number<T: TryFrom<u64>>(value: &Value, key: &str) -> T {
    let number = value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value}"));
    T::try_from(number).unwrap_or_else(|_| panic!("{key} in {value}"))
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The bytes of a Latin-1 text, as the vectors write them.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}
