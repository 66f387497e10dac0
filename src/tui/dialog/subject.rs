//! Whom or what an act concerns, fixed when it begins.

use std::net::IpAddr;

use crate::control::wire::BanTarget;
use crate::model::{RoomId, Uid};

/// A user as he was when the dialog opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::tui) struct Person {
    pub(in crate::tui) uid: Uid,
    pub(in crate::tui) name: String,
    pub(in crate::tui) address: Option<IpAddr>,
}

/// Whom or what an act concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::tui) enum Subject {
    /// The whole server.
    Server,
    /// One user, or all that are marked.
    Persons(Vec<Person>),
    /// A room.
    Room { id: RoomId, name: String },
    /// An address or a network, to be banned.
    Network(String),
    /// Somebody or something that is banned.
    Banned { target: BanTarget, name: String },
}

impl Subject {
    /// In words.
    pub(in crate::tui) fn name(&self) -> String {
        match self {
            Subject::Server => "the server".to_owned(),
            Subject::Persons(persons) => match persons.as_slice() {
                [person] => person.name.clone(),
                persons => format!("{} users", persons.len()),
            },
            Subject::Room { name, .. } | Subject::Network(name) | Subject::Banned { name, .. } => {
                name.clone()
            }
        }
    }

    /// Everything that tells it from others, one line each.
    pub(in crate::tui) fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Subject::Server => Vec::new(),
            Subject::Persons(persons) => match persons.as_slice() {
                [person] => {
                    let address = person.address.map_or("not signed in".to_owned(), |at| at.to_string());
                    vec![("User", format!("{} ({})", person.name, person.uid)), ("Address", address)]
                }
                persons => {
                    let names: Vec<&str> = persons.iter().map(|person| person.name.as_str()).collect();
                    vec![("Users", persons.len().to_string()), ("Names", names.join(", "))]
                }
            },
            Subject::Room { id, name } => vec![("Room", format!("{name} ({id})"))],
            Subject::Network(network) => vec![("Address", network.clone())],
            Subject::Banned { name, .. } => vec![("Banned", name.clone())],
        }
    }
}
