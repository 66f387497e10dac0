//! The panes that are no tables, what stands beside them, and the pages of details.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::hub::feed::Level;
use crate::hub::{EventKind, FeedEntry};

use super::detail::Detail;
use super::doc::{Doc, Scroll};
use super::feed::{kind_name, sentence};
use super::format::{clock, count};
use super::gauges::small;
use super::metrics::METRICS;
use super::model::{Link, Model};
use super::paint::{Hit, Painter};
use super::tables::message;
use super::theme::Tone;

/// Columns of the kind of an event, and where there is little room.
const KIND: (u16, u16) = (12, 9);
/// Columns from which there is room for seconds and whole kinds.
const ROOMY: u16 = 64;

/// One event on one line.
fn event(painter: &mut Painter<'_>, entry: &FeedEntry, area: Rect, selected: bool) {
    let (glyphs, theme) = (painter.glyphs, painter.theme);
    let (sign, tone) = match entry.kind.level() {
        Level::Info => (glyphs.info, Tone::Dim),
        Level::Notice => (glyphs.notice, Tone::Accent),
        Level::Warning => (glyphs.warning, Tone::Warn),
    };
    let style = theme.of(tone);
    let mut x = area.x + 2;
    let room = |x: u16| area.right().saturating_sub(x);
    let time = clock(entry.at);
    let roomy = area.width >= ROOMY;
    let columns = if roomy { KIND.0 } else { KIND.1 };
    let time = if !roomy { time.get(..5).unwrap_or_default() } else { time.as_str() };
    x += painter.text(x, area.y, room(x), time, theme.dim) + 1;
    painter.text(x, area.y, 1, sign, style);
    x += 2;
    let kind = kind_name(entry.kind);
    painter.text(x, area.y, columns.min(room(x)), &kind, style);
    x += columns + 1;
    let loud =
        matches!(entry.kind, EventKind::SignIn | EventKind::SignOut | EventKind::Join | EventKind::Leave);
    painter.text(x, area.y, room(x), &sentence(entry), if loud { theme.dim } else { theme.text });
    if selected {
        let (cursor, style) = (glyphs.cursor, theme.accent);
        let ground = theme.selected;
        painter.style(area, ground);
        painter.text(area.x, area.y, 1, cursor, style);
    }
}

/// The newest events that fit, the newest at the bottom.
fn events(painter: &mut Painter<'_>, model: &Model, area: Rect, selected: Option<u64>) {
    let shown: Vec<&FeedEntry> = match selected {
        None => model.feed.shown().take(area.height.into()).collect(),
        // The selected one stays in the lower half; newer ones lie below.
        Some(seq) => {
            let newer = model.feed.shown().take_while(|entry| entry.seq > seq).count();
            let below = newer.min(usize::from(area.height / 2));
            model.feed.shown().skip(newer - below).take(area.height.into()).collect()
        }
    };
    let top = area.bottom().saturating_sub(shown.len() as u16);
    if shown.is_empty() && selected.is_none() && model.feed.loaded {
        return message(painter, area, &[("nothing has happened yet".to_owned(), Tone::Dim)]);
    }
    // A feed that does not fill the area begins at its top.
    let top = if shown.len() < usize::from(area.height) { area.y } else { top };
    for (y, entry) in (top..area.bottom()).zip(shown.into_iter().rev()) {
        let line = Rect { y, height: 1, ..area };
        painter.hit(line, Hit::Event(entry.seq));
        event(painter, entry, line, selected == Some(entry.seq));
    }
}

/// The activity pane.
pub(super) fn activity(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    if area.height < 3 {
        return;
    }
    let theme = painter.theme;
    let feed = &model.feed;
    let mut pieces: Vec<(String, Style)> = Vec::new();
    let newer = feed.newer();
    if feed.selected.is_none() {
        pieces.push((format!("{} following", painter.glyphs.dot), theme.good));
    } else {
        pieces.push((format!("{} {} new", painter.glyphs.down, count(newer as u64)), theme.warn));
        pieces.push(("  f follows again".to_owned(), theme.dim));
    }
    if !feed.filter.is_empty() {
        pieces.push(("  filter ".to_owned(), theme.dim));
        pieces.push((feed.filter.clone(), theme.accent));
    }
    if !feed.hidden.is_empty() {
        pieces.push((format!("  {} of {} kinds hidden", feed.hidden.len(), EventKind::ALL.len()), theme.dim));
    }
    let pieces: Vec<(&str, Style)> = pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    painter.line(area.x, area.y, area.width, &pieces);
    let list = Rect { y: area.y + 2, height: area.height - 2, ..area };
    if feed.shown().next().is_none() {
        let lines = if !feed.loaded && matches!(model.link, Link::Waiting { .. }) {
            vec![("No daemon answers.".to_owned(), Tone::Strong)]
        } else if !feed.loaded {
            vec![("asking the server…".to_owned(), Tone::Dim)]
        } else if feed.filter.is_empty() && feed.hidden.is_empty() {
            vec![
                ("Nothing has happened yet.".to_owned(), Tone::Strong),
                ("Sign-ins, joins, strikes and what operators do appear here.".to_owned(), Tone::Dim),
            ]
        } else {
            vec![
                ("No event matches.".to_owned(), Tone::Strong),
                ("/ changes the filter, t the kinds that are shown.".to_owned(), Tone::Dim),
            ]
        };
        return message(painter, list, &lines);
    }
    // Where one follows, the newest is marked too: Enter opens it.
    let selected = feed.current().map(|entry| entry.seq);
    match feed.selected {
        None => {
            events(painter, model, list, None);
            if let Some(seq) = selected {
                let line =
                    painter.hits.iter().rev().find(|(_, hit)| *hit == Hit::Event(seq)).map(|(line, _)| *line);
                if let (Some(line), Some(entry)) = (line, feed.current()) {
                    event(painter, entry, line, true);
                }
            }
        }
        Some(_) => events(painter, model, list, selected),
    }
}

/// What stands to the right of a table where there is room: the pulse of the server, and what happens.
pub(super) fn side(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let pulse = [0, 1, 3, 4, 6];
    let lines = (pulse.len() as u16 * 3 + 1).min(area.height);
    let inner = painter.frame(Rect { height: lines, ..area }, "Last 5 minutes", painter.theme.rule);
    for (row, index) in (0..).zip(pulse) {
        let y = inner.y + row * 3;
        if let Some(metric) = METRICS.get(index).filter(|_| y + 2 <= inner.bottom()) {
            small(
                painter,
                model,
                metric,
                Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 2 },
                300,
            );
        }
    }
    let rest = Rect { y: area.y + lines + 1, height: area.height.saturating_sub(lines + 1), ..area };
    if rest.height >= 5 && model.pane != super::model::Pane::Activity {
        let inner = painter.frame(rest, "Activity", painter.theme.rule);
        events(painter, model, Rect { width: inner.width.saturating_sub(1), ..inner }, None);
    }
}

/// What stands below a table where there is room: what happens.
pub(super) fn strip(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let inner = painter.frame(area, "Activity", painter.theme.rule);
    events(painter, model, Rect { width: inner.width.saturating_sub(1), ..inner }, None);
}

/// The page of a user or room.
pub(super) fn detail(painter: &mut Painter<'_>, model: &Model, detail: &Detail, area: Rect) {
    let theme = painter.theme;
    let trail: Vec<&str> = model.details.iter().map(|detail| detail.name.as_str()).collect();
    let trail = format!(" {} {}", painter.glyphs.arrow, trail.join(&format!(" {} ", painter.glyphs.arrow)));
    painter.line(area.x, area.y, area.width, &[(model.pane.title(), theme.dim), (&trail, theme.strong)]);
    let text = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let doc = detail.doc(text.width, model.detail_gone);
    doc_text(painter, &doc, &detail.scroll, text);
}

/// A text, from where one stands in it.
pub(super) fn doc_text(painter: &mut Painter<'_>, doc: &Doc, scroll: &Scroll, area: Rect) {
    for (y, (index, line)) in (area.y..area.bottom()).zip(doc.lines.iter().enumerate().skip(scroll.top)) {
        let pieces: Vec<(&str, Style)> =
            line.iter().map(|(text, tone)| (text.as_str(), painter.theme.of(*tone))).collect();
        painter.line(area.x, y, area.width, &pieces);
        if scroll.hit == Some(index) {
            let style = painter.theme.selected;
            painter.style(Rect { y, height: 1, ..area }, style);
        }
    }
    let (lines, height) = (doc.lines.len(), usize::from(area.height));
    if lines > height && area.width > 20 && height > 0 {
        let place = format!(" {}–{} of {lines} ", scroll.top + 1, (scroll.top + height).min(lines));
        let columns = painter.columns(&place);
        let style = painter.theme.dim;
        painter.text(area.right().saturating_sub(columns), area.y, columns, &place, style);
    }
}
