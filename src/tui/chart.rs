//! Bars of blocks: sparklines of one line and charts of many.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint::Painter;

/// Draws `values` into `area`, one to a column, the newest at the right end, scaled to the largest.
/// A `None` is a gap and stays one: nothing is drawn across what was not measured.
pub(super) fn bars(painter: &mut Painter<'_>, area: Rect, values: &[Option<f64>], style: Style) {
    // A little air above: what stays the same is no wall.
    scaled(painter, area, values, top(values) * 1.2, style);
}

/// The largest of `values`; at least something above zero.
pub(super) fn top(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max).max(1e-9)
}

/// The next round number from `value` on, as the top of a scale.
pub(super) fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.max(1e-9).log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(10.0 * power)
}

/// As [`bars`], scaled to `most`.
pub(super) fn scaled(painter: &mut Painter<'_>, area: Rect, values: &[Option<f64>], most: f64, style: Style) {
    let levels = painter.glyphs.levels;
    let steps = levels.len();
    let skip = values.len().saturating_sub(area.width.into());
    let values = values.get(skip..).unwrap_or_default();
    let start = area.right().saturating_sub(u16::try_from(values.len()).unwrap_or(area.width));
    for (x, value) in (start..).zip(values) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            continue;
        };
        let share = (value / most).clamp(0.0, 1.0);
        // What is measured is seen, even if it is nothing: the lowest level is the ground.
        let filled = ((share * f64::from(area.height) * steps as f64).round() as usize).max(1);
        for row in 0..usize::from(area.height) {
            let level = filled.saturating_sub(row * steps).min(steps);
            if let Some(glyph) = level.checked_sub(1).and_then(|level| levels.get(level)) {
                painter.text(x, area.bottom() - 1 - row as u16, 1, glyph, style);
            }
        }
    }
}
