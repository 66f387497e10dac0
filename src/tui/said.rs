//! What is typed behind the name of an act: words, and options as the command line has them.

use super::keys::Act;

/// What was said of an act in advance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Said {
    /// Whom it concerns, a time, a reason, a text: as it was typed.
    pub(super) words: String,
    /// What stood behind `--for`, `--reason` and so on, under the option's name.
    pub(super) options: Vec<(&'static str, String)>,
}

/// The option that makes a mute one of voice, calls and files.
pub(super) const MEDIA: &str = "media";
/// The option that names a room.
pub(super) const ROOM: &str = "room";

/// The options of an act: those of the command line.
pub(super) fn options(act: Act) -> &'static [&'static str] {
    match act {
        Act::Ban => &["for", "reason"],
        Act::Mute | Act::MuteMedia => &["for", "reason", MEDIA],
        Act::Unmute | Act::UnmuteMedia => &["reason", MEDIA],
        Act::Slowmode => &[ROOM, "reason"],
        Act::Broadcast => &[ROOM],
        Act::MaintenanceOn => &["message"],
        Act::Backup => &["keep", "reason"],
        Act::Shutdown => &["grace", "reason"],
        Act::Kick
        | Act::Unban
        | Act::Warn
        | Act::ClearStrikes
        | Act::CloseRoom
        | Act::LockRoom
        | Act::UnlockRoom
        | Act::MaintenanceOff
        | Act::Housekeeping
        | Act::Reload => &["reason"],
    }
}

impl Said {
    /// Reads what stands behind the name of `act`. A shell splits the same way: an option has one word, or a
    /// text in quotes.
    ///
    /// # Errors
    ///
    /// For people: an option that the act does not have, or one without its value.
    pub(super) fn read(act: Act, text: &str) -> Result<Said, String> {
        let mut said = Said::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (word, after) = word(rest);
            rest = after;
            let Some(named) = word.strip_prefix("--").filter(|name| !name.is_empty()) else {
                if !said.words.is_empty() {
                    said.words.push(' ');
                }
                said.words += word;
                continue;
            };
            let (name, value) =
                named.split_once('=').map_or((named, None), |(name, value)| (name, Some(value)));
            let known = options(act).iter().find(|known| **known == name);
            let Some(known) = known else { return Err(unknown(act, name)) };
            let value = match value {
                _ if *known == MEDIA => "",
                Some(value) => value,
                None if rest.is_empty() => return Err(format!("--{name} needs a value")),
                None => {
                    let (value, after) = self::word(rest);
                    rest = after;
                    value
                }
            };
            said.options.push((known, bare(value).to_owned()));
        }
        Ok(said)
    }

    /// What stood behind an option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Says that an option is not known, and which are.
fn unknown(act: Act, name: &str) -> String {
    let known: Vec<String> = options(act).iter().map(|name| format!("--{name}")).collect();
    format!("there is no --{name} here, only {}", known.join(", "))
}

/// The first word of a text, and what follows it. What stands in quotes is one word, with them.
fn word(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ' ') => {
                return (text.get(..at).unwrap_or(text), text.get(at..).unwrap_or("").trim_start());
            }
            // An apostrophe within a word is none of a pair.
            (None, '"' | '\'') if at == 0 || text.get(..at).is_some_and(|before| before.ends_with('=')) => {
                quote = text.get(at + 1..).is_some_and(|rest| rest.contains(c)).then_some(c);
            }
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    (text, "")
}

/// `text` without the quotes around all of it.
pub(super) fn bare(text: &str) -> &str {
    let within = |quote: char| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    };
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(act: Act, text: &str) -> (String, Vec<(&'static str, String)>) {
        let said = Said::read(act, text).unwrap();
        (said.words, said.options)
    }

    #[test]
    fn what_the_shell_takes_is_taken() {
        let option = |name, value: &str| vec![(name, value.to_owned())];
        assert_eq!(read(Act::Kick, "bob too loud"), ("bob too loud".to_owned(), vec![]));
        assert_eq!(read(Act::Kick, "bob --reason spam"), ("bob".to_owned(), option("reason", "spam")));
        assert_eq!(
            read(Act::Kick, "--reason 'don\"t do that' bob"),
            ("bob".to_owned(), option("reason", "don\"t do that"))
        );
        assert_eq!(
            read(Act::Ban, "bob --for=2h --reason=\"too loud\""),
            ("bob".to_owned(), vec![("for", "2h".to_owned()), ("reason", "too loud".to_owned())])
        );
        assert_eq!(read(Act::Mute, "--media bob 2h"), ("bob 2h".to_owned(), option(MEDIA, "")));
        assert_eq!(
            read(Act::Broadcast, "don't panic -- it's \"fine\""),
            ("don't panic -- it's \"fine\"".to_owned(), vec![])
        );
        assert_eq!(read(Act::Kick, "\"some body\" x"), ("\"some body\" x".to_owned(), vec![]));
        assert_eq!(
            Said::read(Act::Kick, "bob --for 2h"),
            Err("there is no --for here, only --reason".to_owned())
        );
        assert_eq!(Said::read(Act::Shutdown, "--grace"), Err("--grace needs a value".to_owned()));
        for text in ["\"", "--reason \"", "'", "--reason=", "--", "\"a\"b\" --reason=\"x"] {
            let _ = Said::read(Act::Kick, text);
        }
        assert_eq!((bare("\"a b\""), bare("\"a\" \"b\""), bare("'")), ("a b", "\"a\" \"b\"", "'"));
    }
}
