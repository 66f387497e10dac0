use std::net::Ipv4Addr;

use super::super::Dialect;
use super::super::frame::MAX_SERVER_PAYLOAD;
use super::super::reader::Writer;
use super::super::record::{RecordWriter, SEPARATOR};
use crate::model::{CategoryId, Nickname, Rating, RoomId, RoomKind, RoomName, Uid};

/// What a user learns on entering a room (PROTOCOL 11.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomJoined {
    /// The room.
    pub room: RoomId,
    /// Its kind.
    pub kind: RoomKind,
    /// Whether the user is admin here.
    pub admin: bool,
    /// Whether the room asks for a lockword.
    pub locked: bool,
    /// Whether the user is invisible here.
    pub invisible: bool,
    /// The category.
    pub category: CategoryId,
    /// Whom it is for.
    pub rating: Rating,
    /// The name.
    pub name: RoomName,
    /// How many people it holds; for 5.1 and later.
    pub size: u32,
    /// The owner; for 5.1 and later.
    pub owner: Nickname,
}

/// An invitation to a room (PROTOCOL 11.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomInvite {
    /// Who invites.
    pub uid: Uid,
    /// Who invites.
    pub nickname: Nickname,
    /// The room.
    pub room: RoomId,
    /// Its name.
    pub name: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// Whether it asks for a lockword. 5.0 asks its user as soon as the key is there, whatever its
    /// value (capture room-invite), so an open room goes without.
    pub locked: bool,
}

/// Where a room's voice is: 16 bytes (PROTOCOL 12.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceServer {
    /// The room.
    pub room: RoomId,
    /// The server's address as the client can reach it.
    pub ip: Ipv4Addr,
    /// The port for voice over UDP.
    pub udp_port: u16,
    /// The port for voice over TCP.
    pub tcp_port: u16,
}

/// A user in the lists of the admin console. 5.0 crashes on an entry without a nickname (capture
/// room-admin-menu), so there is always one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdminEntry {
    /// The uid.
    pub uid: Uid,
    /// The nickname.
    pub nickname: Nickname,
}

/// What the admin console shows (PROTOCOL 11.16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomAdminInfo {
    /// The room.
    pub room: RoomId,
    /// Whether newcomers may speak.
    pub mike: bool,
    /// Whether a red dot takes away text.
    pub text: bool,
    /// Whether a red dot takes away video.
    pub video: bool,
    /// Who is bounced.
    pub bounced: Vec<AdminEntry>,
    /// Who is banned.
    pub banned: Vec<AdminEntry>,
}

/// Offset 16 of `RoomJoined`: no join timer (PROTOCOL 11.5).
const NO_JOIN_TIMER: u16 = 2;

impl RoomJoined {
    pub(super) fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        // The word was 0 in every form that 5.0 was seen to take, locked rooms included (captures
        // room-join-locked, room-create).
        let locked = self.locked && dialect != Dialect::V50;
        out.long(self.room.0)
            .word(self.kind.wire())
            .word(self.admin.into())
            .word(locked.into())
            .word(self.invisible.into())
            .word(self.category.0)
            .word(0)
            .word(NO_JOIN_TIMER)
            .long(0)
            .bytes(&[self.rating.wire()])
            .bytes(self.name.as_bytes());
        // 5.0 takes an LF as part of the name, gaim-pt crashes without one.
        if dialect == Dialect::V50 {
            return;
        }
        out.bytes(b"\nfield2\nfield3\nY\nsize=")
            .number(self.size)
            .bytes(b"\npremium=0\ncodec=gsmproj.dll\nqual=1\nchannels=1\nowner=")
            .bytes(self.owner.as_bytes())
            .bytes(b"\n");
    }
}

impl RoomInvite {
    pub(super) fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let kind = u32::from(self.kind.wire());
        let mut record = RecordWriter::new(out);
        // 5.x wants a first and a last name that are not empty. The order for 5.0 is that of the
        // recordings.
        if dialect == Dialect::V50 {
            record
                .number("group_id", self.room.0)
                .text("group_name", self.name.as_bytes())
                .text("first", b" ")
                .text("last", b" ")
                .text("nickname", self.nickname.as_bytes())
                .number("uid", self.uid.0)
                .number("type", kind);
        } else {
            record
                .number("uid", self.uid.0)
                .text("nickname", self.nickname.as_bytes())
                .text("first", b" ")
                .text("last", b" ")
                .number("group_id", self.room.0)
                .text("group_name", self.name.as_bytes())
                .number("type", kind);
        }
        if self.locked {
            record.flag("lock", true);
        }
        // Recorded with an LF at the end for 5.0; gaim-pt would crash on it.
        if dialect == Dialect::V50 {
            out.push(b'\n');
        }
    }
}

impl VoiceServer {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // 5.0 reads the UDP port as a long of which it keeps the low word; later clients read a 1
        // and the port. All recordings and the original servers have the 1.
        out.long(self.room.0).address(self.ip).word(1).word(self.udp_port).long(u32::from(self.tcp_port));
    }
}

impl RoomAdminInfo {
    pub(super) fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let end = out.len() + MAX_SERVER_PAYLOAD;
        RecordWriter::new(out)
            .number("group", self.room.0)
            .flag("mike", self.mike)
            .flag("text", self.text)
            .flag("video", self.video);
        // There is one packet for both lists, so each gets at most half of what it holds.
        let half = end.saturating_sub(out.len()) / 2;
        let middle = out.len() + half;
        out.bytes(b"\nbounce=");
        write_entries(&self.bounced, middle, out);
        out.push(SEPARATOR);
        out.bytes(b"ban=");
        if dialect == Dialect::V50 {
            write_entries(&self.banned, end - 1, out);
            out.push(SEPARATOR);
        } else if !self.banned.is_empty() {
            write_entries(&self.banned, end, out);
            // gaim-pt splits this list at LF and crashes on an empty entry.
            out.pop();
        }
    }
}

// Every entry ends with LF; an empty list is one LF (capture room-admin-info-empty).
fn write_entries(entries: &[AdminEntry], end: usize, out: &mut Vec<u8>) {
    const LONGEST: usize = "4294967295,".len() + Nickname::MAX + "\n".len();
    if entries.is_empty() {
        out.push(b'\n');
    }
    for entry in entries {
        if out.len() + LONGEST > end {
            return;
        }
        out.number(entry.uid.0).bytes(b",").bytes(entry.nickname.as_bytes()).push(b'\n');
    }
}
