//! What arrives on the control socket, from either side. What can be read is written again and read
//! again, and must be the same.

#[path = "now.rs"]
mod now;

use std::fmt::Debug;

use paltalkd::control::frame::{self, HEADER};
use paltalkd::control::wire::{ClientMessage, REPLY_MAX, REQUEST_MAX, ServerMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;

use now::now;

fn message<T: DeserializeOwned + Serialize + Debug>(body: &[u8], limit: usize) {
    let Ok(message) = frame::decode::<T>(body, limit) else { return };
    let frame = frame::encode(&message, limit).expect("what was read can be written");
    // Numbers have longer forms than the one that is written.
    assert!(frame.len() - HEADER <= body.len());
    let again = frame::decode::<T>(&frame[HEADER..], limit).expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{message:?}"));
}

pub fn run(data: &[u8]) {
    message::<ClientMessage>(data, REQUEST_MAX);
    message::<ServerMessage>(data, REPLY_MAX);
    // As a stream: frames until one is bad.
    let mut stream = data;
    while let Ok(Some(_)) = now(frame::read::<ClientMessage>(&mut stream, REQUEST_MAX)) {}
}
