use super::super::reader::{Reader, split_line};
use super::super::{Hidden, ParseError, record};
use crate::model::{CategoryId, RoomId, Uid};

/// A room and a user: 8 bytes. The uid may be [`Uid::EVERYBODY`] in red dots and bans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomUser {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub uid: Uid,
}

/// A room and a switch: 6 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomSwitch {
    /// The room.
    pub room: RoomId,
    /// The switch, a word that is not zero.
    pub on: bool,
}

/// A room, a user and a switch: 10 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomUserSwitch {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub uid: Uid,
    /// The switch, a word that is not zero.
    pub on: bool,
}

/// A room and text: 4 bytes and the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomText<'a> {
    /// The room.
    pub room: RoomId,
    /// The text.
    pub text: Hidden<'a>,
}

/// A room, a user and text: 8 bytes and the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomUserText<'a> {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub uid: Uid,
    /// The text.
    pub text: Hidden<'a>,
}

/// A room to be opened: at least 11 bytes (PROTOCOL 11.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomCreate<'a> {
    /// The number of the kind of room.
    pub kind: u16,
    /// The category.
    pub category: CategoryId,
    /// The UDP port on which the client hears.
    pub port: u32,
    /// The rating letter.
    pub rating: u8,
    /// The name.
    pub name: &'a [u8],
    /// The lockword; empty if the room is open.
    pub lockword: Hidden<'a>,
}

/// A room to be entered: 4 to 10 bytes and the lockword (PROTOCOL 11.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomJoin<'a> {
    /// The room.
    pub room: RoomId,
    /// Not to be seen there.
    pub invisible: bool,
    /// The UDP port on which the client hears; 0 if it names none.
    pub port: u32,
    /// The lockword; empty if none was asked for.
    pub lockword: Hidden<'a>,
}

/// An owner's room to be entered as admin: 8 or 12 bytes (PROTOCOL 11.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomJoinAsAdmin {
    /// The owner of the room.
    pub owner: Uid,
    /// The admin code, 0 for none.
    pub code: u32,
    /// The UDP port on which the client hears; 0 if it names none.
    pub port: u32,
}

/// A room to be entered as admin: 8 or 12 bytes, 8 and later (PROTOCOL 11.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomJoinAsAdminById {
    /// The room.
    pub room: RoomId,
    /// The admin code, 0 for none.
    pub code: u32,
    /// The UDP port on which the client hears; 0 if it names none.
    pub port: u32,
}

/// A room to be entered by its name (PROTOCOL 11.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Favorite<'a> {
    /// The room's name.
    pub name: &'a [u8],
    /// Not to be seen there.
    pub invisible: bool,
    /// The UDP port on which the client hears; 0 if it names none.
    pub port: u32,
    /// The lockword; empty if none was asked for.
    pub lockword: Hidden<'a>,
}

/// A private voice room to be opened and users to be invited to it: at least 8 bytes, 7 and later
/// (PROTOCOL 11.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrivateInvite {
    /// The UDP port on which the client hears.
    pub port: u32,
    /// Who is to be invited.
    pub guests: Vec<Uid>,
}

/// The other user of a call or transfer and a port: 4 or 6 bytes (PROTOCOL 13.1, 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerPort {
    /// The other user.
    pub peer: Uid,
    /// The client's port, 2090 from every recorded client; 0 if it names none.
    pub port: u16,
}

/// Answer to a file that is offered, 7 and later: 10 bytes (PROTOCOL 13.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileAnswer {
    /// Who offers it.
    pub sender: Uid,
    /// The number of the transfer.
    pub transfer: u32,
    /// Whether it is taken.
    pub accept: bool,
}

type Result<T> = std::result::Result<T, ParseError>;

pub(super) fn room_user(reader: &mut Reader<'_>) -> Result<RoomUser> {
    Ok(RoomUser { room: reader.room()?, uid: reader.uid()? })
}

pub(super) fn room_switch(reader: &mut Reader<'_>) -> Result<RoomSwitch> {
    Ok(RoomSwitch { room: reader.room()?, on: reader.switch()? })
}

pub(super) fn room_user_switch(reader: &mut Reader<'_>) -> Result<RoomUserSwitch> {
    Ok(RoomUserSwitch { room: reader.room()?, uid: reader.uid()?, on: reader.switch()? })
}

pub(super) fn room_text<'a>(reader: &mut Reader<'a>) -> Result<RoomText<'a>> {
    Ok(RoomText { room: reader.room()?, text: Hidden(reader.rest()) })
}

pub(super) fn room_user_text<'a>(reader: &mut Reader<'a>) -> Result<RoomUserText<'a>> {
    Ok(RoomUserText { room: reader.room()?, uid: reader.uid()?, text: Hidden(reader.rest()) })
}

pub(super) fn bounce_reason<'a>(reader: &mut Reader<'a>) -> Result<RoomUserText<'a>> {
    let RoomUserText { room, uid, text } = room_user_text(reader)?;
    let text = text.0.strip_prefix(b"BR: ").unwrap_or(text.0);
    Ok(RoomUserText { room, uid, text: Hidden(text) })
}

pub(super) fn room_create<'a>(reader: &mut Reader<'a>) -> Result<RoomCreate<'a>> {
    let kind = reader.u16()?;
    reader.u16()?;
    let category = CategoryId(reader.u16()?);
    let port = reader.u32()?;
    let rating = reader.u8()?;
    let (name, lockword) = split_line(reader.rest());
    Ok(RoomCreate { kind, category, port, rating, name, lockword: Hidden(lockword.unwrap_or_default()) })
}

pub(super) fn room_join<'a>(reader: &mut Reader<'a>) -> Result<RoomJoin<'a>> {
    let room = reader.room()?;
    let invisible = reader.switch().unwrap_or_default();
    let port = reader.u32().unwrap_or_default();
    Ok(RoomJoin { room, invisible, port, lockword: Hidden(reader.rest()) })
}

pub(super) fn room_join_as_admin(reader: &mut Reader<'_>) -> Result<RoomJoinAsAdmin> {
    Ok(RoomJoinAsAdmin { owner: reader.uid()?, code: reader.u32()?, port: reader.u32().unwrap_or_default() })
}

pub(super) fn room_join_as_admin_by_id(reader: &mut Reader<'_>) -> Result<RoomJoinAsAdminById> {
    Ok(RoomJoinAsAdminById {
        room: reader.room()?,
        code: reader.u32()?,
        port: reader.u32().unwrap_or_default(),
    })
}

pub(super) fn favorite<'a>(reader: &mut Reader<'a>) -> Result<Favorite<'a>> {
    let form = reader.rest();
    Ok(Favorite {
        name: record::value(form, "name").ok_or_else(|| reader.missing("name"))?,
        invisible: record::value(form, "invis") == Some(b"1"),
        port: record::number(form, "port").unwrap_or_default(),
        lockword: Hidden(record::value(form, "lock").unwrap_or_default()),
    })
}

pub(super) fn private_invite(reader: &mut Reader<'_>) -> Result<PrivateInvite> {
    reader.u16()?;
    let port = reader.u32()?;
    let count = reader.u16()?;
    // Grows with what is there, not with what the count promises.
    let guests = (0..count).map(|_| reader.uid()).collect::<Result<_>>()?;
    Ok(PrivateInvite { port, guests })
}

pub(super) fn peer_port(reader: &mut Reader<'_>) -> Result<PeerPort> {
    Ok(PeerPort { peer: reader.uid()?, port: reader.u16().unwrap_or_default() })
}

pub(super) fn file_answer(reader: &mut Reader<'_>) -> Result<FileAnswer> {
    Ok(FileAnswer { sender: reader.uid()?, transfer: reader.u32()?, accept: reader.switch()? })
}
