//! What people type about rooms, checked.

use crate::model::{
    RoomName, SlowMode, Speakers, TOPIC_MAX, WELCOME_MAX, from_cp1252, is_lockword, to_cp1252, topic_line,
};

/// What the clients can show of `text`, if that is all of it.
fn shown_by_clients(text: &str) -> Result<Vec<u8>, String> {
    let bytes = to_cp1252(text);
    if from_cp1252(&bytes) != text || bytes.contains(&0) {
        return Err("the clients cannot show every character of this (they know Windows-1252 only)".into());
    }
    Ok(bytes)
}

/// The name of a room.
///
/// # Errors
///
/// Says what a name has to be.
pub fn name(text: &str) -> Result<RoomName, String> {
    let reason = "a room's name has 1 to 50 characters, none of them a control character or È, \
                  and no blank at an end";
    RoomName::new(&shown_by_clients(text)?).ok_or_else(|| reason.to_owned())
}

/// The line at the top of a room's window.
///
/// # Errors
///
/// Says what a topic has to be.
pub fn topic(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown_by_clients(text)?;
    if topic_line(&bytes) == bytes {
        Ok(bytes)
    } else {
        Err(format!("a topic is one line of at most {TOPIC_MAX} characters"))
    }
}

/// What newcomers are told.
///
/// # Errors
///
/// Says what a welcome has to be.
pub fn welcome(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown_by_clients(text)?;
    if bytes.len() <= WELCOME_MAX {
        Ok(bytes)
    } else {
        Err(format!("a welcome has at most {WELCOME_MAX} characters"))
    }
}

/// The word that opens a room.
///
/// # Errors
///
/// Says what such a word has to be.
pub fn lockword(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown_by_clients(text)?;
    if is_lockword(&bytes) { Ok(bytes) } else { Err("a lockword has 1 to 50 characters".to_owned()) }
}

/// How many may speak at once.
///
/// # Errors
///
/// Says what that can be.
pub fn speakers(count: u16) -> Result<Speakers, String> {
    Speakers::new(count).ok_or_else(|| format!("write a number from 1 to {}", Speakers::MAX))
}

/// How many seconds people wait between two messages.
///
/// # Errors
///
/// Says what that can be.
pub fn slowmode(seconds: u16) -> Result<SlowMode, String> {
    SlowMode::new(seconds).ok_or_else(|| format!("write a number of seconds up to {}, or off", SlowMode::MAX))
}
