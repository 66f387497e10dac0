//! The line in which anything is done by its name, with what fits under it.

use crate::control::wire::Access;

use super::input::Input;
use super::keys::{Act, Action, Concerns, Context, TABLE, may};
use super::theme::ThemeName;

/// Lines that are remembered.
pub(super) const HISTORY: usize = 100;

/// The line, and where one stands in what fits.
#[derive(Clone, Debug, Default)]
pub(super) struct Palette {
    pub(super) input: Input,
    pub(super) selected: usize,
    /// The line of the history that is shown, counted from the newest.
    pub(super) recalled: Option<usize>,
}

/// What a command of the palette does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Action(Action),
    Theme,
    Sort,
    Filter,
}

/// A command of the palette.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) what: What,
}

/// Other names of commands.
const ALIASES: [(&str, &str); 11] = [
    ("exit", "quit"),
    ("q", "quit"),
    ("say", "broadcast"),
    ("announce", "broadcast"),
    ("metrics", "performance"),
    ("stop", "shutdown"),
    ("lock", "lock-room"),
    ("unlock", "unlock-room"),
    ("clear", "clear-strikes"),
    ("strip-mic", "mute --media"),
    ("restore-mic", "unmute --media"),
];

/// Everything that can be done here by name.
pub(super) fn commands(context: Context, access: Access) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut add = |name, help, what| {
        if !commands.iter().any(|known: &Command| known.name == name) {
            commands.push(Command { name, help, what });
        }
    };
    for entry in TABLE {
        // What is done to somebody can be done from everywhere: he is named then.
        let here = context.has(entry.scope) || matches!(entry.action, Action::Act(_) | Action::Bans);
        if here && may(entry.action, access) && !matches!(entry.action, Action::Filter) {
            add(entry.name, entry.help, What::Action(entry.action));
        }
    }
    add("filter", "show matching rows or events only", What::Filter);
    add("sort", "sort by a column", What::Sort);
    commands.retain(|command| command.name != "theme");
    commands.push(Command {
        name: "theme",
        help: "dark, light, mono, high-contrast, color-blind",
        what: What::Theme,
    });
    commands
}

/// How well `name` fits what was typed: a higher number is better, `None` not at all.
pub(super) fn fit(typed: &str, name: &str) -> Option<i32> {
    let typed = typed.to_lowercase();
    if typed.is_empty() {
        return Some(0);
    }
    if name == typed {
        return Some(1000);
    }
    if ALIASES.iter().any(|(alias, of)| *alias == typed && *of == name) {
        return Some(900);
    }
    if name.starts_with(&typed) {
        return Some(500 - name.len() as i32);
    }
    let mut score = 100 - name.len() as i32;
    let mut letters = name.char_indices();
    let mut last = None;
    for c in typed.chars() {
        let (at, _) = letters.find(|(_, letter)| *letter == c)?;
        // Letters in a row and at the beginning of words count more.
        let word = at == 0 || name.get(..at).is_some_and(|before| before.ends_with(['-', ' ']));
        score += if word {
            20
        } else if last.is_some_and(|last| last + 1 == at) {
            10
        } else {
            -1
        };
        last = Some(at);
    }
    Some(score)
}

impl Palette {
    /// The command's name and the rest of the line. A name has one word or two, as on the command line.
    pub(super) fn parts(&self) -> (&str, Option<&str>) {
        let text = self.input.text().trim_start();
        let Some((first, rest)) = text.split_once(' ') else { return (text, None) };
        let lower = text.to_ascii_lowercase();
        let names = || TABLE.iter().map(|entry| entry.name);
        let two = |known: &str| known.contains(' ') && known.starts_with(lower.trim_end());
        // One of two words that has been typed in full, or is on its way to be.
        let whole = names().find(|known| {
            known.contains(' ')
                && lower.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        if let Some(whole) = whole {
            let rest = text.get(whole.len()..).unwrap_or_default();
            return (whole, rest.strip_prefix(' '));
        }
        if !rest.trim().is_empty() && names().any(two) {
            return (text.trim_end(), None);
        }
        // Where all that begin so have two words, the second one is no text.
        let begins = |known: &str| known.starts_with(&first.to_ascii_lowercase());
        if names().any(begins) && names().filter(|known| begins(known)).all(|known| known.contains(' ')) {
            return match rest.trim_start().split_once(' ') {
                Some((_, said)) => {
                    let at = text.len() - said.len();
                    (text.get(..at).unwrap_or(text).trim_end(), Some(said))
                }
                None => (text.trim_end(), None),
            };
        }
        (first, Some(rest))
    }

    /// The commands that fit, best first.
    pub(super) fn matches(&self, context: Context, access: Access) -> Vec<Command> {
        let (name, _) = self.parts();
        let fitting = commands(context, access);
        let mut fitting: Vec<(i32, Command)> =
            fitting.into_iter().filter_map(|command| Some((fit(name, command.name)?, command))).collect();
        fitting.sort_by_key(|(score, _)| -score);
        fitting.into_iter().map(|(_, command)| command).collect()
    }

    /// The command that is meant.
    pub(super) fn command(&self, context: Context, access: Access) -> Option<Command> {
        let (_, rest) = self.parts();
        let at = if rest.is_some() { 0 } else { self.selected };
        self.matches(context, access).get(at).copied()
    }
}

/// What kind of thing follows the name of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Argument {
    None,
    User,
    Room,
    Theme,
    Column,
    Free,
}

/// What follows the name of `what`.
pub(super) fn argument(what: What) -> Argument {
    match what {
        What::Theme => Argument::Theme,
        What::Sort => Argument::Column,
        What::Filter => Argument::Free,
        What::Action(Action::Act(act)) => match act.concerns() {
            Concerns::User => Argument::User,
            Concerns::Room => Argument::Room,
            Concerns::Ban => Argument::Free,
            Concerns::Anything | Concerns::Server => match act {
                Act::Broadcast | Act::Slowmode | Act::MaintenanceOn | Act::Backup | Act::Shutdown => {
                    Argument::Free
                }
                _ => Argument::None,
            },
        },
        What::Action(_) => Argument::None,
    }
}

/// The theme of that name.
pub(super) fn theme(name: &str) -> Option<ThemeName> {
    ThemeName::ALL.into_iter().find(|theme| theme.name() == name.trim())
}

#[cfg(test)]
mod tests {
    use super::super::model::Pane;
    use super::*;

    const HERE: Context = Context { pane: Pane::Users, detail: None };

    fn best(text: &str, access: Access) -> Option<&'static str> {
        let palette = Palette { input: Input::new(text), ..Palette::default() };
        palette.command(HERE, access).map(|command| command.name)
    }

    #[test]
    fn a_few_letters_are_enough() {
        for (typed, name) in [
            ("kick", "kick"),
            ("ki", "kick"),
            ("mton", "maintenance on"),
            ("maintenance on", "maintenance on"),
            ("maintenance off all is well", "maintenance off"),
            ("Maintenance Off all is well", "maintenance off"),
            ("maintenance of", "maintenance off"),
            ("maint on back soon", "maintenance on"),
            ("mute bob", "mute"),
            ("mute --m", "mute --media"),
            ("mute --media bob", "mute --media"),
            ("unmute --media bob", "unmute --media"),
            ("strip-mic bob", "mute --media"),
            ("clst", "clear-strikes"),
            ("say", "broadcast"),
            ("q", "quit"),
            ("kick bob spam", "kick"),
            ("theme light", "theme"),
        ] {
            assert_eq!(best(typed, Access::Operator), Some(name), "{typed}");
        }
        assert_eq!(best("zzz", Access::Operator), None);
        // A question of the command line is no order here, and not taken for another one.
        assert_eq!(best("maintenance status", Access::Operator), None);
        assert_ne!(best("shutdown", Access::Observer), Some("shutdown"));
    }
}
