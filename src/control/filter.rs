//! The language of filters: `room:lobby strikes>1 idle>10m ip:10.0.0.0/8 !client:5.0 or nick:zoe`.
//!
//! A bare word is looked for in names and texts. `field:value` asks for a column: text that contains the
//! value, an address in a network, a number, a time, yes or no. `=` is equality; `!=`, `<`, `<=`, `>` and
//! `>=` compare. Terms in a row must all hold; `or` binds weaker than that, `and` may be written; `!` turns a
//! term around and round brackets group. Quotes make one word of many, and nothing but a word.

mod parse;

use std::fmt;

use ipnet::IpNet;

use super::fields::{RoomNames, Row, Value};

/// The deepest nesting of brackets and `!`.
const DEPTH: usize = 32;
/// The longest filter, in bytes.
pub const LENGTH_MAX: usize = 1000;

/// What is wrong with a filter, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError {
    /// The place, in characters from the beginning, the first being 1.
    pub at: usize,
    /// What.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter, character {}: {}", self.at, self.message)
    }
}

/// A filter for rows of one kind.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    root: Node,
}

#[derive(Clone, PartialEq, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// In lower case.
    Word(String),
    Test {
        field: usize,
        op: Op,
        operand: Operand,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Has,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, PartialEq, Debug)]
enum Operand {
    /// In lower case.
    Text(String),
    Number(u64),
    Flag(bool),
    Network(IpNet),
    /// In lower case; and as the number that it may be.
    Room(String, Option<u32>),
}

impl Filter {
    /// Reads a filter for rows of the kind `R`. An empty one lets everything pass.
    ///
    /// # Errors
    ///
    /// Says what is wrong and where.
    pub fn parse<R: Row>(text: &str) -> Result<Filter, FilterError> {
        if text.len() > LENGTH_MAX {
            return Err(FilterError { at: LENGTH_MAX, message: "the filter is too long".to_owned() });
        }
        Ok(Filter { root: parse::root::<R>(text)? })
    }

    /// Whether a row passes. `rooms` are the names of rooms.
    pub fn passes<R: Row>(&self, row: &R, rooms: &RoomNames) -> bool {
        self.root.holds(row, rooms)
    }

    /// Whether names of rooms matter.
    pub fn needs_rooms(&self) -> bool {
        self.root.needs_rooms()
    }

    /// Whether it asks for the column with this place.
    pub fn asks(&self, field: usize) -> bool {
        self.root.asks(field)
    }
}

impl Node {
    fn holds<R: Row>(&self, row: &R, rooms: &RoomNames) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.holds(row, rooms)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(row, rooms)),
            Node::Not(node) => !node.holds(row, rooms),
            Node::Word(word) => {
                R::FIELDS.iter().enumerate().filter(|(_, field)| field.searched).any(|(index, _)| {
                    match row.value(index) {
                        Value::Text(text) => contains(&text, word),
                        Value::Address(address) => contains(&address.to_string(), word),
                        _ => false,
                    }
                })
            }
            Node::Test { field, op, operand } => test(&row.value(*field), *op, operand, rooms),
        }
    }

    fn needs_rooms(&self) -> bool {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(Node::needs_rooms),
            Node::Not(node) => node.needs_rooms(),
            Node::Test { operand: Operand::Room(..), .. } => true,
            Node::Word(_) | Node::Test { .. } => false,
        }
    }

    fn asks(&self, wanted: usize) -> bool {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(|node| node.asks(wanted)),
            Node::Not(node) => node.asks(wanted),
            Node::Word(_) => false,
            Node::Test { field, .. } => *field == wanted,
        }
    }
}

/// Whether `text` holds `word`, which is in lower case.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return word.is_empty() || text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

fn test(value: &Value<'_>, op: Op, operand: &Operand, rooms: &RoomNames) -> bool {
    let equal = |same: bool| if op == Op::Unequal { !same } else { same };
    match (value, operand) {
        (Value::Text(text), Operand::Text(wanted)) => match op {
            Op::Has => contains(text, wanted),
            _ => equal(text.to_lowercase() == *wanted),
        },
        (Value::Number(number), Operand::Number(wanted)) => match op {
            Op::Has | Op::Equal => number == wanted,
            Op::Unequal => number != wanted,
            Op::Less => number < wanted,
            Op::LessEqual => number <= wanted,
            Op::Greater => number > wanted,
            Op::GreaterEqual => number >= wanted,
        },
        (Value::Flag(flag), Operand::Flag(wanted)) => equal(flag == wanted),
        (Value::Address(address), Operand::Network(network)) => {
            equal(network.contains(&address.to_canonical()))
        }
        (Value::Address(address), Operand::Text(wanted)) => equal(contains(&address.to_string(), wanted)),
        (Value::Rooms(inside), Operand::Room(name, number)) => equal(inside.iter().any(|room| {
            number.is_some_and(|number| number == room.0)
                || rooms.get(room).is_some_and(|known| match op {
                    Op::Has => contains(known, name),
                    _ => known.to_lowercase() == *name,
                })
        })),
        (Value::Rooms(inside), Operand::Number(wanted)) => {
            test(&Value::Number(inside.len() as u64), op, &Operand::Number(*wanted), rooms)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
