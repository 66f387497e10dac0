//! A window into one of the daemon's tables, and the row that is selected in it.
//!
//! The daemon filters, sorts and cuts the window out; here is known which part of it is on the screen.
//! The selection is an id. It stays on its row wherever that goes; when the row is gone, its neighbour is
//! selected and that is said.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::control::wire::{Page, PageChange, Rows, View, WINDOW_MAX, Window};
use crate::model::Now;

use super::columns::{Column, columns};
use super::model::Pane;
use super::row::{Line, Row};

/// What the table wants of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// Another window.
    Window,
}

/// A table as one looks at it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) pane: Pane,
    pub(super) lines: Vec<Line>,
    pub(super) total: u32,
    pub(super) matched: u32,
    /// The absolute index of the first line.
    pub(super) offset: u32,
    pub(super) selected: Option<u32>,
    selected_name: Option<String>,
    /// The absolute index of the selected row, as last known.
    pub(super) cursor: u32,
    /// The absolute index to be selected once its row is here.
    wanted: Option<u32>,
    /// The absolute index of the topmost row on the screen.
    pub(super) top: u32,
    /// Rows on the screen.
    pub(super) height: u32,
    /// The name of the row that was selected and is gone.
    pub(super) gone: Option<String>,
    /// Whether somebody has chosen the selected row; if not, the first one is.
    chosen: bool,
    pub(super) filter: String,
    /// A filter that was typed while the daemon was still busy with the one before.
    pub(super) next_filter: Option<String>,
    /// What the daemon has against the filter that was typed last.
    pub(super) filter_error: Option<String>,
    pub(super) sort: &'static str,
    pub(super) descending: bool,
    /// Columns that are not shown.
    pub(super) hidden: BTreeSet<&'static str>,
    /// Rows that were marked, by id, with their names.
    pub(super) marked: BTreeMap<u32, String>,
    /// The row that the daemon was asked to keep in the window.
    followed: Option<u32>,
    /// How often another window was asked for in a row; a daemon that never gives what is wanted is not
    /// asked for ever.
    pub(super) asked: u8,
    /// Whether anything has ever come.
    pub(super) loaded: bool,
}

impl Table {
    pub(super) fn new(pane: Pane) -> Table {
        let sort = columns(pane).first().map_or("", |column| column.key);
        Table {
            pane,
            lines: Vec::new(),
            total: 0,
            matched: 0,
            offset: 0,
            selected: None,
            selected_name: None,
            cursor: 0,
            wanted: None,
            top: 0,
            height: 20,
            gone: None,
            chosen: false,
            filter: String::new(),
            next_filter: None,
            filter_error: None,
            sort,
            descending: false,
            hidden: BTreeSet::new(),
            marked: BTreeMap::new(),
            followed: None,
            asked: 0,
            loaded: false,
        }
    }

    /// What to watch, with `filter` in place of the one that is in force.
    pub(super) fn view(&mut self, filter: Option<&str>) -> View {
        let limit = (self.height * 3).clamp(60, WINDOW_MAX);
        let at = self.wanted.unwrap_or(self.top);
        self.followed = if self.wanted.is_none() && self.chosen { self.selected } else { None };
        let window = Window {
            filter: filter.unwrap_or(&self.filter).to_owned(),
            sort: self.sort.to_owned(),
            descending: self.descending,
            offset: at.saturating_sub(limit / 3),
            limit,
            follow: self.followed,
        };
        match self.pane {
            Pane::Rooms => View::Rooms(window),
            Pane::Strikes => View::Strikes(window),
            _ => View::Users(window),
        }
    }

    /// Puts `page` in place of everything.
    pub(super) fn replace(&mut self, page: Page, now: Now) -> Need {
        (self.total, self.matched, self.offset) = (page.total, page.matched, page.offset);
        let mut before: HashMap<u32, Line> = self.lines.drain(..).map(|line| (line.row.id(), line)).collect();
        self.lines = rows(page.rows)
            .map(|row| match before.remove(&row.id()) {
                Some(mut old) => {
                    old.row = row;
                    old
                }
                None => Line::new(row, now),
            })
            .collect();
        self.look(now);
        self.loaded = true;
        self.settle()
    }

    /// Applies a change of the window.
    pub(super) fn change(&mut self, change: PageChange, now: Now) -> Need {
        (self.total, self.matched, self.offset) = (change.total, change.matched, change.offset);
        let mut known: HashMap<u32, Line> = self.lines.drain(..).map(|line| (line.row.id(), line)).collect();
        for row in rows(change.rows) {
            match known.entry(row.id()) {
                Entry::Occupied(mut line) => line.get_mut().row = row,
                Entry::Vacant(place) => {
                    place.insert(Line::new(row, now));
                }
            }
        }
        self.lines = change.order.iter().filter_map(|id| known.remove(id)).collect();
        self.look(now);
        self.settle()
    }

    /// Renews the rates. The daemon is silent about rows that stay as they are.
    pub(super) fn look(&mut self, now: Now) {
        for line in &mut self.lines {
            line.look(now);
        }
    }

    /// Finds the selection again after the rows have changed.
    fn settle(&mut self) -> Need {
        if self.matched == 0 || (self.lines.is_empty() && self.offset == 0) {
            if let Some(name) = self.selected_name.take().filter(|_| self.chosen) {
                self.gone = Some(name);
            }
            (self.selected, self.cursor, self.wanted, self.top) = (None, 0, None, 0);
            return Need::Nothing;
        }
        if let Some(wanted) = self.wanted {
            let wanted = wanted.min(self.matched - 1);
            if !self.select_index(wanted) {
                self.wanted = Some(wanted);
                return Need::Window;
            }
            self.wanted = None;
        } else if !self.chosen {
            if !self.select_index(0) {
                return Need::Window;
            }
        } else if let Some(id) = self.selected {
            if let Some(position) = self.lines.iter().position(|line| line.row.id() == id) {
                let line = self.cursor.saturating_sub(self.top);
                self.cursor = self.offset + position as u32;
                self.top = self.cursor.saturating_sub(line);
            } else if self.followed != Some(id) && (self.lines.len() as u32) < self.matched {
                // It may still be there, outside the window.
                return Need::Window;
            } else {
                self.gone = self.selected_name.clone();
                let neighbour = self.cursor.min(self.matched - 1);
                if !self.select_index(neighbour) {
                    self.wanted = Some(neighbour);
                    return Need::Window;
                }
            }
        } else {
            self.select_index(self.cursor.min(self.matched - 1));
        }
        self.scroll()
    }

    /// Keeps the selected row on the screen, and enough rows around it.
    fn scroll(&mut self) -> Need {
        let height = self.height.max(1);
        let at = self.wanted.unwrap_or(self.cursor);
        if at < self.top {
            self.top = at;
        } else if at >= self.top + height {
            self.top = at + 1 - height;
        }
        self.top = self.top.min(self.matched.saturating_sub(height));
        let end = self.offset + self.lines.len() as u32;
        let bottom = (self.top + height).min(self.matched);
        if self.wanted.is_some() || self.top < self.offset || bottom > end {
            Need::Window
        } else {
            Need::Nothing
        }
    }

    /// Says how many rows fit on the screen now.
    pub(super) fn resize(&mut self, height: u32) -> Need {
        if self.height == height {
            return Need::Nothing;
        }
        self.height = height;
        self.scroll()
    }

    /// Selects what is `delta` rows further down.
    pub(super) fn step(&mut self, delta: i64) -> Need {
        let from = i64::from(self.wanted.unwrap_or(self.cursor));
        self.select(u32::try_from((from + delta).max(0)).unwrap_or(u32::MAX))
    }

    /// Selects the row with this absolute index, or the last one before it.
    pub(super) fn select(&mut self, index: u32) -> Need {
        if self.matched == 0 {
            return Need::Nothing;
        }
        let index = index.min(self.matched - 1);
        self.chosen = true;
        self.gone = None;
        if self.select_index(index) {
            self.wanted = None;
        } else {
            self.wanted = Some(index);
        }
        self.scroll()
    }

    fn select_index(&mut self, index: u32) -> bool {
        let at = index.checked_sub(self.offset).and_then(|at| self.lines.get(at as usize));
        let Some(line) = at else { return false };
        self.selected = Some(line.row.id());
        self.selected_name = Some(line.row.name().to_owned());
        self.cursor = index;
        true
    }

    /// The selected row, unless it is on its way.
    pub(super) fn current(&self) -> Option<&Row> {
        let id = self.selected.filter(|_| self.wanted.is_none())?;
        self.lines.iter().map(|line| &line.row).find(|row| row.id() == id)
    }

    /// Marks the selected row or takes its mark away, and goes on to the next.
    pub(super) fn mark(&mut self) -> Need {
        let Some((id, name)) = self.current().map(|row| (row.id(), row.name().to_owned())) else {
            return Need::Nothing;
        };
        if self.marked.remove(&id).is_none() {
            self.marked.insert(id, name);
        }
        self.step(1)
    }

    /// Sorts by `column`; by the same one: the other way round.
    pub(super) fn sort_by(&mut self, column: &'static str) {
        if self.sort == column {
            self.descending = !self.descending;
        } else {
            self.sort = column;
            self.descending = columns(self.pane).iter().any(|known| known.key == column && known.right);
        }
    }

    /// Sorts by the next column among `shown` to the right, or to the left.
    pub(super) fn sort_next(&mut self, shown: &[&'static Column], left: bool) {
        let at = shown.iter().position(|column| column.key == self.sort).unwrap_or_default();
        let count = shown.len().max(1);
        let next = if left { (at + count - 1) % count } else { (at + 1) % count };
        if let Some(column) = shown.get(next) {
            self.sort_by(column.key);
        }
    }
}

fn rows(rows: Rows) -> Box<dyn Iterator<Item = Row>> {
    match rows {
        Rows::Users(rows) => Box::new(rows.into_iter().map(Row::User)),
        Rows::Rooms(rows) => Box::new(rows.into_iter().map(Row::Room)),
        Rows::Strikes(rows) => Box::new(rows.into_iter().map(Row::Strike)),
    }
}
