use std::net::Ipv4Addr;

use super::super::reader::Writer;
use super::super::record::RecordWriter;
use crate::model::{Nickname, Uid};

/// Somebody and where to reach him: 10 bytes (PROTOCOL 13.1, 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerAddress {
    /// The other user.
    pub peer: Uid,
    /// His address, or the server's.
    pub ip: Ipv4Addr,
    /// The port.
    pub port: u16,
}

/// A file that somebody offers, 5.x (PROTOCOL 13.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileRequest {
    /// Who offers it.
    pub sender: Uid,
    /// His nickname.
    pub nickname: Nickname,
}

/// A call that rings (PROTOCOL 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallRequest {
    /// Who calls.
    pub caller: Uid,
    /// His nickname.
    pub nickname: Nickname,
    /// The address to which the callee sends. Without it 5.0 rings and then does nothing (capture
    /// call-no-ip).
    pub ip: Ipv4Addr,
    /// The caller's port, which 5.0 does not use.
    pub port: u16,
}

impl PeerAddress {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.long(self.peer.0).address(self.ip).word(self.port);
    }
}

impl FileRequest {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        RecordWriter::new(out)
            .number("port", 0)
            .number("uid", self.sender.0)
            .text("nickname", self.nickname.as_bytes());
    }
}

impl CallRequest {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        RecordWriter::new(out)
            .number("ip", self.ip.to_bits())
            .number("port", self.port.into())
            .number("uid", self.caller.0)
            .text("nickname", self.nickname.as_bytes());
    }
}
