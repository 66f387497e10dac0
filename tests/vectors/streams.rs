use paltalkd::model::{RoomId, Uid};
use paltalkd::protocol::frame::{FrameError, HEADER_LEN, MAX_CLIENT_PAYLOAD, MAX_SERVER_PAYLOAD, next_frame};
use paltalkd::protocol::rtp::{self, Opening};
use paltalkd::protocol::{ClientPacket, Dialect, PacketType};
use proptest::prelude::*;

use super::{list, number, text, unhex, vectors};

type Packets = Vec<(PacketType, u16, Vec<u8>)>;

/// What a connection does: takes packets off the bytes it has and keeps the rest.
#[derive(Default)]
struct Stream {
    kept: Vec<u8>,
    packets: Packets,
}

impl Stream {
    fn feed(&mut self, bytes: &[u8], max: usize) -> Result<(), FrameError> {
        self.kept.extend_from_slice(bytes);
        while let Some((frame, used)) = next_frame(&self.kept, max)? {
            self.packets.push((frame.packet_type, frame.version, frame.payload.to_vec()));
            self.kept.drain(..used);
        }
        Ok(())
    }
}

fn whole(bytes: &[u8]) -> Stream {
    let mut stream = Stream::default();
    stream.feed(bytes, MAX_SERVER_PAYLOAD).unwrap();
    stream
}

#[test]
fn every_stream_at_every_split_point() {
    let vectors = vectors();
    for entry in list(&vectors["streams"]) {
        let bytes = unhex(text(entry, "hex"));
        let max = if entry["expect"] == "close" { MAX_CLIENT_PAYLOAD } else { MAX_SERVER_PAYLOAD };
        for split in 0..=bytes.len() {
            let mut stream = Stream::default();
            let result = stream.feed(&bytes[..split], max).and_then(|()| stream.feed(&bytes[split..], max));
            if entry["expect"] == "close" {
                assert!(result.is_err(), "{entry}");
                continue;
            }
            result.unwrap();
            let names: Vec<String> =
                stream.packets.iter().map(|(packet_type, ..)| name(*packet_type)).collect();
            let expected: Vec<&str> =
                list(&entry["expect"]).iter().map(|name| name.as_str().unwrap()).collect();
            assert_eq!(names, expected, "{entry}");
        }
    }
}

fn name(packet_type: PacketType) -> String {
    if packet_type.is_known() {
        packet_type.name().split(" / ").next().unwrap().to_owned()
    } else {
        format!("(unknown {:#06x})", packet_type.0)
    }
}

#[test]
fn all_frames_in_one_stream_byte_by_byte() {
    let vectors = vectors();
    let frames: Vec<Vec<u8>> =
        list(&vectors["frames"]).iter().map(|frame| unhex(text(frame, "hex"))).collect();
    let bytes = frames.concat();
    let mut stream = Stream::default();
    for byte in &bytes {
        stream.feed(&[*byte], MAX_SERVER_PAYLOAD).unwrap();
        assert!(stream.kept.len() <= HEADER_LEN + 512);
    }
    assert!(stream.kept.is_empty());
    assert_eq!(stream.packets.len(), frames.len());
    assert_eq!(stream.packets, whole(&bytes).packets);
}

#[test]
fn every_frame_at_every_split_point() {
    let vectors = vectors();
    for entry in list(&vectors["frames"]) {
        let bytes = unhex(text(entry, "hex"));
        for split in 0..bytes.len() {
            let mut stream = Stream::default();
            stream.feed(&bytes[..split], MAX_SERVER_PAYLOAD).unwrap();
            assert!(stream.packets.is_empty(), "{entry}");
            stream.feed(&bytes[split..], MAX_SERVER_PAYLOAD).unwrap();
            assert_eq!(stream.packets.len(), 1, "{entry}");
        }
    }
}

#[test]
fn voice_connections_open_and_speak() {
    let vectors = vectors();
    let voice = |id: &str| {
        let entry = list(&vectors["voice"]).iter().find(|entry| entry["id"] == id).unwrap();
        (unhex(text(entry, "hex")), entry["fields"].clone())
    };
    let expected = Opening { room: RoomId(56476), uid: Uid(1_000_002) };
    for (id, length) in [("voice.join", 8), ("voice.rejoin", 12), ("voice.join.multichannel", 12)] {
        let (bytes, _) = voice(id);
        assert_eq!(rtp::opening(&bytes), Some((expected, length)), "{id}");
        for end in 0..length {
            assert_eq!(rtp::opening(&bytes[..end]), None, "{id}");
        }
        // What follows the long form is a room id with its length in front.
        assert!(bytes[length..].is_empty() || bytes[length..] == [0, 0, 0, 4, 0, 0, 0xdc, 0x9c]);
    }
    let (bytes, fields) = voice("voice.audio");
    let speaker = Uid(number(&fields, "ssrc"));
    assert_eq!(bytes[..4], (rtp::ROOM_PACKET_LEN as u32).to_be_bytes());
    assert_eq!(rtp::check_room_speech(&bytes[4..], speaker), Ok(()));
    assert_eq!(rtp::check_call_speech(&bytes[4..148], speaker), Ok(()));
    assert!(rtp::check_room_speech(&bytes[4..], Uid(7)).is_err());
    for damage in [4, 5, 12, 16, 49, 151] {
        let mut damaged = bytes.clone();
        damaged[damage] ^= 0x60;
        assert!(rtp::check_room_speech(&damaged[4..], speaker).is_err(), "{damage}");
    }
}

proptest! {
    #[test]
    fn splitting_does_not_matter(
        packets in prop::collection::vec((any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..50)), 0..8),
        pieces in prop::collection::vec(1usize..40, 1..20)
    ) {
        let mut bytes = Vec::new();
        for (packet_type, version, payload) in &packets {
            bytes.extend(packet_type.to_be_bytes());
            bytes.extend(version.to_be_bytes());
            bytes.extend((payload.len() as u16).to_be_bytes());
            bytes.extend(payload);
        }
        let mut stream = Stream::default();
        let (mut rest, mut sizes) = (&bytes[..], pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            stream.feed(piece, MAX_CLIENT_PAYLOAD).unwrap();
            rest = after;
        }
        let expected: Packets =
            packets.into_iter().map(|(number, version, payload)| (PacketType(number), version, payload)).collect();
        prop_assert_eq!(stream.packets, expected);
    }

    #[test]
    fn any_bytes_are_taken(bytes: Vec<u8>, max in 0usize..40_000) {
        if let Ok(Some((frame, used))) = next_frame(&bytes, max) {
            prop_assert!(used <= bytes.len() && frame.payload.len() <= max);
        }
    }

    #[test]
    fn any_payload_is_taken(index in 0usize..386, payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let packet_type = paltalkd::protocol::catalogue::CATALOGUE[index].packet_type;
        for dialect in Dialect::ALL {
            if let Ok(packet) = ClientPacket::parse(packet_type, dialect, &payload) {
                prop_assert_ne!(format!("{packet:?}"), "");
            }
        }
    }
}
