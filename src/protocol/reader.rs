use std::net::Ipv4Addr;

use super::PacketType;
use crate::model::{RoomId, Uid};

/// Why a payload is not what its packet type says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than the shortest form of the packet has.
    #[error("{packet_type}: payload too short")]
    TooShort {
        /// The type of the packet.
        packet_type: PacketType,
    },
    /// A field that every form of the packet has is missing.
    #[error("{packet_type}: no {field}")]
    Missing {
        /// The type of the packet.
        packet_type: PacketType,
        /// The field.
        field: &'static str,
    },
}

/// Takes big-endian fields off the front of a payload.
pub(super) struct Reader<'a> {
    packet_type: PacketType,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(packet_type: PacketType, bytes: &'a [u8]) -> Reader<'a> {
        Reader { packet_type, bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let (field, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or(ParseError::TooShort { packet_type: self.packet_type })?;
        self.bytes = rest;
        Ok(*field)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ParseError> {
        self.take().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ParseError> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ParseError> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn uid(&mut self) -> Result<Uid, ParseError> {
        self.u32().map(Uid)
    }

    pub(super) fn room(&mut self) -> Result<RoomId, ParseError> {
        self.u32().map(RoomId)
    }

    pub(super) fn switch(&mut self) -> Result<bool, ParseError> {
        self.u16().map(|word| word != 0)
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn missing(&self, field: &'static str) -> ParseError {
        ParseError::Missing { packet_type: self.packet_type, field }
    }
}

/// `bytes` up to the first LF, and what follows it if there is one.
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next())
}

/// Fields that go to the end of a packet being written.
pub(super) trait Writer {
    fn word(&mut self, value: u16) -> &mut Self;
    fn long(&mut self, value: u32) -> &mut Self;
    fn bytes(&mut self, value: &[u8]) -> &mut Self;
    fn number(&mut self, value: u32) -> &mut Self;
    fn address(&mut self, ip: Ipv4Addr) -> &mut Self {
        self.bytes(&ip.octets())
    }
}

impl Writer for Vec<u8> {
    fn word(&mut self, value: u16) -> &mut Vec<u8> {
        self.bytes(&value.to_be_bytes())
    }

    fn long(&mut self, value: u32) -> &mut Vec<u8> {
        self.bytes(&value.to_be_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Vec<u8> {
        self.extend_from_slice(value);
        self
    }

    fn number(&mut self, value: u32) -> &mut Vec<u8> {
        self.bytes(value.to_string().as_bytes())
    }
}
