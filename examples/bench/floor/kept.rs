//! Frames that are written to a file, and answers that wait for the disk.

use std::collections::HashMap;
use std::io::Write;

use super::{Members, serve, split, word};
use crate::common::frame;
use crate::crowd::kind;

/// What asks for an answer of a length, as two bytes say, of a type, as two bytes say.
pub(crate) const ASK: u16 = 1;
/// What asks for all that was kept for somebody.
pub(crate) const FETCH: u16 = 2;
/// What is kept for somebody, whom its first four bytes name.
const LETTER: u16 = 0xffec;

/// Appends each frame to a file. What is answered or given out waits until all of its turn is on the disk.
pub(super) fn run() -> anyhow::Result<()> {
    let mut file = tempfile::tempfile()?;
    let mut answers: Vec<(usize, Vec<u8>)> = Vec::new();
    let (mut kept, mut written): (HashMap<u32, Vec<u8>>, Vec<u8>) = Default::default();
    let turn = std::cell::RefCell::new((&mut answers, &mut written));
    let take = |_: &mut Members, index: usize, bytes: &[u8]| {
        let (answers, written) = &mut *turn.borrow_mut();
        let used = split(bytes, |sort, payload| match sort {
            ASK => {
                let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
                answers.push((index, frame(number(2), &vec![0; usize::from(number(0))])));
            }
            FETCH => answers.push((index, kept.remove(&word(payload)).unwrap_or_default())),
            LETTER => kept.entry(word(payload)).or_default().extend(frame(kind::IM_IN, payload)),
            _ => {}
        });
        written.extend_from_slice(&bytes[..used]);
        used
    };
    let end = |members: &mut Members| {
        let (answers, written) = &mut *turn.borrow_mut();
        if !written.is_empty() {
            file.write_all(written)?;
            file.sync_data()?;
            written.clear();
        }
        for (index, answer) in answers.drain(..) {
            members.send_later(index, &answer);
        }
        Ok(())
    };
    serve(take, end)
}
