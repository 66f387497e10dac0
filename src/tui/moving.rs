//! Going about: through rows and texts, into details and back.

use crate::model::{Now, RoomId, Uid};

use super::detail::Detail;
use super::doc::Scroll;
use super::heard;
use super::keys::DetailKind;
use super::model::{Model, Overlay, Pane};
use super::toasts::Kind;
use super::update::fit;

pub(super) fn page(model: &Model) -> i64 {
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

/// Opens the details of the selected row, or the selected event.
pub(super) fn open(model: &mut Model) {
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

pub(super) fn back(model: &mut Model, now: Now) {
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
