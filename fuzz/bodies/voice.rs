//! A voice connection: its opening, then packets with a length in front. The first byte says in what
//! pieces it arrives, which must make no difference.

use paltalkd::net::voice::framer::{Framer, Incoming};
use paltalkd::protocol::rtp;

/// What is in a stream that comes in pieces of this many bytes; the length that ended it, if one did.
fn packets(stream: &[u8], piece: usize) -> (Vec<Incoming>, Option<u32>) {
    let mut framer = Framer::default();
    let mut found = Vec::new();
    for mut input in stream.chunks(piece.max(1)) {
        loop {
            match framer.next(&mut input) {
                Ok(Some(incoming)) => found.push(incoming),
                Ok(None) => break,
                Err(length) => return (found, Some(length.0)),
            }
        }
        assert!(input.is_empty(), "bytes were left");
    }
    (found, None)
}

pub fn run(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else { return };
    let used = rtp::opening(stream).map_or(0, |(_, used)| used);
    let stream = &stream[used..];
    let whole = packets(stream, stream.len());
    assert_eq!(packets(stream, piece.into()), whole);
    assert_eq!(packets(stream, 1), whole);
    assert!(whole.0.len() <= stream.len() / 4);
}
