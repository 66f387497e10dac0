//! The commands of those who run the place.

use super::super::staff::Permission;
use super::staff::StaffRun;
use super::{guard, server, staff};

/// A command for which one needs a permission. It works in rooms and to the service user.
pub(super) struct StaffCommand {
    /// The word that calls it.
    pub(super) name: &'static str,
    /// If there are some, one of them has to follow: what else follows is another command of this name.
    pub(super) words: &'static [&'static str],
    pub(super) usage: &'static str,
    pub(super) about: &'static str,
    /// More lines for whoever asks about it.
    pub(super) more: &'static [&'static str],
    pub(super) permission: Permission,
    pub(super) run: StaffRun,
}

/// How people are named, for `/help`.
const NAMES: &str = "Names with blanks go in quotes. People who are not signed in are found by their whole \
                     name, others by its beginning, too, and everybody by #UID.";
/// How times are written, for `/help`.
const TIMES: &str = "Times are written as 90s, 30m, 2h, 7d or 1d12h; without one it is for good.";

macro_rules! command {
    ($name:literal $(+ $word:literal)*, $usage:literal, $about:literal, $permission:ident, $run:expr) => {
        command!($name $(+ $word)*, $usage, $about, $permission, $run, &[])
    };
    ($name:literal $(+ $word:literal)*, $usage:literal, $about:literal, $permission:ident, $run:expr, $more:expr) => {
        StaffCommand {
            name: $name,
            words: &[$($word),*],
            usage: $usage,
            about: $about,
            more: $more,
            permission: Permission::$permission,
            run: $run,
        }
    };
}

/// All of them, in the order in which they are listed.
pub(super) const STAFF: &[StaffCommand] = &[
    command!("users", "/users [BEGINNING] [PAGE]", "shows who is signed in", Look, server::users),
    command!("rooms", "/rooms [PAGE]", "shows all rooms, the fullest first", Look, server::rooms),
    command!(
        "info",
        "/info NAME",
        "shows an account and what is held against it",
        Look,
        staff::info,
        &[NAMES]
    ),
    command!("stats", "/stats", "shows how busy the server is", Look, server::stats),
    command!("kick", "/kick NAME [REASON]", "disconnects somebody", Kick, staff::kick, &[NAMES]),
    command!(
        "mute",
        "/mute NAME [TIME] [REASON]",
        "lets nothing through that somebody writes",
        Mute,
        staff::mute,
        &[NAMES, TIMES]
    ),
    command!("unmute", "/unmute NAME", "lifts a mute", Mute, staff::unmute, &[NAMES]),
    command!(
        "restrict",
        "/restrict NAME [TIME] [REASON]",
        "takes voice, files and calls from somebody",
        Mute,
        staff::restrict,
        &[NAMES, TIMES]
    ),
    command!(
        "unrestrict",
        "/unrestrict NAME",
        "gives voice, files and calls back",
        Mute,
        staff::unrestrict,
        &[NAMES]
    ),
    command!(
        "warn",
        "/warn NAME REASON",
        "warns somebody; too many warnings are a ban",
        Warn,
        staff::warn,
        &[NAMES]
    ),
    command!("warnings", "/warnings NAME", "shows the warnings of somebody", Look, staff::warnings, &[NAMES]),
    command!(
        "strikes",
        "/strikes [NAME]",
        "shows who broke the limits for messages",
        Look,
        staff::strikes,
        &[NAMES]
    ),
    command!(
        "clear",
        "/clear strikes|warnings NAME",
        "forgets what is held against somebody",
        Clear,
        staff::clear,
        &["Strikes: also stage, offences and the mutes that these brought.", NAMES]
    ),
    command!(
        "notice",
        "/notice TEXT",
        "says something to this room as the server",
        RoomBroadcast,
        server::notice
    ),
    command!(
        "close",
        "/close ROOM [REASON]",
        "puts everybody out of the room with this number",
        CloseRoom,
        server::close
    ),
    command!(
        "ban",
        "/ban NAME|ADDRESS|NETWORK [TIME] [REASON]",
        "keeps an account or address out",
        Ban,
        staff::ban,
        &["Networks are written as 192.0.2.0/24; /8 and, of IPv6, /16 are the largest.", NAMES, TIMES]
    ),
    command!("unban", "/unban NAME|ADDRESS|NETWORK", "lifts a ban", Ban, staff::unban, &[NAMES]),
    command!("bans", "/bans [PAGE]", "shows the bans in force, the newest first", Ban, staff::bans),
    command!(
        "slowmode" + "server",
        "/slowmode server SECONDS|off",
        "sets how long everybody waits between two messages",
        ServerSlowmode,
        server::slowmode
    ),
    command!("broadcast", "/broadcast TEXT", "says something to everybody", Broadcast, server::broadcast),
    command!(
        "maintenance",
        "/maintenance [on [MESSAGE]|off]",
        "keeps everybody but staff out",
        Maintenance,
        server::maintenance,
        &["Those who are inside are told, and put out after a minute. It stays on across restarts."]
    ),
    command!(
        "filter",
        "/filter add|list|on|off|remove|test ...",
        "says what may not be written",
        Filters,
        guard::filter,
        &[
            "/filter add [-regex] [-language] [-notify] [-warn] [-mute TIME] [-ban TIME|permanent] [-severity \
             1..10] TEXT",
            "-language: in rooms for everybody only; -notify: lets it pass and tells staff; -warn, -mute, \
             -ban: what becomes of the author.",
            "/filter list [PAGE]; /filter on|off|remove NUMBER; /filter test TEXT: which ones match",
        ]
    ),
    command!(
        "antispam",
        "/antispam list|set|reset|exempt|clear|top ...",
        "says what the detectors go by",
        Antispam,
        guard::antispam,
        &[
            "/antispam list; /antispam set SETTING VALUE; /antispam reset SETTING",
            "/antispam exempt NAME [on|off]: passes somebody over; /antispam clear NAME: forgets offences",
            "/antispam top: the ten with the most offences",
        ]
    ),
    command!(
        "link" + "allow" + "deny" + "list",
        "/link allow|deny|list [-url|-regex] DOMAIN",
        "says which links may always be posted",
        Links,
        guard::link,
        &["A domain stands for its subdomains, too; -url is the beginning of an address."]
    ),
    command!(
        "auditlog",
        "/auditlog [action=A] [by=NAME] [about=NAME] [since=7d] [until=1h] [before=NUMBER]",
        "shows what was done by those who run the place, the newest first",
        Audit,
        server::audit
    ),
];

/// The command that is meant by a name and the word after it, both in lower case.
pub(super) fn find(name: &str, word: &str) -> Option<&'static StaffCommand> {
    let fits = |command: &&StaffCommand| {
        command.name == name && (command.words.is_empty() || command.words.contains(&word))
    };
    STAFF.iter().find(fits)
}
