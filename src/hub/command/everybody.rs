//! The commands of everybody, as far as the room allows.

use super::super::rooms::Power;
use super::super::{Effects, State};
use super::{Call, help, rooms, settings};

/// A command in a room, or anywhere.
pub(super) struct Command {
    /// Words that call it, the one shown in the help first.
    pub(super) names: &'static [&'static str],
    pub(super) usage: &'static str,
    pub(super) about: &'static str,
    /// Whether it makes sense to the service user too, or in rooms only.
    pub(super) anywhere: bool,
    /// What one must be allowed in the room to use it; nothing if `None`.
    pub(super) power: Option<Power>,
    pub(super) run: fn(&mut State, Call<'_>, &mut Effects),
}

/// All of them, in the order in which they are listed.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        names: &["help", "?"],
        usage: "/help [COMMAND]",
        about: "shows what you can use here, or how a command is used",
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
        run: settings::slowmode,
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
