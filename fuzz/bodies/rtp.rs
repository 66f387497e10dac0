//! Packets of speech and the opening of a voice connection. Of every input both what it is and what
//! it would be with a good header is checked, since hardly anything has one by chance.

use paltalkd::model::Uid;
use paltalkd::protocol::rtp::{self, CALL_PACKET_LEN, GSM_FRAME_LEN, ROOM_PACKET_LEN};

const SPEAKER: Uid = Uid(1_000_002);

pub fn run(data: &[u8]) {
    if let Some((_, used)) = rtp::opening(data) {
        assert!([8, 12].contains(&used) && used <= data.len());
        // Bytes that follow make no difference.
        assert_eq!(rtp::opening(&data[..used]), rtp::opening(data));
        assert_eq!(rtp::opening(&data[..used - 1]), None);
    }
    if rtp::check_room_speech(data, SPEAKER).is_ok() {
        assert_eq!(data.len(), ROOM_PACKET_LEN);
        assert!(rtp::check_room_speech(data, Uid(SPEAKER.0 + 1)).is_err());
    }
    let _ = rtp::check_call_speech(data, SPEAKER);

    let mut speech = data.to_vec();
    speech.resize(CALL_PACKET_LEN, 0);
    speech[0] = 0x80;
    speech[1] = speech[1] & 0x80 | 3;
    speech[8..12].copy_from_slice(&SPEAKER.0.to_be_bytes());
    for at in (12..CALL_PACKET_LEN).step_by(GSM_FRAME_LEN) {
        speech[at] = 0xd0 | speech[at] & 0x0f;
    }
    assert_eq!(rtp::check_call_speech(&speech, SPEAKER), Ok(()));
    speech.extend_from_slice(&SPEAKER.0.to_le_bytes());
    assert_eq!(rtp::check_room_speech(&speech, SPEAKER), Ok(()));
}
