//! Menus and texts that lie over the panes: their keys, and what is chosen in them.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::hub::EventKind;
use crate::model::Now;

use super::columns::columns;
use super::dialog::Subject;
use super::doc::{Doc, Scroll};
use super::feed::kind_name;
use super::keys::{Act, Action, Concerns, DetailKind, Entry, Key, available};
use super::model::{Model, Overlay, Pane};
use super::moving::{go, open};
use super::picker::{Choice, Item, Picker};
use super::row::Row;
use super::said::Said;
use super::toasts::Kind;
use super::update::{act, show};
use super::{acting, command, pages};

/// A key for a text that lies over the panes; `None` closes it.
pub(super) fn doc_key(
    model: &Model,
    mut scroll: Scroll,
    key: KeyEvent,
    page: fn(&Model, u16) -> Doc,
) -> Option<Scroll> {
    let area = pages::window(model);
    let doc = page(model, area.width);
    let (lines, height) = (doc.lines.len(), area.height);
    let half = i64::from(height.max(2) / 2);
    // While a text is typed to be looked for, letters are letters.
    if scroll.find.starts_with('/') {
        match key.code {
            KeyCode::Esc => scroll.find.clear(),
            KeyCode::Backspace if scroll.find.len() > 1 => {
                scroll.find.pop();
            }
            KeyCode::Backspace => scroll.find.clear(),
            KeyCode::Enter => {
                scroll.find.remove(0);
                scroll.find_next(&doc, false, height);
            }
            KeyCode::Char(c) if scroll.find.len() < 60 => scroll.find.push(c),
            _ => {}
        }
        return Some(scroll);
    }
    match key.code {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?' | 'H') => return None,
        KeyCode::Up | KeyCode::Char('k') => scroll.step(-1, lines, height),
        KeyCode::Down | KeyCode::Char('j') => scroll.step(1, lines, height),
        KeyCode::PageUp => scroll.step(-half * 2 + 1, lines, height),
        KeyCode::PageDown | KeyCode::Char(' ') => scroll.step(half * 2 - 1, lines, height),
        KeyCode::Home | KeyCode::Char('g') => scroll.step(i64::MIN / 2, lines, height),
        KeyCode::End | KeyCode::Char('G') => scroll.step(i64::MAX / 2, lines, height),
        KeyCode::Char('/') => scroll.find = "/".to_owned(),
        KeyCode::Char('n') => {
            scroll.find_next(&doc, false, height);
        }
        KeyCode::Char('N') => {
            scroll.find_next(&doc, true, height);
        }
        _ => {}
    }
    Some(scroll)
}

/// A key for a menu.
pub(super) fn menu_key(model: &mut Model, mut picker: Picker, key: KeyEvent, now: Now) {
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => return,
        KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => picker.step(-1),
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => picker.step(1),
        KeyCode::PageUp => picker.step(-10),
        KeyCode::PageDown => picker.step(10),
        KeyCode::Home => picker.selected = 0,
        KeyCode::End => picker.step(i64::MAX / 2),
        KeyCode::Enter | KeyCode::Char(' ') => return choose(model, picker, now),
        // The keys that stand at the right work here too.
        KeyCode::Char(_) => {
            let name = Key::of(key).name();
            if let Some(at) = picker.items.iter().position(|item| item.hint == name) {
                picker.selected = at;
                return choose(model, picker, now);
            }
        }
        _ => {}
    }
    model.overlay = Some(Overlay::Menu(picker));
}

/// Takes the selected choice of a menu.
pub(super) fn choose(model: &mut Model, picker: Picker, now: Now) {
    match picker.choice() {
        None | Some(Choice::Nothing) => {}
        Some(Choice::Do(action)) => act(model, action, now),
        Some(Choice::Go(kind, id, name)) => go(model, kind, id, &name),
        Some(Choice::Users(filter)) => {
            show(model, Pane::Users);
            command::filter(model, &filter);
        }
        Some(Choice::Unban(target, name)) => {
            acting::open(model, Act::Unban, Subject::Banned { target, name }, &Said::default(), now);
        }
        Some(Choice::Column(key)) => {
            let pane = model.pane;
            let Some(table) = model.table_mut(pane) else { return };
            if !table.hidden.remove(key) {
                table.hidden.insert(key);
            }
            columns_menu(model);
            if let Some(Overlay::Menu(menu)) = &mut model.overlay {
                menu.selected = picker.selected;
            }
        }
        Some(choice @ (Choice::Kind(_) | Choice::Kinds(_))) => {
            match choice {
                Choice::Kind(kind) => model.feed.toggle(kind),
                Choice::Kinds(shown) => {
                    for kind in EventKind::ALL {
                        if model.feed.hidden.contains(&kind) == shown {
                            model.feed.toggle(kind);
                        }
                    }
                }
                _ => {}
            }
            let selected = picker.selected;
            model.overlay = Some(Overlay::Menu(Picker { selected, ..kinds_menu(model) }));
        }
    }
}

/// The kinds of events, and which of them are shown.
pub(super) fn kinds_menu(model: &Model) -> Picker {
    let item = |label: &str, choice| Item { label: label.to_owned(), hint: String::new(), choice };
    let mut items = vec![item("show all", Choice::Kinds(true)), item("show none", Choice::Kinds(false))];
    items.extend(EventKind::ALL.map(|kind| {
        let sign = if model.feed.hidden.contains(&kind) { "[ ]" } else { "[x]" };
        item(&format!("{sign} {}", kind_name(kind)), Choice::Kind(kind))
    }));
    Picker::new("Kinds of events", items)
}

/// The columns of the table, and which of them are shown.
pub(super) fn columns_menu(model: &mut Model) {
    let Some(table) = model.table(model.pane) else { return };
    let items = columns(table.pane).iter().skip(1).map(|column| {
        let sign = if table.hidden.contains(column.key) { "[ ]" } else { "[x]" };
        let label = format!("{sign} {}", column.title);
        Item { label, hint: String::new(), choice: Choice::Column(column.key) }
    });
    model.overlay = Some(Overlay::Menu(Picker::new("Columns", items.collect())));
}

/// From a user to a room, from a room to a user, from an event to either.
pub(super) fn jump(model: &mut Model, now: Now) {
    let item = |kind, id: u32, name: &str| Item {
        label: name.to_owned(),
        hint: id.to_string(),
        choice: Choice::Go(kind, id, name.to_owned()),
    };
    let mut items: Vec<Item> = Vec::new();
    if let Some(detail) = model.details.last() {
        items.extend(detail.links().iter().map(|(kind, id, name)| item(*kind, *id, name)));
    } else if model.pane == Pane::Activity {
        let Some(entry) = model.feed.current() else { return };
        let people = [(entry.target_uid, &entry.target), (entry.actor_uid, &entry.actor)];
        for (uid, name) in people {
            if let (Some(uid), Some(name)) = (uid, name) {
                items.push(item(DetailKind::User, uid.0, name));
            }
        }
        if let (Some(room), Some(name)) = (entry.room, &entry.room_name) {
            items.push(item(DetailKind::Room, room.0, name));
        }
    } else if let Some(Row::User(row)) = model.table(model.pane).and_then(|table| table.current()) {
        for room in &row.rooms {
            let known = model.rooms.lines.iter().map(|line| &line.row).find(|known| known.id() == room.0);
            let name = known.map_or_else(|| format!("room {room}"), |row| row.name().to_owned());
            items.push(item(DetailKind::Room, room.0, &name));
        }
    } else {
        // Who is in a room stands in its details.
        return open(model);
    }
    match items.as_slice() {
        [] => model.toasts.push(Kind::Notice, "there is nothing to go to from here", now),
        [Item { choice: Choice::Go(kind, id, name), .. }] => {
            let (kind, id, name) = (*kind, *id, name.clone());
            go(model, kind, id, &name);
        }
        _ => model.overlay = Some(Overlay::Menu(Picker::new("Go to", items))),
    }
}

/// What can be done with the selected row, or the page one is on.
pub(super) fn menu(model: &mut Model) {
    let Some(subject) = model.subject() else { return };
    let context = model.context();
    let entries = available(context, model.access()).filter(|entry| match entry.action {
        Action::Act(act) => matches!(act.concerns(), Concerns::User | Concerns::Room | Concerns::Anything),
        Action::Open | Action::Jump | Action::Mark | Action::Copy => true,
        _ => false,
    });
    // Half a sentence helps nobody.
    let narrow = model.size.0 < 60;
    let item = |entry: &Entry| Item {
        label: if narrow { entry.name.to_owned() } else { format!("{:<14} {}", entry.name, entry.help) },
        hint: model.settings.keys.of(entry).first().map(|key| key.name()).unwrap_or_default(),
        choice: Choice::Do(entry.action),
    };
    model.overlay = Some(Overlay::Menu(Picker::new(subject.name(), entries.map(item).collect())));
}
