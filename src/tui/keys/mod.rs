//! Everything the console can do, in one table: keys, help, footer, menus and palette come from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Pane;
use crate::control::wire::Access;

mod acts;
mod bindings;
mod table;

pub(super) use acts::{Act, Concerns, Danger};
pub use bindings::Bindings;
pub(super) use table::{Action, Entry, TABLE};

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
    /// The name in the file of keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Scope::Everywhere => "everywhere",
            Scope::Tables => "tables",
            Scope::Users => "users",
            Scope::Strikes => "strikes",
            Scope::Persons => "user",
            Scope::Places => "room",
            Scope::Activity => "activity",
            Scope::Metrics => "metrics",
            Scope::Detail => "details",
        }
    }

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

/// What `key` does in `context` for somebody with `access`. What one may not do is not there.
pub(super) fn lookup(key: Key, context: Context, access: Access, bindings: &Bindings) -> Option<Action> {
    available(context, access).find(|entry| bindings.of(entry).contains(&key)).map(|entry| entry.action)
}

/// The lines of the table that count in `context` for somebody with `access`.
pub(super) fn available(context: Context, access: Access) -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().filter(move |entry| context.has(entry.scope) && may(entry.action, access))
}

/// Whether somebody with `access` may do it.
pub(super) fn may(action: Action, access: Access) -> bool {
    match action {
        Action::Act(act) => act.access() <= access,
        Action::Undo | Action::Mark => access > Access::Observer,
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
        let usual = Bindings::default();
        assert_eq!(lookup(ch('k'), context, Access::Operator, &usual), Some(Action::Up));
        assert_eq!(lookup(ch('K'), context, Access::Operator, &usual), Some(Action::Act(Act::Kick)));
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
            TABLE.iter().filter(|entry| matches!(entry.action, Action::Act(_))).map(|e| e.name).collect();
        assert_eq!(acts.len(), 20, "every act stands in the table once");
    }
}
