//! What each key, click and message changes. No clock, no socket, no terminal: what is to be done
//! outside is returned.

use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::{Now, RoomId, Uid};

use super::detail::Detail;
use super::dialog::Subject;
use super::doc::{Doc, Scroll};
use super::feed::kind_name;
use super::keys::{Action, Concerns, DetailKind, Key, available, lookup};
use super::model::{Command, Event, Link, Model, Overlay, Pane, Pending, Prompt, PromptKind, Slot};
use super::palette::Palette;
use super::picker::{Choice, Item, Picker};
use super::theme::ThemeName;
use super::toasts::Kind;
use super::{acting, command, heard, mouse, pages};
use crate::control::wire::Request;
use crate::hub::EventKind;

/// Takes in an event, and says what is to be done outside.
pub(super) fn update(model: &mut Model, event: Event, now: Now) -> Vec<Command> {
    model.dirty |= match event {
        Event::Terminal(Input::Key(key)) if key.kind != KeyEventKind::Release => {
            self::key(model, key, now);
            true
        }
        Event::Terminal(Input::Mouse(event)) => mouse::mouse(model, event, now),
        Event::Terminal(Input::Paste(text)) => {
            paste(model, &text, now);
            true
        }
        Event::Terminal(Input::Resize(width, height)) => {
            model.size = (width, height);
            fit(model);
            true
        }
        Event::Terminal(_) => false,
        Event::Link(event) => {
            heard::link(model, event, now);
            true
        }
        Event::Tick => true,
        Event::Resumed => {
            model.commands.push(Command::Repaint);
            true
        }
        Event::Terminate => {
            model.commands.push(Command::Quit);
            false
        }
        Event::Told(told) => {
            match told {
                Ok(text) => model.toasts.push(Kind::Done, text, now),
                Err(text) => model.toasts.push(Kind::Failed, text, now),
            }
            true
        }
    };
    std::mem::take(&mut model.commands)
}

/// Fits the tables to the screen.
pub(super) fn fit(model: &mut Model) {
    let rows = model.regions().rows();
    let pane = model.pane;
    if let Some(table) = model.table_mut(pane) {
        let need = table.resize(rows.into());
        heard::satisfy(model, pane, need);
    }
}

fn key(model: &mut Model, key: KeyEvent, now: Now) {
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        model.commands.push(Command::Quit);
        return;
    }
    match model.overlay.take() {
        Some(Overlay::Dialog(dialog)) => return acting::dialog_key(model, dialog, key, now),
        Some(Overlay::Palette(palette)) => return command::palette_key(model, palette, key, now),
        Some(Overlay::Menu(picker)) => return menu_key(model, picker, key, now),
        Some(Overlay::Help(scroll)) => {
            if let Some(scroll) = doc_key(model, scroll, key, pages::help) {
                model.overlay = Some(Overlay::Help(scroll));
            }
            return;
        }
        Some(Overlay::Notices(scroll)) => {
            if let Some(scroll) = doc_key(model, scroll, key, pages::notices) {
                model.overlay = Some(Overlay::Notices(scroll));
            }
            return;
        }
        Some(Overlay::Event(scroll)) => {
            let jump = Key::of(key) == Key::of(KeyEvent::from(KeyCode::Char('J')));
            if jump {
                self::jump(model, now);
            } else if let Some(scroll) = doc_key(model, scroll, key, pages::event) {
                model.overlay = Some(Overlay::Event(scroll));
            }
            return;
        }
        None => {}
    }
    if model.prompt.is_some() {
        return command::prompt_key(model, key, now);
    }
    match lookup(Key::of(key), model.context(), model.access()) {
        Some(action) => act(model, action, now),
        None if key.code == KeyCode::Esc => act(model, Action::Back, now),
        None => {}
    }
}

fn paste(model: &mut Model, text: &str, now: Now) {
    match &mut model.overlay {
        Some(Overlay::Palette(palette)) => palette.input.paste(text),
        Some(Overlay::Dialog(dialog)) => {
            let focus = dialog.focus;
            if let Some(super::dialog::Value::Text(input)) =
                dialog.fields.get_mut(focus).map(|field| &mut field.value)
            {
                input.paste(text);
            }
        }
        Some(_) => {}
        None => {
            if let Some(prompt) = &mut model.prompt {
                prompt.input.paste(text);
                command::prompt_changed(model, now);
            }
        }
    }
}

/// A key for a text that lies over the panes; `None` closes it.
fn doc_key(model: &Model, mut scroll: Scroll, key: KeyEvent, page: fn(&Model, u16) -> Doc) -> Option<Scroll> {
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

fn menu_key(model: &mut Model, mut picker: Picker, key: KeyEvent, now: Now) {
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
        Some(Choice::Unban(target, name)) => {
            acting::open(model, super::keys::Act::Unban, Subject::Banned { target, name }, "", now);
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

fn kinds_menu(model: &Model) -> Picker {
    let item = |label: &str, choice| Item { label: label.to_owned(), hint: String::new(), choice };
    let mut items = vec![item("show all", Choice::Kinds(true)), item("show none", Choice::Kinds(false))];
    items.extend(EventKind::ALL.map(|kind| {
        let sign = if model.feed.hidden.contains(&kind) { "[ ]" } else { "[x]" };
        item(&format!("{sign} {}", kind_name(kind)), Choice::Kind(kind))
    }));
    Picker::new("Kinds of events", items)
}

/// Does what a key, a menu or the palette asks for.
pub(super) fn act(model: &mut Model, action: Action, now: Now) {
    match action {
        Action::Act(act) => acting::begin(model, act, now),
        Action::Pane(pane) => show(model, pane),
        Action::NextPane => show(model, model.pane.next(1)),
        Action::PreviousPane => show(model, model.pane.next(Pane::ALL.len() - 1)),
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::PageUp => step(model, -page(model)),
        Action::PageDown => step(model, page(model)),
        Action::Home => step(model, -i64::from(u32::MAX)),
        Action::End => step(model, i64::from(u32::MAX)),
        Action::Left if model.pane == Pane::Metrics => model.metrics.zoom(true),
        Action::Right if model.pane == Pane::Metrics => model.metrics.zoom(false),
        Action::Left | Action::Right => {}
        Action::Open => open(model),
        Action::Back => back(model, now),
        Action::Jump => jump(model, now),
        Action::Menu => menu(model),
        Action::Mark => {
            let need = model.users.mark();
            heard::satisfy(model, Pane::Users, need);
        }
        Action::Filter => command::open_filter(model),
        Action::Search => {
            let before = String::new();
            model.prompt = Some(Prompt { kind: PromptKind::Search, input: Default::default(), before });
        }
        Action::NextMatch => find(model, false, now),
        Action::PreviousMatch => find(model, true, now),
        Action::SortLeft | Action::SortRight => sort(model, action == Action::SortLeft),
        Action::Invert => {
            let pane = model.pane;
            if let Some(table) = model.table_mut(pane) {
                table.descending = !table.descending;
                resort(model);
            }
        }
        Action::Pause => pause(model, model.paused.is_none()),
        Action::Zoom => {
            model.zoom = !model.zoom;
            fit(model);
        }
        Action::Follow => model.feed.selected = None,
        Action::Kinds => model.overlay = Some(Overlay::Menu(kinds_menu(model))),
        Action::Closer => model.metrics.zoom(false),
        Action::Wider => model.metrics.zoom(true),
        Action::ResetZoom => model.metrics.reset_zoom(),
        Action::Bans => {
            if model.connected() {
                model.request(Request::Bans, Pending::Bans);
            } else {
                model.toasts.push(Kind::Failed, "not connected", now);
            }
        }
        Action::Palette => model.overlay = Some(Overlay::Palette(Palette::default())),
        Action::Help => model.overlay = Some(Overlay::Help(Scroll::default())),
        Action::Notices => model.overlay = Some(Overlay::Notices(Scroll::default())),
        Action::Dismiss => {
            model.toasts.dismiss(now);
        }
        Action::Theme => {
            let at = ThemeName::ALL.iter().position(|name| *name == model.theme_name).unwrap_or_default();
            model.theme_name = ThemeName::ALL.iter().cycle().nth(at + 1).copied().unwrap_or_default();
            model.toasts.push(Kind::Notice, format!("theme {}", model.theme_name.name()), now);
        }
        Action::Copy => copy(model, now),
        Action::Dump => {
            let text = pages::dump(model, now);
            model.commands.push(Command::Dump(text));
        }
        Action::Retry => {
            if matches!(model.link, Link::Waiting { .. }) {
                model.commands.push(Command::Retry);
            } else {
                model.toasts.push(Kind::Notice, "connected already", now);
            }
        }
        Action::Repaint => model.commands.push(Command::Repaint),
        Action::Suspend => model.commands.push(Command::Suspend),
        Action::Quit => model.commands.push(Command::Quit),
    }
}

/// Goes to a pane.
pub(super) fn show(model: &mut Model, pane: Pane) {
    let inside = !model.details.is_empty();
    model.details.clear();
    if inside {
        heard::watch_detail(model);
    }
    if model.pane == pane {
        return fit(model);
    }
    model.pane = pane;
    if pane == Pane::Activity {
        model.seen = model.feed.newest();
    }
    // What is frozen is what was seen; another pane has never been seen.
    if model.paused.is_some() {
        pause(model, false);
    } else {
        heard::watch_table(model, None);
    }
}

fn page(model: &Model) -> i64 {
    i64::from(model.regions().rows().max(2)) - 1
}

/// Goes so many rows or lines down.
pub(super) fn step(model: &mut Model, delta: i64) {
    let body = model.regions().body;
    if let Some(detail) = model.details.last_mut() {
        let lines = detail.doc(body.width, model.detail_gone).lines.len();
        detail.scroll.step(delta, lines, body.height.saturating_sub(1));
        return;
    }
    let pane = model.pane;
    match pane {
        Pane::Activity if delta <= -i64::from(u32::MAX) => model.feed.home(),
        Pane::Activity => model.feed.step(delta),
        Pane::Metrics => model.metrics.step(delta),
        _ => {
            let paused = model.paused.is_some();
            let Some(table) = model.table_mut(pane) else { return };
            // A frozen window has no other rows than those that are here.
            let delta = if paused {
                let (first, count) = (i64::from(table.offset), table.lines.len() as i64);
                let here = i64::from(table.cursor);
                (here + delta).clamp(first, (first + count - 1).max(first)) - here
            } else {
                delta
            };
            let need = table.step(delta);
            table.asked = 0;
            heard::satisfy(model, pane, need);
        }
    }
}

fn open(model: &mut Model) {
    if model.pane == Pane::Activity {
        if model.feed.current().is_some() {
            model.overlay = Some(Overlay::Event(Scroll::default()));
        }
        return;
    }
    let here = model.table(model.pane).and_then(|table| table.current());
    let Some((id, name)) = here.map(|row| (row.id(), row.name().to_owned())) else { return };
    let kind = if model.pane == Pane::Rooms { DetailKind::Room } else { DetailKind::User };
    go(model, kind, id, &name);
}

/// Opens the details of a user or room.
pub(super) fn go(model: &mut Model, kind: DetailKind, id: u32, name: &str) {
    let detail = match kind {
        DetailKind::User => Detail::user(Uid(id), name),
        DetailKind::Room => Detail::room(RoomId(id), name),
    };
    // Going round in circles shall not take memory.
    if model.details.len() >= 20 {
        model.details.remove(0);
    }
    model.details.push(detail);
    heard::watch_detail(model);
}

fn back(model: &mut Model, now: Now) {
    if model.details.pop().is_some() {
        heard::watch_detail(model);
        return fit(model);
    }
    if model.toasts.dismiss(now) {
        return;
    }
    if !model.users.marked.is_empty() && model.pane == Pane::Users {
        model.users.marked.clear();
    } else if model.pane == Pane::Activity {
        model.feed.selected = None;
    }
}

/// From a user to a room, from a room to a user, from an event to either.
fn jump(model: &mut Model, now: Now) {
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
    } else if let Some(super::table::Row::User(row)) =
        model.table(model.pane).and_then(|table| table.current())
    {
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
    let item = |entry: &super::keys::Entry| Item {
        label: format!("{:<13} {}", entry.name, entry.help),
        hint: entry.keys.first().map(|key| key.name()).unwrap_or_default(),
        choice: Choice::Do(entry.action),
    };
    model.overlay = Some(Overlay::Menu(Picker::new(subject.name(), entries.map(item).collect())));
}

/// Looks for the next place, or the one before.
pub(super) fn find(model: &mut Model, back: bool, now: Now) {
    let body = model.regions().body;
    let found = match model.details.last_mut() {
        Some(detail) => {
            let doc = detail.doc(body.width, model.detail_gone);
            detail.scroll.find_next(&doc, back, body.height.saturating_sub(1))
        }
        None => !model.feed.find.is_empty() && model.feed.find_next(!back),
    };
    if !found {
        model.toasts.push(Kind::Notice, "not found", now);
    }
}

fn sort(model: &mut Model, left: bool) {
    let width = model.regions().body.width;
    let shown: Vec<_> =
        super::tables::placed(model.pane, width).into_iter().map(|(column, ..)| column).collect();
    let pane = model.pane;
    if let Some(table) = model.table_mut(pane) {
        table.sort_next(&shown, left);
        resort(model);
    }
}

/// Shows the table in another order. Whoever wants another order wants to see it: a pause ends.
pub(super) fn resort(model: &mut Model) {
    if model.paused.is_some() {
        pause(model, false);
    } else {
        heard::watch_table(model, None);
    }
}

/// Freezes what is shown, or shows what has come since.
pub(super) fn pause(model: &mut Model, paused: bool) {
    model.feed.pause(paused);
    model.metrics.pause(paused);
    model.paused = paused.then_some(0);
    if !paused {
        model.unwatch(Slot::Detail);
        heard::watch_table(model, None);
        heard::watch_detail(model);
    }
}

fn copy(model: &mut Model, now: Now) {
    let name = model.subject().map(|subject| subject.name());
    let name = name.or_else(|| model.feed.current().map(super::feed::sentence));
    match name {
        Some(name) => {
            let name = crate::model::display_safe(&name);
            model.toasts.push(Kind::Notice, format!("copied {name}"), now);
            model.commands.push(Command::Copy(name));
        }
        None => model.toasts.push(Kind::Notice, "there is nothing to copy here", now),
    }
}
