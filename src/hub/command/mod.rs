//! Slash commands: what users type after a `/` in a room or to the service user.
//!
//! One table holds every command, with what one must be allowed in a room to use it; `/help` is made
//! from it.
//!
//! Admin codes are numbers of four digits that anybody could try out one by one. So wrong ones are
//! counted by account, not by room or connection: who has typed five of them has to wait ten minutes
//! (`rooms::enter`).

mod rooms;
mod settings;

use crate::model::{MessageText, Now, RoomId, to_cp1252};
use crate::protocol::{PacketType, markup};

use super::directory::service_im;
use super::rooms::{Power, notice};
use super::{ConnId, Effect, Effects, State};

/// What refusals of commands in rooms refer to: the packet that carried them.
const REQUEST: PacketType = PacketType::ROOM_MESSAGE_OUT;

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
    /// What one must be allowed in the room to use it; nothing if `None`.
    power: Option<Power>,
    run: fn(&mut State, Call<'_>, &mut Effects),
}

#[derive(Clone, Copy)]
struct Call<'a> {
    now: Now,
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

    /// The room in which it was typed.
    fn room(&self) -> Option<RoomId> {
        match self.place {
            Place::Room(room) => Some(room),
            Place::Service => None,
        }
    }

    /// Says what holds now: to the whole room if that has just changed, else to him who asked.
    fn tell(&self, changed: bool, text: &str, effects: &mut Effects) {
        match self.place {
            Place::Room(room) if changed => {
                let packet = notice(room, &to_cp1252(text));
                effects.push(Effect::ToRoom { room, except: None, packet });
            }
            _ => self.answer(text, effects),
        }
    }

    fn answer(&self, text: &str, effects: &mut Effects) {
        answer(self.conn, self.place, text, effects);
    }
}

const COMMANDS: &[Command] = &[
    Command {
        names: &["help", "?"],
        usage: "/help",
        about: "shows what you can use here",
        anywhere: true,
        power: None,
        run: help,
    },
    Command {
        names: &["w", "whisper"],
        usage: "/w NICKNAME: message",
        about: "says something to one person in this room",
        anywhere: false,
        power: None,
        run: rooms::whisper,
    },
    Command {
        names: &["i", "ignore"],
        usage: "/i NICKNAME [on|off]",
        about: "hides what somebody says in rooms from you",
        anywhere: false,
        power: None,
        run: rooms::ignore,
    },
    Command {
        names: &["t", "topic"],
        usage: "/t TOPIC",
        about: "sets the topic of the room",
        anywhere: false,
        power: Some(Power::Topic),
        run: rooms::topic,
    },
    Command {
        names: &["slowmode"],
        usage: "/slowmode SECONDS|off",
        about: "sets how long people wait between two messages, up to an hour",
        anywhere: false,
        power: Some(Power::Messages),
        run: settings::slow_mode,
    },
    Command {
        names: &["link"],
        usage: "/link NICKNAME [on|off]",
        about: "gives somebody the right to post links here, or takes it back",
        anywhere: false,
        power: Some(Power::Messages),
        run: settings::link,
    },
    Command {
        names: &["o", "operator"],
        usage: "/o NICKNAME [on|off]",
        about: "makes somebody an admin for this visit or takes it back",
        anywhere: false,
        power: Some(Power::Admins),
        run: rooms::operator,
    },
    Command {
        names: &["c", "code"],
        usage: "/c NUMBER",
        about: "sets the admin code of the room, 1 to 9999, or removes it with 0",
        anywhere: false,
        power: Some(Power::Admins),
        run: rooms::code,
    },
    Command {
        names: &["welcome"],
        usage: "/welcome TEXT|off",
        about: "sets what newcomers are told",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::welcome,
    },
    Command {
        names: &["lock"],
        usage: "/lock WORD",
        about: "sets the password of the room",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::lock,
    },
    Command {
        names: &["unlock"],
        usage: "/unlock",
        about: "removes the password of the room",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::unlock,
    },
    Command {
        names: &["rating"],
        usage: "/rating G|R|A",
        about: "says whom the room is for: everybody, teens and adults, adults",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::rating,
    },
    Command {
        names: &["speakers"],
        usage: "/speakers NUMBER",
        about: "sets how many may speak at once, 1 to 8",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::speakers,
    },
    Command {
        names: &["links"],
        usage: "/links everybody|members|admins",
        about: "says who may post links: members are those with the right",
        anywhere: false,
        power: Some(Power::Settings),
        run: settings::links,
    },
    Command {
        names: &["permanent"],
        usage: "/permanent on|off",
        about: "keeps the room when everybody has left, or no longer",
        anywhere: false,
        power: Some(Power::Permanence),
        run: settings::permanent,
    },
];

/// A message to the service user.
pub(super) fn service_message(
    state: &mut State,
    now: Now,
    conn: ConnId,
    text: &MessageText,
    effects: &mut Effects,
) {
    let plain = markup::plain_start(text.as_bytes());
    if plain.first() == Some(&b'/') {
        return run(state, Call { now, conn, place: Place::Service, text: plain }, effects);
    }
    answer(conn, Place::Service, "I am the service user. Send me /help to see what I can do.", effects);
}

/// A message in a room that begins with a slash.
pub(super) fn room_command(
    state: &mut State,
    now: Now,
    conn: ConnId,
    room: RoomId,
    text: &MessageText,
    effects: &mut Effects,
) {
    let plain = markup::plain_start(text.as_bytes());
    run(state, Call { now, conn, place: Place::Room(room), text: plain }, effects);
}

fn run(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let line = markup::strip(call.text);
    let word = line.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let name = String::from_utf8_lossy(word.strip_prefix(b"/").unwrap_or(word)).to_ascii_lowercase();
    let found = COMMANDS.iter().find(|command| command.names.contains(&name.as_str()));
    match (found, call.place) {
        (Some(command), Place::Room(room)) => {
            let permitted = |power| state.allowed(call.conn, room, power, REQUEST, effects).is_some();
            if command.power.is_none_or(permitted) {
                (command.run)(state, call, effects);
            }
        }
        (Some(command), Place::Service) if command.anywhere => (command.run)(state, call, effects),
        (Some(command), place) => {
            answer(call.conn, place, &format!("{} works in rooms only.", command.usage), effects);
        }
        (None, place) => {
            answer(call.conn, place, "There is no such command. /help shows those there are.", effects);
        }
    }
}

/// Shows what the one who asks can use where he is.
fn help(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let rank = call.room().and_then(|room| state.rank(call.conn, room));
    let usable = |command: &&Command| match rank {
        Some(rank) => command.power.is_none_or(|power| rank.has(power)),
        None => command.anywhere,
    };
    for command in COMMANDS.iter().filter(usable) {
        answer(call.conn, call.place, &format!("{} - {}", command.usage, command.about), effects);
    }
}

fn answer(conn: ConnId, place: Place, text: &str, effects: &mut Effects) {
    let packet = match place {
        Place::Room(room) => notice(room, &to_cp1252(text)),
        Place::Service => service_im(text),
    };
    effects.send(conn, packet);
}
