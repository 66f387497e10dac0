//! The panes that are no tables, what stands beside them, and the pages of details.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::hub::feed::Level;
use crate::hub::{EventKind, FeedEntry};

use super::chart;
use super::detail::Detail;
use super::doc::{Doc, Scroll};
use super::feed::{kind_name, sentence};
use super::format::{bytes, clock, count, micros};
use super::metrics::{METRICS, Metric};
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

/// A metric on two lines: its name and value, and its sparkline.
fn small(painter: &mut Painter<'_>, model: &Model, metric: &Metric, area: Rect, seconds: u64) {
    let theme = painter.theme;
    let value = model.metrics.last().map(|sample| (metric.show)((metric.value)(sample))).unwrap_or_default();
    painter.text(area.x, area.y, area.width, metric.name, theme.dim);
    painter.right(area.x, area.y, area.width, &value, theme.strong);
    let series = model.metrics.series(metric, seconds, area.width);
    let line = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    chart::bars(painter, line, &series, theme.accent.remove_modifier(Modifier::BOLD));
}

/// The metrics pane: a large chart, and all metrics as sparklines.
pub(super) fn metrics(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    if area.height < 4 {
        return;
    }
    // All metrics first, then as much of a chart as there is room for.
    let rows = (METRICS.len() as u16).div_ceil(grid_columns(area.width));
    let spare = area.height.saturating_sub(rows + 3);
    let chart_lines = if spare >= 8 { spare } else { (area.height / 2).max(4) };
    large(painter, model, Rect { height: chart_lines, ..area });
    let facts_lines = u16::from(area.height >= 16);
    let list = Rect {
        y: area.y + chart_lines + 1,
        height: area.height.saturating_sub(chart_lines + 1 + facts_lines),
        ..area
    };
    grid(painter, model, list);
    if facts_lines > 0 {
        facts(painter, model, Rect { y: area.bottom() - 1, height: 1, ..area });
    }
}

fn large(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let theme = painter.theme;
    let metric = model.metrics.metric();
    let (seconds, span) = model.metrics.span();
    let value = model.metrics.last().map(|sample| (metric.show)((metric.value)(sample))).unwrap_or_default();
    painter.line(
        area.x,
        area.y,
        area.width,
        &[
            (metric.name, theme.strong),
            ("  ", theme.text),
            (&value, theme.accent),
            ("  last ", theme.dim),
            (span, theme.dim),
        ],
    );
    // A place for the scale at the left.
    let scale = 9.min(area.width / 4);
    let plot = Rect {
        x: area.x + scale + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(scale + 1),
        height: area.height.saturating_sub(2),
    };
    let series = model.metrics.series(metric, seconds, plot.width);
    if series.iter().all(Option::is_none) {
        let text = if model.connected() { "nothing measured yet" } else { "no daemon answers" };
        return message(painter, plot, &[(text.to_owned(), Tone::Dim)]);
    }
    let top = chart::top(&series);
    let top = if top < 1e-6 { 1.0 } else { chart::round_up(top) };
    chart::scaled(painter, plot, &series, top, theme.accent.remove_modifier(Modifier::BOLD));
    let bar = painter.glyphs.bar;
    for y in plot.y..plot.bottom() {
        painter.text(plot.x - 1, y, 1, bar, theme.rule);
    }
    painter.right(area.x, plot.y, scale, &(metric.show)(top), theme.dim);
    if plot.height >= 5 {
        painter.right(area.x, plot.y + plot.height / 2, scale, &(metric.show)(top / 2.0), theme.dim);
    }
    painter.right(area.x, plot.bottom() - 1, scale, &(metric.show)(0.0), theme.dim);
    let below = plot.bottom();
    painter.text(plot.x, below, plot.width, &format!("{span} ago"), theme.dim);
    painter.right(plot.x, below, plot.width, "now", theme.dim);
}

/// How many metrics stand side by side.
fn grid_columns(width: u16) -> u16 {
    (width / 48).clamp(1, 4)
}

fn grid(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    if area.height == 0 {
        return;
    }
    let columns = grid_columns(area.width);
    let wide = (area.width + 3) / columns - 3;
    let rows = (METRICS.len() as u16).div_ceil(columns);
    let (seconds, _) = model.metrics.span();
    // Where not all fit, the selected one is among those that are shown.
    let selected_row = model.metrics.selected as u16 % rows;
    let first = if rows <= area.height {
        0
    } else {
        selected_row.saturating_sub(area.height / 2).min(rows - area.height)
    };
    for (index, metric) in METRICS.iter().enumerate() {
        let (column, row) = (index as u16 / rows, index as u16 % rows);
        if row < first || row >= first + area.height {
            continue;
        }
        let line = Rect { x: area.x + column * (wide + 3), y: area.y + row - first, width: wide, height: 1 };
        let selected = index == model.metrics.selected;
        painter.hit(line, Hit::Metric(index));
        let theme = painter.theme;
        if selected {
            painter.style(line, theme.selected);
            let cursor = painter.glyphs.cursor;
            painter.text(line.x, line.y, 1, cursor, theme.accent);
        }
        let name = 14.min(line.width / 2);
        painter.text(line.x + 2, line.y, name, metric.name, if selected { theme.strong } else { theme.text });
        let value =
            model.metrics.last().map(|sample| (metric.show)((metric.value)(sample))).unwrap_or_default();
        painter.right(line.x + 2 + name, line.y, 11, &value, theme.strong);
        let x = line.x + 2 + name + 13;
        let spark = Rect { x, width: line.right().saturating_sub(x), ..line };
        if spark.width >= 4 {
            let series = model.metrics.series(metric, seconds, spark.width);
            chart::bars(painter, spark, &series, theme.accent.remove_modifier(Modifier::BOLD));
        }
    }
}

/// What is not measured over time.
fn facts(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let Some(performance) = &model.metrics.performance else { return };
    let store = &performance.store;
    let facts = [
        ("threads", count(performance.threads)),
        ("store", bytes(store.size_bytes)),
        ("query", micros(store.avg_query_micros)),
        ("query p99", micros(store.p99_query_micros)),
        ("store errors", count(store.errors_total)),
        ("slow readers dropped", count(performance.slow_consumers_dropped)),
        ("delivery max", micros(performance.delivery_micros.max)),
    ];
    let mut x = area.x + 2;
    for (name, value) in facts {
        let wide = painter.columns(name) + painter.columns(&value) + 1;
        if x + wide > area.right() {
            break;
        }
        x += painter.text(x, area.y, wide, name, painter.theme.dim) + 1;
        x += painter.text(x, area.y, wide, &value, painter.theme.strong) + 3;
    }
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
