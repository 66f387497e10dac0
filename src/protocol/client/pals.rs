use super::super::reader::Reader;
use super::super::{Hidden, ParseError, record};
use crate::model::{RoomId, Uid};

/// Instant message: 4 bytes and the text (PROTOCOL 8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImOut<'a> {
    /// Whom it is for.
    pub recipient: Uid,
    /// The text with markup.
    pub text: Hidden<'a>,
}

/// Message by way of a personals page: 16 bytes and the text (PROTOCOL 8.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PersonalsMessage<'a> {
    /// Whom it is for.
    pub recipient: Uid,
    /// Who sends it, as the client says.
    pub sender: Uid,
    /// The text.
    pub text: Hidden<'a>,
}

/// Horn blown at a user or a room: 12 bytes (PROTOCOL 8.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nudge {
    /// The user, or 0.
    pub uid: Uid,
    /// The room, or 0.
    pub room: RoomId,
    /// Which horn.
    pub kind: u32,
}

/// Search for users; fields that are absent or empty are empty here (PROTOCOL 9.1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UserSearch<'a> {
    /// The exact nickname.
    pub exnick: &'a [u8],
    /// The beginning of the nickname.
    pub nickname: &'a [u8],
    /// The exact e-mail address.
    pub email: Hidden<'a>,
    /// The exact first name.
    pub first: Hidden<'a>,
    /// The exact last name.
    pub last: Hidden<'a>,
}

type Result<T> = std::result::Result<T, ParseError>;

pub(super) fn im_out<'a>(reader: &mut Reader<'a>) -> Result<ImOut<'a>> {
    Ok(ImOut { recipient: reader.uid()?, text: Hidden(reader.rest()) })
}

pub(super) fn personals_message<'a>(reader: &mut Reader<'a>) -> Result<PersonalsMessage<'a>> {
    reader.u32()?;
    reader.u32()?;
    Ok(PersonalsMessage { recipient: reader.uid()?, sender: reader.uid()?, text: Hidden(reader.rest()) })
}

pub(super) fn nudge(reader: &mut Reader<'_>) -> Result<Nudge> {
    Ok(Nudge { uid: reader.uid()?, room: reader.room()?, kind: reader.u32()? })
}

pub(super) fn user_search<'a>(reader: &mut Reader<'a>) -> UserSearch<'a> {
    let form = reader.rest();
    let field = |key| record::value(form, key).unwrap_or_default();
    UserSearch {
        exnick: field("exnick"),
        nickname: field("nickname"),
        email: Hidden(field("email")),
        first: Hidden(field("first")),
        last: Hidden(field("last")),
    }
}
