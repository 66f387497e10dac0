//! Slash commands: what users type after a `/` in a room or to the service user.
//!
//! One table holds every command; `/help` is made from it.

mod rooms;

use crate::model::{MessageText, RoomId, Uid, to_cp1252};
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

#[derive(Clone, Copy)]
struct Call<'a> {
    conn: ConnId,
    place: Place,
    /// The message from the slash on, as typed, with what markup follows.
    text: &'a [u8],
}

impl Call<'_> {
    /// What follows the command's name, without markup.
    fn rest(&self) -> Vec<u8> {
        let line = markup::strip(self.text);
        let mut parts = line.splitn(2, |byte| byte.is_ascii_whitespace());
        parts.nth(1).unwrap_or_default().trim_ascii().to_vec()
    }

    fn answer(&self, text: &str, effects: &mut Effects) {
        answer(self.conn, self.place, text, effects);
    }
}

const COMMANDS: &[Command] = &[
    Command { names: &["help", "?"], usage: "/help", about: "shows this list", anywhere: true, run: help },
    Command {
        names: &["w", "whisper"],
        usage: "/w NICKNAME: message",
        about: "says something to one person in this room",
        anywhere: false,
        run: rooms::whisper,
    },
    Command {
        names: &["i", "ignore"],
        usage: "/i NICKNAME [on|off]",
        about: "hides what somebody says in rooms from you",
        anywhere: false,
        run: rooms::ignore,
    },
    Command {
        names: &["t", "topic"],
        usage: "/t TOPIC",
        about: "sets the topic of the room, for admins",
        anywhere: false,
        run: rooms::topic,
    },
    Command {
        names: &["o", "operator"],
        usage: "/o NICKNAME [on|off]",
        about: "makes somebody an admin for this visit or takes it back, for the owner",
        anywhere: false,
        run: rooms::operator,
    },
    Command {
        names: &["c", "code"],
        usage: "/c NUMBER",
        about: "sets the admin code of the room, 1 to 9999, or removes it with 0, for the owner",
        anywhere: false,
        run: rooms::code,
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

fn answer(conn: ConnId, place: Place, text: &str, effects: &mut Effects) {
    let packet = match place {
        Place::Room(room) => {
            ServerPacket::RoomMessageIn(room, Uid::SYSTEM, to_cp1252(text).as_slice().into())
        }
        Place::Service => ServerPacket::ImIn {
            sender: Uid::SERVICE,
            stamp: None,
            text: markup::wrap_im(&to_cp1252(text)).into(),
        },
    };
    effects.send(conn, packet);
}
