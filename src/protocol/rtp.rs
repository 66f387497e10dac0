//! Voice: the opening bytes of a voice connection and the packets of speech (PROTOCOL 12,
//! recordings' notes on voice).

use crate::model::{RoomId, Uid};

/// The length of a packet of speech in a room: RTP header, four GSM frames, the speaker's uid.
pub const ROOM_PACKET_LEN: usize = CALL_PACKET_LEN + 4;
/// The length of a packet of speech in a call: the same without the uid.
pub const CALL_PACKET_LEN: usize = RTP_HEADER_LEN + GSM_FRAMES * GSM_FRAME_LEN;
/// The length of one GSM 06.10 frame, 20 ms of speech.
pub const GSM_FRAME_LEN: usize = 33;

const RTP_HEADER_LEN: usize = 12;
const GSM_FRAMES: usize = 4;
const RTP_VERSION_2: u8 = 0x80;
const PAYLOAD_GSM: u8 = 3;

/// What a client says first on a voice connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The room.
    pub room: RoomId,
    /// Who the client says it is.
    pub uid: Uid,
}

/// Reads the opening: the plain form of 8 bytes, or the form of 12 bytes with negated ids that
/// reconnecting clients send. The number of bytes it occupies comes with it; length-prefixed
/// packets follow. `None` means that more bytes are needed.
pub fn opening(bytes: &[u8]) -> Option<(Opening, usize)> {
    let (room, rest) = long(bytes)?;
    let (uid, rest) = long(rest)?;
    if !is_negative(room) {
        return Some((Opening { room: RoomId(room), uid: Uid(uid) }, 8));
    }
    long(rest)?;
    let uid = if is_negative(uid) { uid.wrapping_neg() } else { uid };
    Some((Opening { room: RoomId(room.wrapping_neg()), uid: Uid(uid) }, 12))
}

/// Why a packet is not speech that could be passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SpeechError {
    /// Not as long as every packet of speech is.
    #[error("wrong length")]
    Length,
    /// Not a plain RTP header with GSM.
    #[error("not RTP with GSM")]
    Header,
    /// A frame that does not begin as GSM frames do.
    #[error("not GSM")]
    Frame,
    /// One of the two places that name the speaker names somebody else.
    #[error("wrong speaker")]
    Speaker,
}

/// Checks a packet of speech in a room, without its length in front: 148 bytes of RTP and GSM in
/// which both the source and the uid at the end are `speaker`.
pub fn check_room_speech(packet: &[u8], speaker: Uid) -> Result<(), SpeechError> {
    let (call, tail) = packet.split_last_chunk::<4>().ok_or(SpeechError::Length)?;
    check_call_speech(call, speaker)?;
    if u32::from_le_bytes(*tail) != speaker.0 {
        return Err(SpeechError::Speaker);
    }
    Ok(())
}

/// Checks a packet of speech in a call: 144 bytes of RTP and GSM from `speaker`.
pub fn check_call_speech(packet: &[u8], speaker: Uid) -> Result<(), SpeechError> {
    if packet.len() != CALL_PACKET_LEN {
        return Err(SpeechError::Length);
    }
    let (header, speech) = packet.split_first_chunk::<RTP_HEADER_LEN>().ok_or(SpeechError::Length)?;
    let [version, marker_and_payload, _, _, _, _, _, _, source @ ..] = *header;
    if version != RTP_VERSION_2 || marker_and_payload & 0x7f != PAYLOAD_GSM {
        return Err(SpeechError::Header);
    }
    if !speech.chunks(GSM_FRAME_LEN).all(|frame| frame.first().is_some_and(|byte| byte >> 4 == 0xd)) {
        return Err(SpeechError::Frame);
    }
    if u32::from_be_bytes(source) != speaker.0 {
        return Err(SpeechError::Speaker);
    }
    Ok(())
}

fn long(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (value, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*value), rest))
}

fn is_negative(value: u32) -> bool {
    value.cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn takes_anything(bytes: Vec<u8>, uid: u32) {
            let _ = opening(&bytes);
            let _ = check_room_speech(&bytes, Uid(uid));
            let _ = check_call_speech(&bytes, Uid(uid));
        }
    }
}
