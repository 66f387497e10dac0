use super::super::frame::{HEADER_LEN, MAX_SERVER_PAYLOAD, write_frame};
use super::super::reader::Writer;
use super::super::record::{RecordWriter, SEPARATOR};
use super::super::{Dialect, PacketType};
use crate::model::{CategoryId, Nickname, Rating, RoomId, RoomName, Uid};

/// A pal or a blocked user (PROTOCOL 7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PalRecord {
    /// The uid.
    pub uid: Uid,
    /// The nickname.
    pub nickname: Nickname,
}

/// A user found by a search (PROTOCOL 9.2). `*` in a text means hidden; an empty one is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchRecord {
    /// The uid.
    pub uid: Uid,
    /// The nickname.
    pub nickname: Nickname,
    /// The first name.
    pub first: Vec<u8>,
    /// The last name.
    pub last: Vec<u8>,
    /// The e-mail address.
    pub email: Vec<u8>,
}

/// A category of rooms (PROTOCOL 10.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// The number.
    pub code: CategoryId,
    /// The name.
    pub name: Vec<u8>,
}

/// How many rooms a category holds (PROTOCOL 10.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CategoryCount {
    /// The category.
    pub category: CategoryId,
    /// The number of its rooms.
    pub rooms: u32,
}

/// A room in a list (PROTOCOL 10.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomRecord {
    /// The room.
    pub room: RoomId,
    /// The name.
    pub name: RoomName,
    /// How many people are in it.
    pub users: u32,
    /// Whether it has voice.
    pub voice: bool,
    /// Whether it asks for a lockword.
    pub locked: bool,
    /// Whom it is for.
    pub rating: Rating,
    /// The colour of its name, nine digits rrrgggbbb; all zero is the normal one.
    pub color: [u8; 9],
}

/// A room found by a search of 7 and later (PROTOCOL 9.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundRoom {
    /// The room.
    pub room: RoomId,
    /// The name.
    pub name: RoomName,
    /// Whether it has voice.
    pub voice: bool,
    /// Whether it asks for a lockword.
    pub locked: bool,
    /// Whom it is for.
    pub rating: Rating,
}

/// A user in a room (PROTOCOL 11.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRecord {
    /// The uid.
    pub uid: Uid,
    /// The nickname.
    pub nickname: Nickname,
    /// Whether the user is admin here.
    pub admin: bool,
    /// The colour of the name, nine digits rrrgggbbb.
    pub color: [u8; 9],
    /// Whether the user may speak; 0 shows a muted microphone.
    pub mic: bool,
    /// Whether the user shows video.
    pub video: bool,
    /// Whether the user does not listen, 7 and later.
    pub away: bool,
    /// Whether the user's hand is up.
    pub hand: bool,
    /// Whether the room is the user's own.
    pub host: bool,
}

/// One packet after another of the same type, split between records.
struct ListWriter<'a> {
    out: &'a mut Vec<u8>,
    packet_type: PacketType,
    /// What every packet begins with.
    lead: Vec<u8>,
    payload: Vec<u8>,
    record: Vec<u8>,
    limit: usize,
}

impl<'a> ListWriter<'a> {
    fn new(out: &'a mut Vec<u8>, packet_type: PacketType, lead: Vec<u8>) -> ListWriter<'a> {
        let payload = lead.clone();
        ListWriter { out, packet_type, lead, payload, record: Vec::new(), limit: MAX_SERVER_PAYLOAD }
    }

    /// Keeps room for `tail` at the end of every packet.
    fn reserving(mut self, tail: usize) -> ListWriter<'a> {
        self.limit = MAX_SERVER_PAYLOAD.saturating_sub(tail);
        self
    }

    fn record(&mut self, fill: impl FnOnce(&mut RecordWriter<'_>)) {
        self.ended_record(&[SEPARATOR], fill);
    }

    fn ended_record(&mut self, end: &[u8], fill: impl FnOnce(&mut RecordWriter<'_>)) {
        self.record.clear();
        fill(&mut RecordWriter::new(&mut self.record));
        self.record.extend_from_slice(end);
        if self.payload.len() + self.record.len() > self.limit && self.payload.len() > self.lead.len() {
            self.flush();
        }
        self.payload.append(&mut self.record);
    }

    fn flush(&mut self) {
        write_frame(self.out, self.packet_type, |out| out.extend_from_slice(&self.payload));
        self.payload.clone_from(&self.lead);
    }

    fn finish(mut self, tail: &[u8]) {
        self.payload.extend_from_slice(tail);
        self.flush();
    }
}

pub(super) fn write_pals(packet_type: PacketType, pals: &[PalRecord], out: &mut Vec<u8>) {
    // An empty list was never tried with a real client, and gaim-pt needs a record (PROTOCOL 7.3).
    if pals.is_empty() && packet_type == PacketType::BUDDY_LIST {
        return;
    }
    let mut list = ListWriter::new(out, packet_type, Vec::new());
    for pal in pals {
        list.record(|record| {
            record.number("uid", pal.uid.0).text("nickname", pal.nickname.as_bytes());
        });
    }
    list.finish(b"");
}

pub(super) fn write_found(packet_type: PacketType, users: &[SearchRecord], out: &mut Vec<u8>) {
    let mut list = ListWriter::new(out, packet_type, Vec::new());
    for user in users {
        list.record(|record| {
            record
                .number("uid", user.uid.0)
                .text("nickname", user.nickname.as_bytes())
                .text_unless_empty("first", &user.first)
                .text_unless_empty("last", &user.last)
                .text_unless_empty("email", &user.email);
        });
    }
    list.finish(b"");
}

pub(super) fn write_categories(categories: &[Category], dialect: Dialect, out: &mut Vec<u8>) {
    if dialect == Dialect::V8 {
        let mut list = ListWriter::new(out, PacketType::CATEGORY_LIST_NEW, Vec::new());
        for category in categories {
            list.ended_record(&[b'\n', SEPARATOR, b'\n'], |record| {
                record.number("catg", category.code.0.into()).number("disp", 0).text("name", &category.name);
            });
        }
        return list.finish(b"");
    }
    let mut list = ListWriter::new(out, PacketType::CATEGORY_LIST, Vec::new());
    for category in categories {
        // gaim-pt takes all that follows `value=` as the name; 5.0 takes any order.
        list.record(|record| {
            record.number("list", 2).number("code", category.code.0.into()).text("value", &category.name);
        });
    }
    list.finish(b"");
}

pub(super) fn write_counts(counts: &[CategoryCount], out: &mut Vec<u8>) {
    let mut list = ListWriter::new(out, PacketType::CATEGORY_COUNTS, Vec::new());
    for count in counts {
        list.record(|record| {
            record.number("id", count.category.0.into()).number("#", count.rooms);
        });
    }
    list.finish(b"");
}

/// Categories with a meaning of their own in 8.2 and later, whose rooms come in the old form
/// (PROTOCOL 10.2).
const OLD_FORM_CATEGORIES: [u16; 2] = [30000, 30100];

pub(super) fn write_rooms(category: CategoryId, rooms: &[RoomRecord], dialect: Dialect, out: &mut Vec<u8>) {
    let new_form = dialect == Dialect::V8 && !OLD_FORM_CATEGORIES.contains(&category.0);
    let packet_type = if new_form { PacketType::ROOM_LIST_NEW } else { PacketType::ROOM_LIST };
    let mut lead = Vec::new();
    RecordWriter::new(&mut lead).number("catg", category.0.into());
    lead.extend_from_slice(&[b'\n', SEPARATOR]);
    let mut list = ListWriter::new(out, packet_type, lead);
    for room in rooms {
        list.record(|record| match dialect {
            Dialect::V8 if new_form => write_room_new(room, record),
            Dialect::V50 => write_room_50(room, record),
            _ => write_room(room, record),
        });
    }
    list.finish(b"");
}

// The order of the recordings (capture room-list).
fn write_room_50(room: &RoomRecord, record: &mut RecordWriter<'_>) {
    record
        .number("id", room.room.0)
        .text("nm", room.name.as_bytes())
        .number("#", room.users)
        .flag("v", room.voice)
        .flag("l", room.locked)
        .text("r", &[room.rating.wire()])
        .flag("p", false)
        .text("c", &room.color);
}

fn write_room(room: &RoomRecord, record: &mut RecordWriter<'_>) {
    record
        .number("id", room.room.0)
        .text("r", &[room.rating.wire()])
        .flag("p", false)
        .flag("v", room.voice)
        .flag("l", room.locked)
        .text("c", &room.color)
        .text("nm", room.name.as_bytes())
        .number("#", room.users);
}

fn write_room_new(room: &RoomRecord, record: &mut RecordWriter<'_>) {
    record
        .text("t", b"G")
        .number("id", room.room.0)
        .text("n", room.name.as_bytes())
        .text("r", &[room.rating.wire()])
        .flag("p", false)
        .flag("v", room.voice)
        .flag("l", room.locked)
        .text("c", &room.color)
        .number("lang", 0)
        .number("m", room.users);
}

pub(super) fn write_found_rooms(rooms: &[FoundRoom], out: &mut Vec<u8>) {
    // The count stands in front, so this list cannot be split; it ends where the packet is full.
    write_frame(out, PacketType::ROOM_SEARCH_RESULTS, |out| {
        let end = out.len() + MAX_SERVER_PAYLOAD;
        let mut records = Vec::new();
        let mut count = 0u16;
        for room in rooms {
            let mut record = vec![room.rating.wire(), b'\n'];
            record.bytes(room.name.as_bytes()).push(b'\n');
            record.number(room.room.0).push(b'\n');
            record.number(room.voice.into()).push(b'\n');
            record.number(room.locked.into()).push(SEPARATOR);
            if out.len() + 2 + records.len() + record.len() > end || count == u16::MAX {
                break;
            }
            records.append(&mut record);
            count += 1;
        }
        out.word(count).bytes(&records);
    });
}

/// What ends the list of users for 5.0 (capture room-join); nothing closes this record.
const END_OF_USERS: &[u8] = b"eof=1";

pub(super) fn write_users(room: RoomId, users: &[UserRecord], dialect: Dialect, out: &mut Vec<u8>) {
    let tail: &[u8] = if dialect == Dialect::V50 { END_OF_USERS } else { b"" };
    let mut list = ListWriter::new(out, PacketType::ROOM_USER_LIST, Vec::new()).reserving(tail.len());
    for user in users {
        list.record(|record| user.write(room, dialect, record));
    }
    list.finish(tail);
}

pub(super) fn write_user_joined(room: RoomId, user: &UserRecord, dialect: Dialect, out: &mut Vec<u8>) {
    let mut list = ListWriter::new(out, PacketType::ROOM_USER_JOINED, Vec::new());
    list.record(|record| user.write(room, dialect, record));
    list.finish(b"");
}

impl UserRecord {
    // gaim-pt reads the room from the first record of a packet, which is why it stands in all.
    fn write(&self, room: RoomId, dialect: Dialect, record: &mut RecordWriter<'_>) {
        record.number("group_id", room.0).number("uid", self.uid.0);
        if dialect == Dialect::V50 {
            // The order of the recordings (capture room-join), which have no hand up.
            record
                .text("nickname", self.nickname.as_bytes())
                .flag("admin", self.admin)
                .text("color", &self.color)
                .flag("mic", self.mic)
                .letter("pub", self.video)
                .flag("away", self.away);
            if self.hand {
                record.flag("req", true);
            }
            return;
        }
        record
            .flag("req", self.hand)
            .flag("mic", self.mic)
            .letter("pub", self.video)
            .flag("away", self.away)
            .flag("admin", self.admin)
            .flag("host", self.host)
            .text("nickname", self.nickname.as_bytes())
            .text("color", &self.color);
    }
}

// A record is at most a few values of a few thousand bytes, so each fits into a packet.
const _: () = assert!(HEADER_LEN + 6 * super::super::record::MAX_VALUE < MAX_SERVER_PAYLOAD);
