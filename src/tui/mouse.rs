//! The mouse. What lies where is asked of the view itself, so that both never differ.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::model::Now;

use super::doc::Scroll;
use super::keys::Action;
use super::model::{Model, Overlay, Pane};
use super::paint::Hit;
use super::{acting, heard, menus, moving, pages, update, view};

/// Two clicks within this are a double click.
const DOUBLE: Duration = Duration::from_millis(400);
/// Rows that one notch of the wheel moves.
const NOTCH: i64 = 3;

/// Takes in what the mouse does; whether anything has changed.
pub(super) fn mouse(model: &mut Model, event: MouseEvent, now: Now) -> bool {
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click(model, (event.column, event.row), now),
        MouseEventKind::ScrollUp => wheel(model, -NOTCH),
        MouseEventKind::ScrollDown => wheel(model, NOTCH),
        // Moving says nothing, and must not cost anything.
        _ => return false,
    }
    true
}

fn wheel(model: &mut Model, delta: i64) {
    let area = pages::window(model);
    let lines = |doc: super::doc::Doc| doc.lines.len();
    let count = match &model.overlay {
        Some(Overlay::Help(_)) => lines(pages::help(model, area.width)),
        Some(Overlay::Notices(_)) => lines(pages::notices(model, area.width)),
        Some(Overlay::Event(_)) => lines(pages::event(model, area.width)),
        _ => 0,
    };
    match &mut model.overlay {
        Some(Overlay::Help(scroll) | Overlay::Notices(scroll) | Overlay::Event(scroll)) => {
            scroll.step(delta, count, area.height);
        }
        Some(Overlay::Menu(picker)) => picker.step(delta.signum()),
        Some(_) => {}
        None => moving::step(model, delta),
    }
}

fn click(model: &mut Model, at: (u16, u16), now: Now) {
    let (width, height) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let hits = view::draw(model, &mut buffer, now);
    let position = Position::new(at.0, at.1);
    let Some(hit) = hits.into_iter().rev().find(|(area, _)| area.contains(position)).map(|(_, hit)| hit)
    else {
        return;
    };
    let double = model
        .last_click
        .take()
        .is_some_and(|(when, place)| place == at && now.uptime - when.min(now.uptime) <= DOUBLE);
    if !double {
        model.last_click = Some((now.uptime, at));
    }
    match hit {
        Hit::Tab(pane) => update::show(model, pane),
        Hit::Row(index) => {
            let pane = model.pane;
            if let Some(table) = model.table_mut(pane) {
                let need = table.select(index);
                heard::satisfy(model, pane, need);
            }
            if double {
                update::act(model, Action::Open, now);
            }
        }
        Hit::Event(seq) => {
            if model.pane == Pane::Activity {
                model.feed.selected = Some(seq);
                if double {
                    model.overlay = Some(Overlay::Event(Scroll::default()));
                }
            } else if double {
                update::show(model, Pane::Activity);
                model.feed.selected = Some(seq);
            }
        }
        Hit::Column(key) => {
            let pane = model.pane;
            if let Some(table) = model.table_mut(pane) {
                table.sort_by(key);
                update::resort(model);
            }
        }
        Hit::Metric(index) => model.metrics.selected = index,
        Hit::Choice(index) => {
            if let Some(Overlay::Menu(mut picker)) = model.overlay.take() {
                picker.selected = index;
                menus::choose(model, picker, now);
            }
        }
        Hit::Focus(place) => {
            if let Some(Overlay::Dialog(mut dialog)) = model.overlay.take() {
                dialog.focus = place;
                dialog.error = None;
                if place >= dialog.cancel() {
                    acting::press(model, dialog, now);
                } else {
                    model.overlay = Some(Overlay::Dialog(dialog));
                }
            }
        }
        Hit::Action(action) => update::act(model, action, now),
        Hit::Nothing => {}
    }
}
