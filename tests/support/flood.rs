//! People who say as much as they can.
#![allow(unreachable_pub)]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

use super::Client;

const ROOM_MESSAGE_OUT: u16 = 0xfea2;

/// A flood that goes on until this is dropped, also after a failure.
pub struct Flood<'a> {
    done: &'a AtomicBool,
    talkers: &'a [Client],
}

impl<'a> Flood<'a> {
    /// Has all talkers, who are in `room`, say the same there on and on, and read what they are told.
    pub fn begin<'scope>(
        scope: &'scope Scope<'scope, 'a>,
        done: &'a AtomicBool,
        talkers: &'a [Client],
        room: u32,
    ) -> Flood<'a> {
        for talker in talkers {
            let stream = || talker.stream().try_clone().unwrap();
            let (mut reading, mut writing) = (stream(), stream());
            scope.spawn(move || while reading.read(&mut [0; 1 << 16]).is_ok_and(|count| count > 0) {});
            let line = talker.frame(ROOM_MESSAGE_OUT, &[&room.to_be_bytes()[..], b"on and on"].concat());
            let many = line.repeat(200);
            scope.spawn(move || while !done.load(Ordering::Relaxed) && writing.write_all(&many).is_ok() {});
        }
        Flood { done, talkers }
    }
}

impl Drop for Flood<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        for talker in self.talkers {
            _ = talker.stream().shutdown(Shutdown::Both);
        }
    }
}
