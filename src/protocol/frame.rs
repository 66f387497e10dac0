//! Packets on the wire: a 6-byte header and a payload (PROTOCOL 1.2).

use super::{PacketType, SERVER_VERSION};

/// The size of a packet header in bytes: type, version and payload length, each a big-endian u16.
pub const HEADER_LEN: usize = 6;

/// The longest payload taken from a client, in bytes (PROTOCOL 1.2); more ends the connection.
pub const MAX_CLIENT_PAYLOAD: usize = 8192;

/// The longest payload sent to a client, in bytes: some clients read the length as a signed word
/// (PROTOCOL 1.2).
pub const MAX_SERVER_PAYLOAD: usize = 32767;

/// One packet as it lies in the bytes of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The packet type.
    pub packet_type: PacketType,
    /// The sender's version word.
    pub version: u16,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// Why a stream of packets cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The header announces more than the reader takes.
    #[error("{packet_type}: payload of {length} bytes is longer than the {max} allowed")]
    TooLong {
        /// The type in the header.
        packet_type: PacketType,
        /// The length in the header.
        length: usize,
        /// The longest payload allowed.
        max: usize,
    },
}

/// Takes the first packet off `bytes`: the packet and how many bytes it occupies. `Ok(None)` means
/// that more bytes are needed. A length above `max_payload` is refused as soon as the header is
/// there, so that nobody can make the reader hold such a packet.
pub fn next_frame(bytes: &[u8], max_payload: usize) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let [type_high, type_low, version_high, version_low, length_high, length_low] = *header;
    let packet_type = PacketType(u16::from_be_bytes([type_high, type_low]));
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if length > max_payload {
        return Err(FrameError::TooLong { packet_type, length, max: max_payload });
    }
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let version = u16::from_be_bytes([version_high, version_low]);
    Ok(Some((Frame { packet_type, version, payload }, HEADER_LEN + length)))
}

/// Appends one packet to `out`, with the server's version word and the payload that `fill` writes.
/// A payload beyond [`MAX_SERVER_PAYLOAD`] is cut there.
pub(super) fn write_frame(out: &mut Vec<u8>, packet_type: PacketType, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&packet_type.0.to_be_bytes());
    out.extend_from_slice(&SERVER_VERSION.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    fill(out);
    out.truncate(start + HEADER_LEN + MAX_SERVER_PAYLOAD);
    let length = (out.len() - start - HEADER_LEN) as u16;
    for (target, byte) in out.iter_mut().skip(start + 4).zip(length.to_be_bytes()) {
        *target = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_packets_off_one_by_one() {
        let bytes = [0xff, 0x60, 0, 0x47, 0, 0, 0xfe, 0xca, 0, 0x47, 0, 2, 7, 8, 9];
        let (first, used) = next_frame(&bytes, MAX_CLIENT_PAYLOAD).unwrap().unwrap();
        assert_eq!((first.packet_type, first.payload, used), (PacketType::PT5_KEEPALIVE, &[][..], 6));
        let (second, used) = next_frame(&bytes[6..], MAX_CLIENT_PAYLOAD).unwrap().unwrap();
        assert_eq!((second.version, second.payload, used), (0x47, &[7, 8][..], 8));
        assert_eq!(next_frame(&bytes[14..], MAX_CLIENT_PAYLOAD), Ok(None));
    }

    #[test]
    fn refuses_a_length_before_its_payload_comes() {
        let header = [0xfe, 0xca, 0, 0x47, 0x20, 0x01];
        assert!(next_frame(&header, MAX_CLIENT_PAYLOAD).is_err());
        assert_eq!(next_frame(&header[..5], MAX_CLIENT_PAYLOAD), Ok(None));
        assert_eq!(next_frame(&header, MAX_SERVER_PAYLOAD), Ok(None));
    }

    #[test]
    fn cuts_what_is_too_long() {
        let mut out = vec![1, 2, 3];
        write_frame(&mut out, PacketType::ANNOUNCEMENT, |out| out.resize(out.len() + 40_000, b'x'));
        assert_eq!(out.len(), 3 + HEADER_LEN + MAX_SERVER_PAYLOAD);
        assert_eq!(out[3..9], [0, 0x27, 0, 29, 0x7f, 0xff]);
    }
}
