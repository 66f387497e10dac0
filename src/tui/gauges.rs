//! The metrics pane: a large chart, sparklines, and what is not measured over time.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::chart;
use super::format::{bytes, count, micros};
use super::metrics::{METRICS, Metric};
use super::model::Model;
use super::paint::{Hit, Painter};
use super::tables::message;
use super::theme::Tone;

/// A metric on two lines: its name and value, and its sparkline.
pub(super) fn small(painter: &mut Painter<'_>, model: &Model, metric: &Metric, area: Rect, seconds: u64) {
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
