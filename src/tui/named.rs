//! Who or what is meant by a name that is typed.

use crate::control::wire::Target;
use crate::model::RoomId;

use super::dialog::Subject;
use super::model::Model;
use super::row::Row;

/// The names of users that are at hand.
pub(super) fn known_users(model: &Model) -> Vec<String> {
    let lines = model.users.lines.iter().chain(&model.strikes.lines);
    lines.map(|line| line.row.name().to_owned()).collect()
}

/// The names of rooms that are at hand.
pub(super) fn known_rooms(model: &Model) -> Vec<String> {
    model.rooms.lines.iter().map(|line| line.row.name().to_owned()).collect()
}

/// Splits what was typed into the name of somebody and the rest, by the names that are known: those may
/// hold spaces. Without a known one, the first word is the name, or what stands in quotes.
pub(super) fn split_name<'a>(text: &'a str, known: &[String]) -> (&'a str, &'a str) {
    let text = text.trim();
    if let Some((name, rest)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
        return (name, rest.trim());
    }
    let longest = known
        .iter()
        .filter(|name| {
            text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
                && text.get(name.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
        .map(String::len)
        .max();
    match longest {
        Some(length) => (text.get(..length).unwrap_or(text), text.get(length..).unwrap_or_default().trim()),
        None => text.split_once(' ').map_or((text, ""), |(name, rest)| (name, rest.trim())),
    }
}

/// The user that is meant, named as on the command line: `uid:` or `nick:` says what a number is.
pub(super) fn user(name: &str) -> Target {
    // What is no uid, nobody is called: the daemon says so.
    Target::typed(name).unwrap_or_else(|| Target::Nickname(name.to_owned()))
}

/// The room of that name or number.
pub(super) fn room(model: &Model, name: &str) -> Option<Subject> {
    let rooms = model.rooms.lines.iter().filter_map(|line| match &line.row {
        Row::Room(row) => Some((row.id, &row.name)),
        _ => None,
    });
    let named = |(id, known): &(RoomId, &String)| {
        known.to_lowercase() == name.to_lowercase() || id.to_string() == name
    };
    let found = rooms.into_iter().find(named).map(|(id, name)| Subject::Room { id, name: name.clone() });
    found.or_else(|| Some(Subject::Room { id: RoomId(name.parse().ok()?), name: name.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    #[test]
    fn names_may_hold_spaces() {
        let known = ["Bob".to_owned(), "Bob Marley".to_owned()];
        assert_eq!(split_name("bob marley too loud", &known), ("bob marley", "too loud"));
        assert_eq!(split_name("bob too loud", &known), ("bob", "too loud"));
        assert_eq!(split_name("\"some body\" x", &known), ("some body", "x"));
        assert_eq!(split_name("amy", &known), ("amy", ""));
        assert_eq!(split_name("bobby", &known), ("bobby", ""));
    }

    #[test]
    fn a_user_is_named_as_in_the_shell() {
        for (name, target) in [
            ("bob", Target::Nickname("bob".to_owned())),
            ("1000007", Target::Uid(Uid(1_000_007))),
            ("uid:1000007", Target::Uid(Uid(1_000_007))),
            ("nick:1000007", Target::Nickname("1000007".to_owned())),
            ("uid:bob", Target::Nickname("uid:bob".to_owned())),
        ] {
            assert_eq!(user(name), target, "{name}");
        }
    }
}
