//! Menus: a list of choices, one of which is taken.

use crate::control::wire::BanTarget;
use crate::hub::EventKind;

use super::keys::{Action, DetailKind};

/// What a choice does.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Choice {
    /// As if its key were pressed.
    Do(Action),
    /// Opens the details of a user or room.
    Go(DetailKind, u32, String),
    /// Shows the users that match.
    Users(String),
    /// Lifts a ban.
    Unban(BanTarget, String),
    /// Shows or hides a kind of events; the menu stays.
    Kind(EventKind),
    /// Shows all kinds, or none.
    Kinds(bool),
    /// Shows or hides a column; the menu stays.
    Column(&'static str),
    /// Nothing; a line to read.
    Nothing,
}

/// A line of a menu.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) label: String,
    /// What stands at its right, as its key.
    pub(super) hint: String,
    pub(super) choice: Choice,
}

/// A menu.
#[derive(Clone, Debug)]
pub(super) struct Picker {
    pub(super) title: String,
    pub(super) items: Vec<Item>,
    pub(super) selected: usize,
}

impl Picker {
    pub(super) fn new(title: impl Into<String>, items: Vec<Item>) -> Picker {
        Picker { title: title.into(), items, selected: 0 }
    }

    /// Goes down, or up.
    pub(super) fn step(&mut self, delta: i64) {
        let last = self.items.len().saturating_sub(1);
        let to = i64::try_from(self.selected).unwrap_or_default().saturating_add(delta).max(0);
        self.selected = usize::try_from(to).unwrap_or(last).min(last);
    }

    /// What is chosen.
    pub(super) fn choice(&self) -> Option<Choice> {
        self.items.get(self.selected).map(|item| item.choice.clone())
    }
}
