//! Slash commands: what users type after a `/` in a room or to the service user.
//!
//! One table holds the commands that everybody may have use of, with what one must be allowed in the room
//! ([`everybody`]); another those of the people who run the place, with the permission that each needs
//! ([`table`]). `/help` is made from both. What staff ask for may need something from the store: then the
//! command is run again when that is there ([`lookup`](super::lookup)).

mod everybody;
mod guard;
mod rooms;
mod server;
mod settings;
mod staff;
mod table;
mod who;

use crate::model::{MessageText, Now, RoomId, from_cp1252, to_cp1252};
use crate::protocol::{PacketType, markup};

use super::directory::service_im;
use super::lookup::Finding;
use super::rooms::{Asker, notice};
use super::staff::Standing;
use super::{ConnId, Effect, Effects, State};

use everybody::{COMMANDS, Command};

/// What refusals of commands in rooms refer to: the packet that carried them.
const REQUEST: PacketType = PacketType::ROOM_MESSAGE_OUT;

/// Where a command was typed; answers go there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Room(RoomId),
    Service,
}

#[derive(Clone, Copy)]
struct Call<'a> {
    now: Now,
    conn: ConnId,
    place: Place,
    /// The message from the slash on, as typed, with what markup follows.
    text: &'a [u8],
    /// What the store has answered to the command's question.
    found: Option<&'a Finding>,
    /// Whether it has waited for its turn.
    resumed: bool,
}

/// A command that waits for the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typed {
    place: Place,
    text: Vec<u8>,
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

    /// Who asks for something in the room in which it was typed.
    fn asker(&self) -> Option<Asker> {
        Some(Asker { now: self.now, conn: self.conn, room: self.room()?, request: REQUEST })
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

    /// The command, to be run later.
    fn typed(&self) -> Typed {
        Typed { place: self.place, text: self.text.to_vec() }
    }
}

/// A message to the service user.
pub(super) fn service_message(
    state: &mut State,
    now: Now,
    conn: ConnId,
    text: &MessageText,
    effects: &mut Effects,
) {
    let text = markup::plain_start(text.as_bytes());
    if text.first() == Some(&b'/') {
        let place = Place::Service;
        return run(state, Call { now, conn, place, text, found: None, resumed: false }, effects);
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
    let text = markup::plain_start(text.as_bytes());
    let place = Place::Room(room);
    run(state, Call { now, conn, place, text, found: None, resumed: false }, effects);
}

/// Runs a command again that has waited for this.
pub(super) fn found(
    state: &mut State,
    now: Now,
    conn: ConnId,
    typed: &Typed,
    finding: &Finding,
    effects: &mut Effects,
) {
    if let Some(asking) = state.asking.get_mut(&conn) {
        *asking = asking.saturating_sub(1);
        if *asking == 0 {
            state.asking.remove(&conn);
        }
    }
    let found = (*finding != Finding::Turn).then_some(finding);
    let Typed { place, text } = typed;
    run(state, Call { now, conn, place: *place, text, found, resumed: true }, effects);
}

fn run(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let line = from_cp1252(&markup::strip(call.text)).to_lowercase();
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default().trim_start_matches('/');
    if let Some(command) = table::find(name, words.next().unwrap_or_default()) {
        return staff::run(state, &call, command, effects);
    }
    let found = COMMANDS.iter().find(|command| command.names.contains(&name));
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

/// Shows what the one who asks can use where he is, or how one command is used.
fn help(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let rank = call.room().and_then(|room| state.rank(call.conn, room));
    let usable = |command: &&Command| match rank {
        Some(rank) => command.power.is_none_or(|power| rank.has(power)),
        None => command.anywhere,
    };
    let standing = state.session(call.conn).and_then(|session| Standing::of(session.roles));
    let permitted =
        |command: &&table::StaffCommand| standing.is_some_and(|standing| standing.has(command.permission));
    let wanted = from_cp1252(&call.rest()).to_lowercase();
    let wanted = wanted.trim_start_matches('/');
    let named = |names: &[&str]| wanted.is_empty() || names.contains(&wanted);
    let lines = COMMANDS.iter().filter(usable).filter(|command| named(command.names));
    let mut lines: Vec<String> =
        lines.map(|command| format!("{} - {}", command.usage, command.about)).collect();
    for command in table::STAFF.iter().filter(permitted).filter(|command| named(&[command.name])) {
        lines.push(format!("{} - {}", command.usage, command.about));
        if !wanted.is_empty() {
            lines.extend(command.more.iter().map(|line| (*line).to_owned()));
        }
    }
    if lines.is_empty() {
        lines.push("There is no such command that you can use here.".to_owned());
    }
    for line in lines {
        answer(call.conn, call.place, &line, effects);
    }
}

fn answer(conn: ConnId, place: Place, text: &str, effects: &mut Effects) {
    let packet = match place {
        Place::Room(room) => notice(room, &to_cp1252(text)),
        Place::Service => service_im(text),
    };
    effects.send(conn, packet);
}
