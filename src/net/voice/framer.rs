//! Cuts the stream of a voice connection into packets, however it arrives.

use crate::protocol::rtp::ROOM_PACKET_LEN;

/// The length word in front of a packet.
const PREFIX: usize = 4;
/// A packet of speech as it goes over TCP, length word included.
pub const PACKET_LEN: usize = PREFIX + ROOM_PACKET_LEN;
/// What stands in the length word of speech.
pub const LENGTH_WORD: [u8; PREFIX] = (ROOM_PACKET_LEN as u32).to_be_bytes();
/// Lengths above this end the connection: no client sends them, and nobody waits for their end.
const LONGEST: u32 = 1500;

/// A packet of speech as it goes over TCP, length word included.
pub type Packet = [u8; PACKET_LEN];

/// What came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// A packet as long as speech is.
    Speech(Packet),
    /// The room id once more, as clients send it when they come back.
    RoomAgain,
    /// A packet of another length; it is passed over.
    Other(u32),
}

/// A length that nobody means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong(pub u32);

/// The packet that is on its way in.
#[derive(Debug)]
pub struct Framer {
    partial: Packet,
    have: usize,
    skip: usize,
}

impl Default for Framer {
    /// A framer at the beginning of a packet.
    fn default() -> Framer {
        Framer { partial: [0; PACKET_LEN], have: 0, skip: 0 }
    }
}

impl Framer {
    /// Takes bytes off `input` up to the end of a packet. `None`: `input` is used up.
    ///
    /// # Errors
    ///
    /// [`TooLong`]; what follows cannot be told from speech, so the connection is to be ended.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, TooLong> {
        let passed = self.skip.min(input.len());
        self.skip -= passed;
        *input = input.get(passed..).unwrap_or_default();
        if self.have < PREFIX {
            if !self.fill(PREFIX, input) {
                return Ok(None);
            }
            let length = self.length();
            if length > LONGEST {
                return Err(TooLong(length));
            }
            if length as usize != ROOM_PACKET_LEN {
                self.have = 0;
                self.skip = length as usize;
                return Ok(Some(if length == 4 { Incoming::RoomAgain } else { Incoming::Other(length) }));
            }
        }
        if !self.fill(PACKET_LEN, input) {
            return Ok(None);
        }
        self.have = 0;
        Ok(Some(Incoming::Speech(self.partial)))
    }

    fn length(&self) -> u32 {
        self.partial.first_chunk::<PREFIX>().map_or(0, |word| u32::from_be_bytes(*word))
    }

    /// Brings the packet to `wanted` bytes; whether `input` had enough for that.
    fn fill(&mut self, wanted: usize, input: &mut &[u8]) -> bool {
        let count = wanted.saturating_sub(self.have).min(input.len());
        let (taken, rest) = input.split_at(count);
        if let Some(place) = self.partial.get_mut(self.have..self.have + count) {
            place.copy_from_slice(taken);
        }
        self.have += count;
        *input = rest;
        self.have == wanted
    }
}

/// Speech that came over UDP, as it goes over TCP.
pub fn with_length(speech: &[u8; ROOM_PACKET_LEN]) -> Packet {
    let mut packet = [0; PACKET_LEN];
    if let Some((prefix, rest)) = packet.split_first_chunk_mut::<PREFIX>() {
        *prefix = LENGTH_WORD;
        rest.copy_from_slice(speech);
    }
    packet
}

/// Speech as it goes over UDP.
pub fn speech(packet: &Packet) -> &[u8; ROOM_PACKET_LEN] {
    let [_, _, _, _, speech @ ..] = packet;
    speech
}

#[cfg(test)]
mod tests {
    use super::speech as speech_of;
    use super::*;
    use proptest::prelude::*;

    fn all(chunks: &[&[u8]]) -> Result<Vec<Incoming>, TooLong> {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(incoming) = framer.next(&mut input)? {
                found.push(incoming);
            }
            assert!(input.is_empty());
        }
        Ok(found)
    }

    fn stream(lengths: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, length) in lengths.iter().enumerate() {
            bytes.extend(length.to_be_bytes());
            bytes.extend((0..*length).map(|at| (at + index as u32) as u8));
        }
        bytes
    }

    #[test]
    fn speech_is_found_between_everything_else() {
        let bytes = stream(&[148, 4, 148, 0, 1500, 147, 149, 148]);
        let found = all(&[&bytes]).unwrap();
        let speech = |at: usize| Incoming::Speech(bytes[at..at + 152].try_into().unwrap());
        assert_eq!(
            found,
            [
                speech(0),
                Incoming::RoomAgain,
                speech(160),
                Incoming::Other(0),
                Incoming::Other(1500),
                Incoming::Other(147),
                Incoming::Other(149),
                speech(bytes.len() - 152),
            ]
        );
        let Incoming::Speech(packet) = found[0] else { panic!() };
        assert_eq!(with_length(speech_of(&packet)), packet);
    }

    #[test]
    fn lengths_that_nobody_means_end_it_at_once() {
        for length in [1501u32, 0x8000_0000, u32::MAX] {
            assert_eq!(all(&[&length.to_be_bytes()]), Err(TooLong(length)));
        }
        assert_eq!(all(&[&[0, 0], &[0]]), Ok(Vec::new()));
    }

    proptest! {
        /// However the stream is cut, the same packets come out.
        #[test]
        fn any_segmentation_gives_the_same(
            lengths in proptest::collection::vec(
                prop_oneof![4 => Just(148u32), 1 => Just(4), 1 => 0u32..1501], 0..12),
            cuts in proptest::collection::vec(1usize..400, 1..60),
        ) {
            let bytes = stream(&lengths);
            let whole = all(&[&bytes]).unwrap();
            let mut chunks: Vec<&[u8]> = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(all(&chunks).unwrap(), whole.clone());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(all(&single).unwrap(), whole);
        }

        #[test]
        fn takes_anything(chunks: Vec<Vec<u8>>) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let mut framer = Framer::default();
            'stream: for chunk in chunks {
                let mut input = chunk;
                loop {
                    match framer.next(&mut input) {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'stream,
                    }
                }
            }
        }
    }
}
