//! What arrives on the control socket, from either side. What can be read is written again and read
//! again, and must be the same.

use std::fmt::Debug;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use paltalkd::control::frame::{self, HEADER};
use paltalkd::control::wire::{ClientMessage, REPLY_MAX, REQUEST_MAX, ServerMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Runs what never has to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("bytes in memory do not make anybody wait"),
    }
}

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
