//! A stream of bytes from a client: taken apart into packets, each parsed as every dialect would.
//! Cutting the stream in two must make no difference.

use paltalkd::protocol::frame::{MAX_CLIENT_PAYLOAD, next_frame};
use paltalkd::protocol::{ClientPacket, Dialect};

/// Takes the packets off `bytes`; how many there were, and whether the stream is still sound.
fn drain(bytes: &mut Vec<u8>) -> (usize, bool) {
    let mut packets = 0;
    loop {
        let used = match next_frame(bytes, MAX_CLIENT_PAYLOAD) {
            Err(_) => return (packets, false),
            Ok(None) => return (packets, true),
            Ok(Some((frame, used))) => {
                for dialect in Dialect::ALL {
                    if let Ok(packet) = ClientPacket::parse(frame.packet_type, dialect, frame.payload) {
                        assert!(!format!("{packet:?}").is_empty());
                    }
                }
                used
            }
        };
        bytes.drain(..used);
        packets += 1;
    }
}

pub fn run(data: &[u8]) {
    let mut whole = data.to_vec();
    let (packets, sound) = drain(&mut whole);

    let (first, second) = data.split_at(data.len() / 2);
    let mut parts = first.to_vec();
    let (mut in_parts, mut sound_in_parts) = drain(&mut parts);
    if sound_in_parts {
        parts.extend_from_slice(second);
        let (more, still_sound) = drain(&mut parts);
        in_parts += more;
        sound_in_parts = still_sound;
        assert_eq!(whole, parts);
    }
    assert_eq!((packets, sound), (in_parts, sound_in_parts));
}
