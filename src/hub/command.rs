//! Slash commands: what users type after a `/` in a room or to the service user.
//!
//! One table holds every command; `/help` is made from it.

use crate::model::{MessageText, Nickname, RoomId, Uid};
use crate::protocol::{ServerPacket, markup};

use super::{ConnId, Effects, State};

/// Where a command was typed; answers go there.
#[derive(Clone, Copy)]
enum Place {
    Room(RoomId),
    Service,
}

struct Command {
    /// Words that call it, the one shown in the help first.
    names: &'static [&'static str],
    usage: &'static str,
    about: &'static str,
    /// Whether it makes sense to the service user too, or in rooms only.
    anywhere: bool,
    run: fn(&mut State, Call<'_>, &mut Effects),
}

struct Call<'a> {
    conn: ConnId,
    place: Place,
    /// The message from the slash on, as typed, with what markup follows.
    text: &'a [u8],
}

const COMMANDS: &[Command] = &[
    Command { names: &["help", "?"], usage: "/help", about: "shows this list", anywhere: true, run: help },
    Command {
        names: &["w", "whisper"],
        usage: "/w NICKNAME: message",
        about: "says something to one person in this room",
        anywhere: false,
        run: whisper,
    },
];

/// A message to the service user.
pub(super) fn service_message(state: &mut State, conn: ConnId, text: &MessageText, effects: &mut Effects) {
    let plain = markup::plain_start(text.as_bytes());
    if plain.first() == Some(&b'/') {
        return run(state, Call { conn, place: Place::Service, text: plain }, effects);
    }
    answer(conn, Place::Service, "I am the service user. Send me /help to see what I can do.", effects);
}

/// A message in a room that begins with a slash.
pub(super) fn room_command(
    state: &mut State,
    conn: ConnId,
    room: RoomId,
    text: &MessageText,
    effects: &mut Effects,
) {
    let plain = markup::plain_start(text.as_bytes());
    run(state, Call { conn, place: Place::Room(room), text: plain }, effects);
}

fn run(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let line = markup::strip(call.text);
    let word = line.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let name = String::from_utf8_lossy(word.strip_prefix(b"/").unwrap_or(word)).to_ascii_lowercase();
    let found = COMMANDS.iter().find(|command| command.names.contains(&name.as_str()));
    match (found, call.place) {
        (Some(command), place) if command.anywhere || matches!(place, Place::Room(_)) => {
            (command.run)(state, call, effects);
        }
        (Some(command), place) => {
            answer(call.conn, place, &format!("{} works in rooms only.", command.usage), effects);
        }
        (None, place) => {
            answer(call.conn, place, "There is no such command. /help shows those there are.", effects);
        }
    }
}

fn help(_: &mut State, call: Call<'_>, effects: &mut Effects) {
    for command in COMMANDS.iter().filter(|command| command.anywhere || matches!(call.place, Place::Room(_)))
    {
        answer(call.conn, call.place, &format!("{} - {}", command.usage, command.about), effects);
    }
}

/// A whisper reaches one member of the room (PROTOCOL 11.9).
fn whisper(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Place::Room(room) = call.place else { return };
    let Some((name, text)) = markup::parse_whisper(call.text) else {
        return answer(call.conn, call.place, "To whisper, write /w NICKNAME: message", effects);
    };
    let found = Nickname::built_in(name).ok().and_then(|name| state.member_by_name(room, name));
    let (Some(target), Some(sender)) = (found, state.session(call.conn)) else {
        return answer(call.conn, call.place, "Nobody of this name is in the room.", effects);
    };
    // Whoever is blocked gets the same answer and is heard by nobody.
    if !target.blocks_user(sender.person.uid) && target.conn != call.conn {
        let body = markup::wrap_whisper(text).into();
        effects.send(target.conn, ServerPacket::RoomMessageIn(room, sender.person.uid, body));
    }
    answer(call.conn, call.place, "Whisper sent.", effects);
}

fn answer(conn: ConnId, place: Place, text: &str, effects: &mut Effects) {
    let packet = match place {
        Place::Room(room) => ServerPacket::RoomMessageIn(room, Uid::SYSTEM, text.into()),
        Place::Service => ServerPacket::ImIn {
            sender: Uid::SERVICE,
            stamp: None,
            text: markup::wrap_im(text.as_bytes()).into(),
        },
    };
    effects.send(conn, packet);
}
