//! Everything the console can do, in one table: keys, help, footer, menus and palette come from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Pane;
use crate::control::wire::Access;

/// A key as the table names it. Capitals are other keys than small letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    code: KeyCode,
    control: bool,
}

const fn key(code: KeyCode) -> Key {
    Key { code, control: false }
}

const fn ch(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), control: true }
}

impl Key {
    /// The key of a terminal's event.
    pub(super) fn of(event: KeyEvent) -> Key {
        Key { code: event.code, control: event.modifiers.contains(KeyModifiers::CONTROL) }
    }

    /// As people read it.
    pub(super) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.control => c.to_ascii_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::Delete => "Del".to_owned(),
            code => format!("{code:?}"),
        };
        if self.control { format!("Ctrl-{name}") } else { name }
    }
}

/// Something that changes something on the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Act {
    Kick,
    Ban,
    Unban,
    Mute,
    Unmute,
    StripMic,
    RestoreMic,
    Warn,
    ClearStrikes,
    CloseRoom,
    LockRoom,
    UnlockRoom,
    Slowmode,
    Broadcast,
    MaintenanceOn,
    MaintenanceOff,
    Housekeeping,
    Reload,
    Backup,
    Shutdown,
}

/// Whom an act concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Concerns {
    User,
    Room,
    /// A room, or the whole server.
    Anything,
    Ban,
    Server,
}

/// How carefully it is asked before something is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Danger {
    /// Not at all; it is told afterwards.
    Mild,
    /// By a dialog that begins on Cancel.
    Moderate,
    /// By a dialog into which a word has to be typed.
    Severe,
}

impl Act {
    /// Whom it concerns.
    pub(super) fn concerns(self) -> Concerns {
        match self {
            Act::Kick
            | Act::Ban
            | Act::Mute
            | Act::Unmute
            | Act::StripMic
            | Act::RestoreMic
            | Act::Warn
            | Act::ClearStrikes => Concerns::User,
            Act::Unban => Concerns::Ban,
            Act::CloseRoom | Act::LockRoom | Act::UnlockRoom => Concerns::Room,
            Act::Slowmode | Act::Broadcast => Concerns::Anything,
            Act::MaintenanceOn
            | Act::MaintenanceOff
            | Act::Housekeeping
            | Act::Reload
            | Act::Backup
            | Act::Shutdown => Concerns::Server,
        }
    }

    /// How carefully it is asked.
    pub(super) fn danger(self) -> Danger {
        match self {
            Act::Unmute
            | Act::RestoreMic
            | Act::ClearStrikes
            | Act::UnlockRoom
            | Act::Reload
            | Act::Housekeeping
            | Act::MaintenanceOff => Danger::Mild,
            Act::CloseRoom | Act::MaintenanceOn | Act::Shutdown => Danger::Severe,
            _ => Danger::Moderate,
        }
    }

    /// Who may do it.
    pub(super) fn access(self) -> Access {
        match self {
            Act::Kick
            | Act::Mute
            | Act::Unmute
            | Act::StripMic
            | Act::RestoreMic
            | Act::Warn
            | Act::ClearStrikes
            | Act::CloseRoom
            | Act::LockRoom
            | Act::UnlockRoom
            | Act::Slowmode => Access::Moderator,
            _ => Access::Operator,
        }
    }
}

/// Something the console does when a key is pressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Action {
    Act(Act),
    Pane(Pane),
    NextPane,
    PreviousPane,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Left,
    Right,
    Open,
    Back,
    Jump,
    Menu,
    Mark,
    Filter,
    Search,
    NextMatch,
    PreviousMatch,
    SortLeft,
    SortRight,
    Invert,
    Pause,
    Zoom,
    Follow,
    Kinds,
    Closer,
    Wider,
    ResetZoom,
    Bans,
    Palette,
    Help,
    Notices,
    Dismiss,
    Theme,
    Copy,
    Dump,
    Retry,
    Repaint,
    Suspend,
    Quit,
}

/// Where an entry of the table counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    Everywhere,
    /// The panes that are tables.
    Tables,
    Users,
    Strikes,
    /// Wherever users are listed, and a user's details.
    Persons,
    /// Where rooms are listed, and a room's details.
    Places,
    Activity,
    Metrics,
    Detail,
}

impl Scope {
    /// The heading in help.
    pub(super) fn title(self) -> &'static str {
        match self {
            Scope::Everywhere => "Everywhere",
            Scope::Tables => "Tables",
            Scope::Users => "Users",
            Scope::Strikes => "Strikes",
            Scope::Persons => "A user",
            Scope::Places => "A room",
            Scope::Activity => "Activity",
            Scope::Metrics => "Metrics",
            Scope::Detail => "Details",
        }
    }
}

/// Where one is: in a pane, or in the details of a user or a room that were opened from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    pub(super) pane: Pane,
    pub(super) detail: Option<DetailKind>,
}

/// What the details are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DetailKind {
    User,
    Room,
}

impl Context {
    /// Whether entries of `scope` count here.
    pub(super) fn has(self, scope: Scope) -> bool {
        let table = matches!(self.pane, Pane::Users | Pane::Rooms | Pane::Strikes);
        match (scope, self.detail) {
            (Scope::Everywhere, _) => true,
            (Scope::Detail, detail) => detail.is_some(),
            (Scope::Persons, Some(kind)) => kind == DetailKind::User,
            (Scope::Places, Some(kind)) => kind == DetailKind::Room,
            (_, Some(_)) => false,
            (Scope::Tables, None) => table,
            (Scope::Users, None) => self.pane == Pane::Users,
            (Scope::Places, None) => self.pane == Pane::Rooms,
            (Scope::Strikes, None) => self.pane == Pane::Strikes,
            (Scope::Persons, None) => matches!(self.pane, Pane::Users | Pane::Strikes),
            (Scope::Activity, None) => self.pane == Pane::Activity,
            (Scope::Metrics, None) => self.pane == Pane::Metrics,
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) action: Action,
    pub(super) keys: &'static [Key],
    /// Its name in the palette: that of the command line, where there is one.
    pub(super) name: &'static str,
    /// What it does, for help.
    pub(super) help: &'static str,
    pub(super) scope: Scope,
    /// A word for the footer; empty if it is not shown there.
    pub(super) hint: &'static str,
}

const fn entry(
    scope: Scope,
    action: Action,
    keys: &'static [Key],
    name: &'static str,
    hint: &'static str,
    help: &'static str,
) -> Entry {
    Entry { action, keys, name, help, scope, hint }
}

use Action as A;
use Scope as S;

/// The table. The order is that of help, footer and menus.
pub(super) const TABLE: &[Entry] = &[
    entry(
        S::Detail,
        A::Back,
        &[key(KeyCode::Esc), ch('h')],
        "back",
        "back",
        "back to the row this came from",
    ),
    entry(
        S::Persons,
        A::Act(Act::Kick),
        &[ch('K')],
        "kick",
        "kick",
        "disconnect, with a reason that is read",
    ),
    entry(S::Persons, A::Act(Act::Ban), &[ch('B')], "ban", "ban", "keep an account, an address or both out"),
    entry(S::Persons, A::Act(Act::Mute), &[ch('M')], "mute", "mute", "let no text of the user through"),
    entry(S::Persons, A::Act(Act::Unmute), &[ch('U')], "unmute", "", "let texts through again"),
    entry(
        S::Persons,
        A::Act(Act::StripMic),
        &[ch('V')],
        "strip-mic",
        "",
        "let no voice, call or file through",
    ),
    entry(
        S::Persons,
        A::Act(Act::RestoreMic),
        &[ch('R')],
        "restore-mic",
        "",
        "let voice, calls and files through again",
    ),
    entry(
        S::Persons,
        A::Act(Act::Warn),
        &[ch('W')],
        "warn",
        "warn",
        "send a warning that is kept with the account",
    ),
    entry(
        S::Persons,
        A::Act(Act::ClearStrikes),
        &[ch('C')],
        "clear-strikes",
        "",
        "forget strikes, stage and offences",
    ),
    entry(
        S::Places,
        A::Act(Act::CloseRoom),
        &[ch('X')],
        "close-room",
        "close",
        "put everybody out of the room",
    ),
    entry(S::Places, A::Act(Act::LockRoom), &[ch('L')], "lock-room", "lock", "lock the room with a word"),
    entry(S::Places, A::Act(Act::UnlockRoom), &[ch('O')], "unlock-room", "", "open a locked room"),
    entry(S::Places, A::Act(Act::Slowmode), &[ch('S')], "slowmode", "", "set the wait between two messages"),
    entry(
        S::Tables,
        A::Open,
        &[key(KeyCode::Enter), ch('l')],
        "open",
        "details",
        "everything about the selected row",
    ),
    entry(S::Tables, A::Menu, &[ch('a')], "menu", "actions", "what can be done with the selected row"),
    entry(S::Detail, A::Menu, &[ch('a')], "menu", "actions", "what can be done with the user or room"),
    entry(
        S::Tables,
        A::Filter,
        &[ch('/')],
        "filter",
        "filter",
        "show matching rows only: room:lobby strikes>1 idle>10m !away",
    ),
    entry(S::Tables, A::SortLeft, &[ch('<')], "sort-left", "", "sort by the column to the left"),
    entry(S::Tables, A::SortRight, &[ch('>')], "sort-right", "sort", "sort by the column to the right"),
    entry(S::Tables, A::Invert, &[ch('I')], "invert", "", "turn the order round"),
    entry(
        S::Users,
        A::Mark,
        &[ch('m')],
        "mark",
        "",
        "mark the row; actions then concern all that are marked",
    ),
    entry(S::Tables, A::Jump, &[ch('J')], "jump", "", "from a user to a room, from a room to a user"),
    entry(
        S::Detail,
        A::Jump,
        &[ch('J'), key(KeyCode::Enter)],
        "jump",
        "jump",
        "to one of the rooms or users named here",
    ),
    entry(S::Strikes, A::Bans, &[ch('b')], "bans", "bans", "the bans in force, and lifting one"),
    entry(S::Activity, A::Open, &[key(KeyCode::Enter)], "open", "details", "the whole event"),
    entry(S::Activity, A::Jump, &[ch('J')], "jump", "jump", "to the user or room of the event"),
    entry(
        S::Activity,
        A::Filter,
        &[ch('/')],
        "filter",
        "filter",
        "show matching events only: kind:kick bob !lobby",
    ),
    entry(S::Activity, A::Kinds, &[ch('t')], "kinds", "kinds", "which kinds of events are shown"),
    entry(S::Activity, A::Follow, &[ch('f')], "follow", "follow", "show the newest, and stay with it"),
    entry(S::Activity, A::Search, &[ctrl('f')], "search", "", "find a text"),
    entry(S::Activity, A::NextMatch, &[ch('n')], "next-match", "", "the next place where it stands"),
    entry(S::Activity, A::PreviousMatch, &[ch('N')], "previous-match", "", "the place before"),
    entry(S::Detail, A::Search, &[ch('/'), ctrl('f')], "search", "find", "find a text"),
    entry(S::Detail, A::NextMatch, &[ch('n')], "next-match", "", "the next place where it stands"),
    entry(S::Detail, A::PreviousMatch, &[ch('N')], "previous-match", "", "the place before"),
    entry(S::Metrics, A::Closer, &[ch('+'), ch('=')], "closer", "closer", "a shorter time in the chart"),
    entry(S::Metrics, A::Wider, &[ch('-')], "wider", "wider", "a longer time in the chart, up to a day"),
    entry(S::Metrics, A::ResetZoom, &[ch('0')], "reset-zoom", "", "the last five minutes"),
    entry(S::Everywhere, A::Up, &[key(KeyCode::Up), ch('k')], "up", "", "up"),
    entry(S::Everywhere, A::Down, &[key(KeyCode::Down), ch('j')], "down", "", "down"),
    entry(S::Everywhere, A::PageUp, &[key(KeyCode::PageUp), ctrl('b')], "page-up", "", "a page up"),
    entry(S::Everywhere, A::PageDown, &[key(KeyCode::PageDown), ctrl('d')], "page-down", "", "a page down"),
    entry(S::Everywhere, A::Home, &[key(KeyCode::Home), ch('g')], "home", "", "to the first"),
    entry(S::Everywhere, A::End, &[key(KeyCode::End), ch('G')], "end", "", "to the last"),
    entry(S::Everywhere, A::Left, &[key(KeyCode::Left)], "left", "", "left, where there is something"),
    entry(S::Everywhere, A::Right, &[key(KeyCode::Right)], "right", "", "right, where there is something"),
    entry(S::Everywhere, A::Pane(Pane::Users), &[ch('1')], "users", "", "everybody signed in"),
    entry(S::Everywhere, A::Pane(Pane::Rooms), &[ch('2')], "rooms", "", "the rooms"),
    entry(S::Everywhere, A::Pane(Pane::Activity), &[ch('3')], "activity", "", "what happens"),
    entry(S::Everywhere, A::Pane(Pane::Strikes), &[ch('4')], "strikes", "", "whom the limits have caught"),
    entry(S::Everywhere, A::Pane(Pane::Metrics), &[ch('5')], "performance", "", "how fast the server is"),
    entry(S::Everywhere, A::NextPane, &[key(KeyCode::Tab)], "next-pane", "", "the next pane"),
    entry(S::Everywhere, A::PreviousPane, &[key(KeyCode::BackTab)], "previous-pane", "", "the pane before"),
    entry(S::Everywhere, A::Zoom, &[ch('z'), ch('e')], "zoom", "", "the pane alone, or with its neighbours"),
    entry(S::Everywhere, A::Pause, &[ch(' ')], "pause", "pause", "freeze what is shown; the header goes on"),
    entry(S::Everywhere, A::Palette, &[ch(':')], "palette", "command", "do anything by its name"),
    entry(
        S::Everywhere,
        A::Act(Act::Broadcast),
        &[ch('!')],
        "broadcast",
        "",
        "say something to everybody, or to a room",
    ),
    entry(S::Everywhere, A::Act(Act::Unban), &[], "unban", "", "lift a ban by name or address"),
    entry(
        S::Everywhere,
        A::Act(Act::MaintenanceOn),
        &[],
        "maintenance-on",
        "",
        "keep everybody but staff out",
    ),
    entry(S::Everywhere, A::Act(Act::MaintenanceOff), &[], "maintenance-off", "", "let everybody in again"),
    entry(S::Everywhere, A::Act(Act::Housekeeping), &[], "maintenance-run", "", "do the housekeeping now"),
    entry(S::Everywhere, A::Act(Act::Reload), &[], "reload", "", "read the configuration again"),
    entry(S::Everywhere, A::Act(Act::Backup), &[], "backup", "", "write a backup on the server's machine"),
    entry(S::Everywhere, A::Act(Act::Shutdown), &[], "shutdown", "", "stop the server, with notice"),
    entry(S::Everywhere, A::Notices, &[ch('H')], "notices", "", "what was told and done so far"),
    entry(S::Everywhere, A::Dismiss, &[ch('x')], "dismiss", "", "put the messages at the bottom away"),
    entry(S::Everywhere, A::Theme, &[ch('T')], "theme", "", "the next theme"),
    entry(S::Everywhere, A::Copy, &[ch('y')], "copy", "", "copy the name to the clipboard of the terminal"),
    entry(S::Everywhere, A::Dump, &[ch('s')], "save", "", "write what is shown to a file"),
    entry(S::Everywhere, A::Retry, &[ch('r')], "retry", "", "connect now instead of waiting"),
    entry(S::Everywhere, A::Repaint, &[ctrl('l')], "repaint", "", "draw everything anew"),
    entry(S::Everywhere, A::Suspend, &[ctrl('z')], "suspend", "", "back to the shell; fg returns"),
    entry(S::Everywhere, A::Help, &[ch('?'), key(KeyCode::F(1))], "help", "help", "this help"),
    entry(
        S::Everywhere,
        A::Quit,
        &[ch('q'), ctrl('c')],
        "quit",
        "quit",
        "leave the console; the server goes on",
    ),
];

/// What `key` does in `context` for somebody with `access`. What one may not do is not there.
pub(super) fn lookup(key: Key, context: Context, access: Access) -> Option<Action> {
    available(context, access).find(|entry| entry.keys.contains(&key)).map(|entry| entry.action)
}

/// The lines of the table that count in `context` for somebody with `access`.
pub(super) fn available(context: Context, access: Access) -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().filter(move |entry| context.has(entry.scope) && may(entry.action, access))
}

/// Whether somebody with `access` may do it.
pub(super) fn may(action: Action, access: Access) -> bool {
    match action {
        Action::Act(act) => act.access() <= access,
        _ => true,
    }
}

/// The entry of an act.
pub(super) fn of_act(act: Act) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.action == Action::Act(act))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn contexts() -> Vec<Context> {
        let details = [None, Some(DetailKind::User), Some(DetailKind::Room)];
        Pane::ALL.iter().flat_map(|&pane| details.map(|detail| Context { pane, detail })).collect()
    }

    #[test]
    fn no_key_means_two_things_at_one_place() {
        for context in contexts() {
            let mut seen = HashMap::new();
            for entry in available(context, Access::Operator) {
                for key in entry.keys {
                    assert_eq!(seen.insert(*key, entry.name), None, "{} in {context:?}", key.name());
                }
            }
        }
    }

    #[test]
    fn small_letters_and_capitals_are_different_keys() {
        let context = Context { pane: Pane::Users, detail: None };
        assert_eq!(lookup(ch('k'), context, Access::Operator), Some(Action::Up));
        assert_eq!(lookup(ch('K'), context, Access::Operator), Some(Action::Act(Act::Kick)));
    }

    #[test]
    fn what_one_may_not_do_is_not_there() {
        for context in contexts() {
            assert!(
                available(context, Access::Observer).all(|entry| !matches!(entry.action, Action::Act(_)))
            );
            for entry in available(context, Access::Moderator) {
                assert!(!matches!(entry.action, Action::Act(Act::Ban | Act::Shutdown | Act::Reload)));
            }
        }
    }

    #[test]
    fn a_name_means_one_action() {
        let mut names = HashMap::new();
        for entry in TABLE {
            let action = *names.entry(entry.name).or_insert(entry.action);
            assert_eq!(action, entry.action, "{}", entry.name);
        }
        let acts: HashSet<_> =
            TABLE.iter().filter(|entry| matches!(entry.action, A::Act(_))).map(|e| e.name).collect();
        assert_eq!(acts.len(), 20, "every act stands in the table once");
    }
}
