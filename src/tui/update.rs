//! What each key, click and message changes. No clock, no socket, no terminal: what is to be done
//! outside is returned.

use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::Now;

use super::doc::Scroll;
use super::keys::{Action, Key, lookup};
use super::model::{Command, Event, Link, Model, Overlay, Pane, Pending, Prompt, PromptKind, Slot};
use super::moving::{back, find, open, page, step};
use super::palette::Palette;
use super::theme::ThemeName;
use super::toasts::Kind;
use super::{acting, command, heard, menus, mouse, pages};
use crate::control::wire::Request;

/// Takes in an event, and says what is to be done outside.
pub(super) fn update(model: &mut Model, event: Event, now: Now) -> Vec<Command> {
    model.dirty |= match event {
        Event::Terminal(Input::Key(key)) if key.kind != KeyEventKind::Release => {
            self::key(model, key, now);
            true
        }
        Event::Terminal(Input::Mouse(event)) => mouse::mouse(model, event, now),
        Event::Terminal(Input::Paste(text)) => {
            paste(model, &text);
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
        Some(Overlay::Menu(picker)) => return menus::menu_key(model, picker, key, now),
        Some(Overlay::Help(scroll)) => {
            if let Some(scroll) = menus::doc_key(model, scroll, key, pages::help) {
                model.overlay = Some(Overlay::Help(scroll));
            }
            return;
        }
        Some(Overlay::Notices(scroll)) => {
            if let Some(scroll) = menus::doc_key(model, scroll, key, pages::notices) {
                model.overlay = Some(Overlay::Notices(scroll));
            }
            return;
        }
        Some(Overlay::Event(scroll)) => {
            let action = lookup(Key::of(key), model.context(), model.access(), &model.settings.keys);
            if action == Some(Action::Jump) {
                menus::jump(model, now);
            } else if let Some(scroll) = menus::doc_key(model, scroll, key, pages::event) {
                model.overlay = Some(Overlay::Event(scroll));
            }
            return;
        }
        None => {}
    }
    if model.prompt.is_some() {
        return command::prompt_key(model, key, now);
    }
    match lookup(Key::of(key), model.context(), model.access(), &model.settings.keys) {
        Some(action) => act(model, action, now),
        None if key.code == KeyCode::Esc => act(model, Action::Back, now),
        None => {}
    }
}

fn paste(model: &mut Model, text: &str) {
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
                command::prompt_changed(model);
            }
        }
    }
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
        Action::Jump => menus::jump(model, now),
        Action::Menu => menus::menu(model),
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
        Action::Kinds => model.overlay = Some(Overlay::Menu(menus::kinds_menu(model))),
        Action::Closer => model.metrics.zoom(false),
        Action::Wider => model.metrics.zoom(true),
        Action::ResetZoom => model.metrics.reset_zoom(),
        Action::Bans => list(model, Request::Bans, Pending::Bans, now),
        Action::Palette => model.overlay = Some(Overlay::Palette(Palette::default())),
        Action::Help => model.overlay = Some(Overlay::Help(Scroll::default())),
        Action::Notices => model.overlay = Some(Overlay::Notices(Scroll::default())),
        Action::Undo => acting::undo(model, now),
        Action::Columns => menus::columns_menu(model),
        Action::Connections => list(model, Request::Quality, Pending::Quality, now),
        Action::Closed => list(model, Request::Closed, Pending::Closed, now),
        Action::TopTalkers => {
            show(model, Pane::Users);
            (model.users.sort, model.users.descending) = ("messages", true);
            resort(model);
        }
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

fn sort(model: &mut Model, left: bool) {
    let width = model.regions().body.width;
    let shown: Vec<_> = model
        .table(model.pane)
        .map(|table| super::tables::placed(table, width))
        .unwrap_or_default()
        .into_iter()
        .map(|(column, ..)| column)
        .collect();
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

/// Asks for a list that opens when it comes.
fn list(model: &mut Model, request: Request, pending: Pending, now: Now) {
    if model.connected() {
        model.request(request, pending);
    } else {
        model.toasts.push(Kind::Failed, "not connected", now);
    }
}
