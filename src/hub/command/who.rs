//! Whom a command is about, and how long: names and times as staff type them.

use std::time::Duration;

use crate::model::{Nickname, Uid, to_cp1252};

use super::super::lookup::{Finding, Known, Question};
use super::super::staff::Subject;
use super::super::{Session, State};
use super::Call;
use super::staff::Stop;

/// The most people who are named when a beginning of a name fits several.
const NAMED: usize = 5;

/// A name at the beginning of a line, as it is looked up.
struct Name<'a> {
    text: &'a str,
    rest: &'a str,
    /// Whether the beginning of a name is not enough.
    whole: bool,
}

/// The user at the beginning of `line`, signed in or not, and what follows him. A name is written in
/// quotes, or as it is if he is there, or as its first word or the beginning of that; `#` and a uid will
/// do, too.
pub(super) fn person<'a>(state: &State, call: &Call<'_>, line: &'a str) -> Result<(Subject, &'a str), Stop> {
    let line = line.trim();
    if let Some((session, rest)) = there(state, line) {
        return Ok((Subject::of(session), rest));
    }
    let name = name(line)?;
    if let Some(session) = named(state, name.text) {
        return Ok((Subject::of(session), name.rest));
    }
    let known = match &call.found {
        Some(finding) => finding.account()?,
        None => return Err(Stop::Ask(question(name.text)?)),
    };
    match known {
        Some(known) => Ok((known.subject, name.rest)),
        None if name.whole => Err(nobody(name.text)),
        None => Ok((completed(state, name.text)?, name.rest)),
    }
}

/// The same with what the store has of him.
pub(super) fn known<'a>(state: &State, call: &Call<'_>, line: &'a str) -> Result<(Known, &'a str), Stop> {
    let line = line.trim();
    let (wanted, rest) = match there(state, line) {
        Some((session, rest)) => (Question::Uid(session.person.uid), rest),
        None => {
            let name = name(line)?;
            let wanted = match named(state, name.text) {
                Some(session) => Question::Uid(session.person.uid),
                None => question(name.text)?,
            };
            (wanted, name.rest)
        }
    };
    match &call.found {
        None => Err(Stop::Ask(wanted)),
        Some(finding) => match finding.account()? {
            Some(known) => Ok((known.clone(), rest)),
            None => Err(nobody(line.strip_suffix(rest).unwrap_or(line).trim())),
        },
    }
}

fn nobody(name: &str) -> Stop {
    Stop::Says(format!("There is no user \"{}\".", name.trim_matches('"')))
}

fn question(name: &str) -> Result<Question, Stop> {
    if let Some(uid) = name.strip_prefix('#').and_then(|uid| uid.parse().ok()) {
        return Ok(Question::Uid(Uid(uid)));
    }
    let nickname = Nickname::built_in(&to_cp1252(name)).map_err(|_| nobody(name))?;
    Ok(Question::Account(nickname))
}

/// Splits a name off the beginning of a line.
fn name(line: &str) -> Result<Name<'_>, Stop> {
    if let Some(quoted) = line.strip_prefix('"') {
        let (text, rest) = quoted.split_once('"').ok_or(Stop::Usage)?;
        return Ok(Name { text: text.trim(), rest: rest.trim(), whole: true });
    }
    let (text, rest) = split_word(line);
    if text.is_empty() {
        return Err(Stop::Usage);
    }
    Ok(Name { text, rest, whole: text.starts_with('#') })
}

/// The first word of a line, and the rest.
pub(super) fn split_word(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

/// Whoever is there with the longest whole name that the line begins with, and what follows it.
fn there<'a, 's>(state: &'s State, line: &'a str) -> Option<(&'s Session, &'a str)> {
    let fits = |session: &Session| {
        let name = session.person.nickname.to_string();
        let start = line.get(..name.len())?;
        let rest = line.get(name.len()..)?;
        let ends = rest.chars().next().is_none_or(char::is_whitespace);
        (ends && start.eq_ignore_ascii_case(&name)).then_some((name.len(), rest.trim()))
    };
    let found = state.sessions().filter_map(|session| fits(session).map(|fit| (fit, session)));
    found.max_by_key(|((length, _), _)| *length).map(|((_, rest), session)| (session, rest))
}

fn named<'s>(state: &'s State, name: &str) -> Option<&'s Session> {
    if let Some(uid) = name.strip_prefix('#').and_then(|uid| uid.parse().ok()) {
        return state.session_of(Uid(uid));
    }
    state.sessions().find(|session| session.person.nickname.to_string().eq_ignore_ascii_case(name))
}

/// The only one there whose name begins like this.
fn completed(state: &State, start: &str) -> Result<Subject, Stop> {
    let begins = |session: &&Session| {
        let name = session.person.nickname.to_string();
        name.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    let mut found: Vec<&Session> = state.sessions().filter(begins).collect();
    found.sort_by_key(|session| session.person.uid);
    match found.as_slice() {
        [] => Err(Stop::Says(format!("There is no user \"{start}\". Names with blanks go in quotes."))),
        [session] => Ok(Subject::of(session)),
        several => {
            let names: Vec<String> = several
                .iter()
                .take(NAMED)
                .map(|session| format!("\"{}\"", session.person.nickname))
                .collect();
            let more = if several.len() > NAMED { " and others" } else { "" };
            Err(Stop::Says(format!("Which one: {}{more}?", names.join(", "))))
        }
    }
}

/// A time at the beginning of a line, as in `30m` or `1d12h`, and what follows it; `None` for good if the
/// line begins otherwise or with `permanent`.
pub(super) fn time(line: &str) -> (Option<Duration>, &str) {
    let (word, rest) = split_word(line);
    if word.eq_ignore_ascii_case("permanent") {
        return (None, rest);
    }
    match duration(word) {
        Some(time) => (Some(time), rest),
        None => (None, line.trim()),
    }
}

/// A time as in `90s`, `30m`, `2h`, `7d`, `1w` or `1d12h`.
pub(super) fn duration(word: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut digits = String::new();
    for letter in word.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        let count: u64 = digits.parse().ok()?;
        digits.clear();
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    // What ends with a number has no unit, and nothing at all is no time.
    (digits.is_empty() && !word.is_empty()).then(|| Duration::from_secs(seconds))
}

impl Finding {
    /// The account that was asked for.
    fn account(&self) -> Result<Option<&Known>, Stop> {
        match self {
            Finding::Account(known) => Ok(known.as_deref()),
            _ => Err(Stop::busy()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_and_nothing_else_is() {
        for (word, seconds) in [
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("2h", Some(7200)),
            ("7d", Some(604_800)),
            ("1W", Some(604_800)),
            ("1d12h", Some(129_600)),
            ("0s", Some(0)),
            ("30", None),
            ("m", None),
            ("", None),
            ("5 m", None),
            ("-5m", None),
            ("5y", None),
            ("99999999999999999999d", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(duration(word), seconds.map(Duration::from_secs), "{word}");
        }
        assert_eq!(time("2h being rude"), (Some(Duration::from_secs(7200)), "being rude"));
        assert_eq!(time("permanent spam"), (None, "spam"));
        assert_eq!(time("being rude"), (None, "being rude"));
        assert_eq!(time(""), (None, ""));
    }

    proptest! {
        #[test]
        fn no_word_breaks_the_reader(word in "\\PC{0,30}") {
            let _ = duration(&word);
            let _ = name(&word);
        }
    }
}
