//! What lies over the panes: texts, menus, dialogs, the palette, and messages.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::model::Now;

use super::command::suggestions;
use super::dialog::{Dialog, Value};
use super::doc::{Doc, Scroll};
use super::format::{clip, count, wrap};
use super::input::Input;
use super::keys::{Act, Action, Danger};
use super::layout::Regions;
use super::model::{Model, Overlay, Pending};
use super::pages;
use super::paint::{Hit, Painter};
use super::palette::Palette;
use super::panes::doc_text;
use super::picker::Picker;
use super::theme::Tone;
use super::toasts::Kind;

/// Draws what lies over the panes, if anything does.
pub(super) fn draw(painter: &mut Painter<'_>, model: &Model) {
    let inner = pages::window(model);
    match &model.overlay {
        None => {}
        Some(Overlay::Help(scroll)) => doc(painter, model, "Help", &pages::help(model, inner.width), scroll),
        Some(Overlay::Notices(scroll)) => {
            doc(painter, model, "Notices", &pages::notices(model, inner.width), scroll)
        }
        Some(Overlay::Event(scroll)) => {
            doc(painter, model, "Event", &pages::event(model, inner.width), scroll)
        }
        Some(Overlay::Menu(picker)) => menu(painter, model, picker),
        Some(Overlay::Dialog(shown)) => dialog(painter, model, shown),
        Some(Overlay::Palette(shown)) => palette(painter, model, shown),
    }
}

/// A window of that size in the middle, and what is left inside its frame with a column of air.
fn window(painter: &mut Painter<'_>, model: &Model, title: &str, width: u16, height: u16) -> Rect {
    let (columns, lines) = model.size;
    let (width, height) = (width.min(columns), height.min(lines));
    let area = Rect { x: (columns - width) / 2, y: (lines - height) / 2, width, height };
    // A click beside what lies above shall not hit what lies below.
    painter.hit(Rect::new(0, 0, columns, lines), Hit::Nothing);
    painter.clear(area);
    let style = painter.theme.accent.remove_modifier(Modifier::BOLD);
    let inner = painter.frame(area, title, style);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

fn doc(painter: &mut Painter<'_>, model: &Model, title: &str, doc: &Doc, scroll: &Scroll) {
    let inner = pages::window(model);
    let area = window(painter, model, title, inner.width + 4, inner.height + 2);
    doc_text(painter, doc, scroll, area);
    let (text, tone) = match scroll.find.strip_prefix('/') {
        Some(typed) => (format!(" find {typed}_ "), Tone::Accent),
        None => (" Esc closes, / finds ".to_owned(), Tone::Dim),
    };
    let style = painter.theme.of(tone);
    painter.text(area.x + 1, area.bottom(), area.width.saturating_sub(2), &text, style);
}

fn menu(painter: &mut Painter<'_>, model: &Model, picker: &Picker) {
    let widest =
        picker.items.iter().map(|item| painter.columns(&item.label) + painter.columns(&item.hint) + 3).max();
    let title = painter.columns(&picker.title) + 4;
    let width = widest.unwrap_or_default().max(title).clamp(24, 100) + 6;
    let height = (picker.items.len() as u16).min(model.size.1.saturating_sub(4)) + 2;
    let area = window(painter, model, &picker.title, width, height);
    let lines = usize::from(area.height);
    let first = picker.selected.saturating_sub(lines / 2).min(picker.items.len().saturating_sub(lines));
    for (y, (index, item)) in (area.y..area.bottom()).zip(picker.items.iter().enumerate().skip(first)) {
        let line = Rect { y, height: 1, ..area };
        painter.hit(line, Hit::Choice(index));
        let theme = painter.theme;
        let hint = painter.columns(&item.hint);
        if index == picker.selected {
            painter.style(line, theme.selected);
            let cursor = painter.glyphs.cursor;
            painter.text(line.x, y, 1, cursor, theme.accent);
        }
        let room = line.width.saturating_sub(4);
        painter.text(line.x + 2, y, room.saturating_sub(hint), &item.label, theme.text);
        painter.right(line.x + 2, y, room + 1, &item.hint, theme.accent);
    }
}

fn dialog(painter: &mut Painter<'_>, model: &Model, dialog: &Dialog) {
    let facts = dialog.facts();
    let danger = dialog.danger();
    // Below that a dialog is drawn without air.
    let roomy = model.size.1 >= 20;
    let width = 64.min(model.size.0.saturating_sub(2));
    let inner_width = usize::from(width.saturating_sub(4));
    let mut lines: Vec<(String, String)> = Vec::new();
    for (name, value) in &facts {
        let value = painter.shown(value);
        let room = inner_width.saturating_sub(10);
        let mut parts = wrap(&value, room);
        if parts.len() > 3 {
            parts.truncate(3);
            if let Some(last) = parts.last_mut() {
                let more = painter.glyphs.more;
                *last = format!("{} {more}", clip(last, room.saturating_sub(2), ""));
            }
        }
        for (index, part) in parts.into_iter().enumerate() {
            lines.push((if index == 0 { (*name).to_owned() } else { String::new() }, part));
        }
    }
    let air = u16::from(roomy);
    let above = if lines.is_empty() { 0 } else { air };
    let notes = u16::from(dialog.code.is_some()) + 1;
    let height = 2 + lines.len() as u16 + above + dialog.fields.len() as u16 + notes + air + 1;
    let title = format!("{}?", dialog.title());
    let area = window(painter, model, &title, width, height);
    let theme = painter.theme;
    let mut y = area.y;
    for (name, value) in &lines {
        painter.text(area.x, y, 9, name, theme.dim);
        painter.text(area.x + 10, y, area.width.saturating_sub(10), value, theme.strong);
        y += 1;
    }
    y += above;
    for (place, field) in dialog.fields.iter().enumerate() {
        if y >= area.bottom() {
            break;
        }
        let focused = dialog.focus == place;
        let style = if focused { theme.accent } else { theme.dim };
        painter.text(area.x, y, 9, field.label, style);
        let (x, room) = (area.x + 10, area.width.saturating_sub(10));
        painter.hit(Rect { x: area.x, y, width: area.width, height: 1 }, Hit::Focus(place));
        if matches!(field.value, Value::Text(_)) {
            // What can be typed into is seen to be so.
            painter.style(Rect { x, y, width: room, height: 1 }, theme.field);
        }
        match &field.value {
            Value::Text(text) if focused => input(painter, text, x, y, room, field.example),
            Value::Text(text) if text.text().is_empty() => {
                painter.text(x, y, room, field.example, theme.dim);
            }
            Value::Text(text) => {
                painter.text(x, y, room, text.text(), theme.text);
            }
            Value::Choice { options, at } => {
                let option = options.get(*at).map_or("", String::as_str);
                let text = if options.len() > 1 { format!("< {option} >") } else { option.to_owned() };
                painter.text(x, y, room, &text, if focused { theme.accent } else { theme.text });
            }
        }
        y += 1;
    }
    if let Some(code) = &dialog.code {
        let why = match dialog.act {
            _ if area.width < 56 => "",
            Act::MaintenanceOn => "All but staff have to leave. ",
            Act::Mute | Act::MuteMedia | Act::Ban => "It concerns many. ",
            _ => "This cannot be taken back. ",
        };
        let text = format!("{} {why}Type {code} to go on.", painter.glyphs.warning);
        painter.text(area.x, y, area.width, &text, theme.warn);
        y += 1;
    }
    if let Some(error) = &dialog.error {
        let text = format!("{} {error}", painter.glyphs.failed);
        painter.text(area.x, y, area.width, &text, theme.bad);
    }
    let y = area.bottom().saturating_sub(1);
    let mut x = area.right();
    for (place, label) in [(dialog.cancel() + 1, dialog.button()), (dialog.cancel(), "Cancel")] {
        let focused = dialog.focus == place;
        let label = if focused { format!("[ {label} ]") } else { format!("  {label}  ") };
        let columns = painter.columns(&label).min(area.width);
        x = x.saturating_sub(columns).max(area.x);
        let does = place > dialog.cancel();
        let style = match (focused, does && danger >= Danger::Moderate) {
            (true, true) => theme.bad.add_modifier(Modifier::REVERSED),
            (true, false) => theme.accent.add_modifier(Modifier::REVERSED),
            (false, true) => theme.bad,
            (false, false) => theme.text,
        };
        painter.text(x, y, columns, &label, style);
        painter.hit(Rect { x, y, width: columns, height: 1 }, Hit::Focus(place));
        x = x.saturating_sub(2).max(area.x);
    }
    let hint = "Tab goes on, Esc cancels";
    if painter.columns(hint) < x.saturating_sub(area.x) {
        painter.text(area.x, y, area.width, hint, theme.dim);
    }
}

/// A line that is typed into, with its cursor. What is too long is shown around the cursor.
pub(super) fn input(painter: &mut Painter<'_>, input: &Input, x: u16, y: u16, room: u16, example: &str) {
    let theme = painter.theme;
    if input.text().is_empty() && room > 2 {
        painter.text(x + 1, y, room - 1, example, theme.dim);
    }
    let before = painter.shown(&input.before_cursor());
    let all = painter.shown(input.text());
    let after = all.strip_prefix(before.as_str()).unwrap_or_default().to_owned();
    let mut visible = before.as_str();
    while painter.columns(visible) + 1 > room {
        let mut chars = visible.chars();
        if chars.next().is_none() {
            break;
        }
        visible = chars.as_str();
    }
    let visible = visible.to_owned();
    let mut at = x + painter.text(x, y, room, &visible, theme.text);
    let mut rest = after.chars();
    let under = rest.next().map_or_else(|| " ".to_owned(), |c| c.to_string());
    let cursor = theme.text.add_modifier(Modifier::REVERSED);
    at += painter.text(at, y, (x + room).saturating_sub(at), &under, cursor);
    painter.text(at, y, (x + room).saturating_sub(at), rest.as_str(), theme.text);
}

fn palette(painter: &mut Painter<'_>, model: &Model, palette: &Palette) {
    let found = suggestions(model, palette);
    let width = 72.min(model.size.0.saturating_sub(2));
    let lines = (found.len() as u16).clamp(1, 10).min(model.size.1.saturating_sub(6));
    let area = window(painter, model, "Command", width, lines + 4);
    let theme = painter.theme;
    painter.text(area.x, area.y, 2, ": ", theme.accent);
    input(painter, &palette.input, area.x + 2, area.y, area.width.saturating_sub(2), "what to do");
    painter.rule(area.x, area.y + 1, area.width);
    let list = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    if found.is_empty() {
        painter.text(list.x, list.y, list.width, "nothing fits", theme.dim);
    }
    let height = usize::from(list.height);
    let first = palette.selected.saturating_sub(height / 2).min(found.len().saturating_sub(height));
    for (y, (index, (name, help))) in (list.y..list.bottom()).zip(found.iter().enumerate().skip(first)) {
        let line = Rect { y, height: 1, ..list };
        if index == palette.selected {
            painter.style(line, theme.selected);
            let cursor = painter.glyphs.cursor;
            painter.text(line.x, y, 1, cursor, theme.accent);
        }
        // Half a sentence helps nobody.
        let names = if line.width < 50 { line.width.saturating_sub(2) } else { 18 };
        painter.text(line.x + 2, y, names, name, theme.text);
        painter.text(line.x + 3 + names, y, line.width.saturating_sub(names + 3), help, theme.dim);
    }
}

/// What is under way, with a wheel that turns.
pub(super) fn under_way(painter: &Painter<'_>, model: &Model, now: Now) -> String {
    let orders = model.pending.values().filter_map(|pending| match pending {
        Pending::Order { text, since, done, of, .. } => {
            let steps = if *of > 0 { format!(" {}%", done.saturating_mul(100) / of) } else { String::new() };
            Some((format!("{text}…{steps}"), *since))
        }
        Pending::Lookup { .. } => Some(("looking up…".to_owned(), now.uptime)),
        _ => None,
    });
    let orders: Vec<_> = orders.collect();
    let Some((text, since)) = orders.first() else { return String::new() };
    let spinner = painter.glyphs.spinner;
    let turn = (now.uptime.saturating_sub(*since).as_millis() / 120) as usize % spinner.len().max(1);
    let more = if orders.len() > 1 {
        format!("  and {} more", count(orders.len() as u64 - 1))
    } else {
        String::new()
    };
    format!("{} {text}{more}", spinner.get(turn).unwrap_or(&""))
}

/// Lines of one message; more of it stands in the page of notices.
const TOLD: usize = 3;

/// Messages, above the footer at the right.
pub(super) fn toasts(painter: &mut Painter<'_>, model: &Model, regions: &Regions, now: Now) {
    let area = regions.footer;
    let mut y = area.y;
    for toast in model.toasts.shown(now).take(3) {
        let (sign, tone) = match toast.kind {
            Kind::Done => (painter.glyphs.done, Tone::Good),
            Kind::Notice => (painter.glyphs.info, Tone::Accent),
            Kind::Failed => (painter.glyphs.failed, Tone::Bad),
        };
        let close = if toast.kind == Kind::Failed { "  x" } else { "" };
        let most = usize::from(area.width.min(90)).saturating_sub(6 + close.len());
        let parts = toast.text.lines().flat_map(|line| wrap(&painter.shown(line), most));
        let mut parts: Vec<String> = parts.collect();
        if parts.len() > TOLD {
            parts.truncate(TOLD - 1);
            let key = model.settings.keys.name_of(Action::Notices, model.context(), model.access());
            parts.push(key.map_or_else(
                || painter.glyphs.more.to_owned(),
                |key| format!("{} {key} shows all of it", painter.glyphs.more),
            ));
        }
        if let Some(last) = parts.last_mut() {
            *last += close;
        }
        // What goes on in the next line stands under its beginning, not under the sign.
        let lines = parts.into_iter().enumerate();
        let lines: Vec<String> =
            lines.map(|(at, line)| format!(" {} {line} ", if at == 0 { sign } else { " " })).collect();
        let height = lines.len() as u16;
        if y < regions.tabs.bottom() + height {
            break;
        }
        y -= height;
        let wide = lines.iter().map(|line| painter.columns(line)).max().unwrap_or_default() + 2;
        let place = Rect { x: area.right().saturating_sub(wide), y, width: wide, height };
        painter.clear(place);
        let style = painter.theme.of(tone);
        let bar = if painter.glyphs.ascii { "|" } else { "▌" };
        for (y, line) in (y..).zip(&lines) {
            painter.text(place.x, y, 1, bar, style);
            painter.text(place.x + 1, y, wide - 1, line, style);
        }
        painter.hit(place, Hit::Action(Action::Dismiss));
    }
}
