//! Commands for what packets of later clients do, too.

use crate::model::{Nickname, RoomId};
use crate::protocol::{ServerPacket, markup};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{Effects, Person, Room, State};
use super::Call;

/// A whisper reaches one member of the room (PROTOCOL 11.9).
pub(super) fn whisper(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(room) = call.room() else { return };
    let typed = call.text.iter().position(u8::is_ascii_whitespace).and_then(|end| call.text.get(end + 1..));
    let line = [b"/w ", typed.unwrap_or_default()].concat();
    let Some((name, text)) = markup::parse_whisper(&line) else {
        return call.answer("To whisper, write /w NICKNAME: message", effects);
    };
    if let Some(why) = state.silenced(call.conn, room) {
        return call.answer(why, effects);
    }
    let Some(target) = seen(state, call, room, name) else {
        return call.answer("Nobody of this name is in the room.", effects);
    };
    let asked = Asked { room: Some(room), text: Some(text), ..Asked::new(ActKind::Whisper) };
    if let Err(why) = state.judge(call.now, call.conn, asked, effects) {
        return call.answer(&why, effects);
    }
    state.count_message(call.conn, effects);
    let Some(sender) = state.session(call.conn) else { return };
    // Whoever is blocked gets the same answer and is heard by nobody.
    if let Some(target) = state.session_of(target.uid)
        && target.hears(sender.person.uid)
        && target.conn != call.conn
    {
        let body = markup::wrap_whisper(text).into();
        effects.send(target.conn, ServerPacket::RoomMessageIn(room, sender.person.uid, body));
    }
    call.answer("Whisper sent.", effects);
}

/// Ignores a member, or no longer.
pub(super) fn ignore(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(room) = call.room() else { return };
    let Some((target, on)) = person_and_switch(state, call, room) else {
        return call.answer("Write /i and the name of somebody who is in this room.", effects);
    };
    let text = match (state.ignore(call.conn, room, target.uid, on, effects), on) {
        (true, true) => format!("You ignore {} from now on.", target.nickname),
        (true, false) => format!("You do not ignore {} any more.", target.nickname),
        (false, _) => format!("{} cannot be ignored.", target.nickname),
    };
    call.answer(&text, effects);
}

/// Sets the topic.
pub(super) fn topic(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(asker) = call.asker() else { return };
    state.set_topic(asker, &call.rest(), effects);
}

/// Makes a member an admin, or an admin a member.
pub(super) fn operator(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(asker) = call.asker() else { return };
    let Some((target, on)) = person_and_switch(state, call, asker.room) else {
        return call.answer("Write /o and the name of somebody who is in this room.", effects);
    };
    if state.set_admin(asker, target.uid, on, effects) {
        let text = if on { "is an admin of this room now." } else { "is no admin of this room." };
        call.answer(&format!("{} {text}", target.nickname), effects);
    }
}

/// Sets or removes the code that makes those who know it admins.
pub(super) fn code(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(asker) = call.asker() else { return };
    let typed = String::from_utf8_lossy(&call.rest()).parse::<u16>();
    let Some(code) = typed.ok().filter(|code| *code <= 9999) else {
        return call.answer("Write /c and a number from 1 to 9999, or 0 for none.", effects);
    };
    let new = (code != 0).then_some(code);
    state.set(asker, ("admin code", |room: &mut Room| &mut room.admin_code), new, effects);
    match code {
        0 => call.answer("This room has no admin code any more.", effects),
        _ => call.answer(&format!("The admin code of this room is now {code}."), effects),
    }
}

/// The member with this name, if the one who asks may see him.
fn seen(state: &State, call: Call<'_>, room: RoomId, name: &[u8]) -> Option<Person> {
    let name = Nickname::built_in(name.trim_ascii()).ok()?;
    let found = state.member_by_name(room, name)?;
    let member = state.room(room)?.member(found.conn)?;
    let sees_all = state.room(room)?.member(call.conn).is_some_and(|viewer| viewer.admin);
    (sees_all || !member.invisible || found.conn == call.conn).then_some(found.person)
}

/// A member's name, which may hold blanks, and perhaps `on` or `off` behind it.
pub(super) fn person_and_switch(state: &State, call: Call<'_>, room: RoomId) -> Option<(Person, bool)> {
    let typed = call.rest();
    if let Some(person) = seen(state, call, room, &typed) {
        return Some((person, true));
    }
    let space = typed.iter().rposition(u8::is_ascii_whitespace)?;
    let (name, switch) = typed.split_at_checked(space)?;
    let on = match switch.trim_ascii().to_ascii_lowercase().as_slice() {
        b"on" => true,
        b"off" => false,
        _ => return None,
    };
    Some((seen(state, call, room, name)?, on))
}
