//! Other keys than the usual ones, as somebody wants them: read from a file of his, and written as one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs, io};

use ratatui::crossterm::event::KeyCode;
use serde::Deserialize;

use super::super::model::Pane;
use super::{Action, Context, DetailKind, Entry, Key, Scope, TABLE, available, ctrl, key};
use crate::control::wire::Access;

/// The longest file that is read.
const MOST: u64 = 64 * 1024;

/// What the keys do where somebody wants it otherwise than the table has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bindings(BTreeMap<(&'static str, &'static str), Vec<Key>>);

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: BTreeMap<String, BTreeMap<String, Named>>,
}

/// One key or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    One(String),
    Many(Vec<String>),
}

impl Bindings {
    /// Where they are kept: `$XDG_CONFIG_HOME/paltalkd/console.toml`, else below `~/.config`.
    pub fn file() -> Option<PathBuf> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".config"));
        Some(absolute("XDG_CONFIG_HOME").or_else(home)?.join("paltalkd/console.toml"))
    }

    /// Those of the file, or the usual ones if there is none.
    ///
    /// # Errors
    ///
    /// For people: the file and what is wrong with it.
    pub fn load() -> Result<Bindings, String> {
        let Some(file) = Bindings::file() else { return Ok(Bindings::default()) };
        let named = |what: String| format!("{}: {what}", file.display());
        if fs::metadata(&file).is_ok_and(|known| known.len() > MOST) {
            return Err(named(format!("longer than {MOST} bytes")));
        }
        match fs::read_to_string(&file) {
            Ok(text) => Bindings::read(&text).map_err(named),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Bindings::default()),
            Err(error) => Err(named(error.to_string())),
        }
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    ///
    /// For people: a name or key that is not known, a key that would mean two things, or no way out.
    pub fn read(text: &str) -> Result<Bindings, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut bindings = Bindings::default();
        for (place, names) in file.keys {
            if !TABLE.iter().any(|entry| entry.scope.name() == place) {
                return Err(format!("there is no [keys.{place}]; `paltalkd console --print-keys` lists all"));
            }
            for (name, keys) in names {
                let known = TABLE.iter().find(|entry| entry.scope.name() == place && entry.name == name);
                let Some(known) = known else {
                    return Err(format!(
                        "there is no action \"{name}\" in [keys.{place}]; `paltalkd console --print-keys` lists all"
                    ));
                };
                let keys = match keys {
                    Named::One(one) => vec![one],
                    Named::Many(many) => many,
                };
                let keys = keys.iter().map(|text| {
                    Key::named(text).ok_or_else(|| {
                        format!("{place}.{name}: there is no key \"{text}\", as in K, Ctrl-K, F5 or Space")
                    })
                });
                bindings.0.insert((known.scope.name(), known.name), keys.collect::<Result<_, _>>()?);
            }
        }
        bindings.check()?;
        Ok(bindings)
    }

    /// The keys of an entry.
    pub(in crate::tui) fn of<'a>(&'a self, entry: &'a Entry) -> &'a [Key] {
        self.0.get(&(entry.scope.name(), entry.name)).map_or(entry.keys, Vec::as_slice)
    }

    /// The first key of an action, as people read it, if there is one in `context` for `access`.
    pub(in crate::tui) fn name_of(&self, action: Action, context: Context, access: Access) -> Option<String> {
        let entry = available(context, access).find(|entry| entry.action == action)?;
        self.of(entry).first().map(|key| key.name())
    }

    /// No key may mean two things at one place, and there has to be a way out.
    fn check(&self) -> Result<(), String> {
        let leave = ctrl('c');
        let details = [None, Some(DetailKind::User), Some(DetailKind::Room)];
        for context in Pane::ALL.iter().flat_map(|&pane| details.map(|detail| Context { pane, detail })) {
            let mut seen: BTreeMap<String, &Entry> = BTreeMap::new();
            for entry in available(context, Access::Operator) {
                for key in self.of(entry) {
                    let of = |entry: &Entry| format!("{}.{}", entry.scope.name(), entry.name);
                    if *key == leave && entry.action != Action::Quit {
                        return Err(format!("{}: Ctrl-C always leaves the console", of(entry)));
                    }
                    if let Some(other) = seen.insert(key.name(), entry)
                        && other.action != entry.action
                    {
                        return Err(format!(
                            "{} would mean both {} and {}",
                            key.name(),
                            of(other),
                            of(entry)
                        ));
                    }
                }
            }
        }
        let way = |action| TABLE.iter().any(|entry| entry.action == action && !self.of(entry).is_empty());
        if !way(Action::Help) || !way(Action::Palette) {
            return Err("help and palette need a key: without them nobody finds the rest".to_owned());
        }
        Ok(())
    }

    /// All keys as the text of such a file.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut scopes: Vec<Scope> = Vec::new();
        for entry in TABLE {
            if !scopes.contains(&entry.scope) {
                scopes.push(entry.scope);
            }
        }
        for scope in scopes {
            let head = if text.is_empty() { "" } else { "\n" };
            _ = writeln!(text, "{head}# {}\n[keys.{}]", scope.title(), scope.name());
            for entry in TABLE.iter().filter(|entry| entry.scope == scope) {
                let keys: Vec<String> =
                    self.of(entry).iter().map(|key| format!("{:?}", key.name())).collect();
                // A name of two words is a key of such a file only in quotes.
                let quote = if entry.name.contains(' ') { "\"" } else { "" };
                let line = format!("{quote}{}{quote} = [{}]", entry.name, keys.join(", "));
                _ = writeln!(text, "{line:<36} # {}", entry.help);
            }
        }
        text
    }
}

impl Key {
    /// The key that [`Key::name`] calls so.
    fn named(text: &str) -> Option<Key> {
        if let Some(letter) = text.strip_prefix("Ctrl-") {
            let mut chars = letter.chars();
            let c = chars.next().filter(|c| c.is_ascii_graphic() && chars.next().is_none())?;
            return Some(ctrl(c.to_ascii_lowercase()));
        }
        if let Some(number) = text.strip_prefix('F').and_then(|number| number.parse().ok()) {
            return (1..=12).contains(&number).then(|| key(KeyCode::F(number)));
        }
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return (!c.is_control() && c != ' ').then(|| key(KeyCode::Char(c)));
        }
        let code = match text {
            "Space" => KeyCode::Char(' '),
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "Shift-Tab" => KeyCode::BackTab,
            "Backspace" => KeyCode::Backspace,
            "Del" => KeyCode::Delete,
            "Insert" => KeyCode::Insert,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "PgUp" => KeyCode::PageUp,
            "PgDn" => KeyCode::PageDown,
            _ => return None,
        };
        Some(key(code))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_is_printed_can_be_read_again() {
        let usual = Bindings::default();
        let read = Bindings::read(&usual.to_text()).unwrap();
        assert!(TABLE.iter().all(|entry| read.of(entry) == entry.keys));
        assert_eq!(read.to_text(), usual.to_text());
        let mut names = HashSet::new();
        assert!(TABLE.iter().all(|entry| names.insert((entry.scope.name(), entry.name))));
    }

    #[test]
    fn keys_are_changed_and_no_key_may_mean_two_things() {
        let read = Bindings::read("[keys.user]\nkick = \"F5\"\nban = []\n").unwrap();
        let context = Context { pane: Pane::Users, detail: None };
        let name = |action| read.name_of(action, context, Access::Operator);
        assert_eq!(name(Action::Act(super::super::Act::Kick)).as_deref(), Some("F5"));
        assert_eq!(name(Action::Act(super::super::Act::Ban)), None);
        for (text, part) in [
            ("[keys.user]\nkick = \"M\"", "M would mean both user.kick and user.mute"),
            ("[keys.everywhere]\nup = [\"Up\", \"K\"]", "K would mean both"),
            ("[keys.metrics]\ncloser = \"5\"", "5 would mean both"),
            ("[keys.user]\nkick = \"Ctrl-C\"", "Ctrl-C always leaves"),
            ("[keys.user]\nkick = \"Hyper-K\"", "there is no key \"Hyper-K\""),
            ("[keys.user]\nkick = \"F99\"", "there is no key \"F99\""),
            ("[keys.user]\nkill = \"K\"", "there is no action \"kill\" in [keys.user]"),
            ("[keys.nowhere]\nkick = \"K\"", "there is no [keys.nowhere]"),
            ("[keys.everywhere]\nhelp = []", "help and palette need a key"),
            ("[colors]\nred = 1", "unknown field `colors`"),
            ("[keys.user", "TOML"),
            ("[keys.user]\nkick = 5", "kick"),
        ] {
            let error = Bindings::read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        // Freed from one, a key is there for another.
        assert!(Bindings::read("[keys.user]\nkick = \"M\"\nmute = \"K\"").is_ok());
    }
}
