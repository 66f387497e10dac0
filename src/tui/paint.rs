//! The brush: the one way by which anything reaches the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::{clip, width};
use super::keys::Action;
use super::model::Pane;
use super::theme::{Glyphs, Theme};
use crate::model::display_safe;

/// What a click on a place means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Hit {
    /// To that pane.
    Tab(Pane),
    /// Selects the row with this absolute index.
    Row(u32),
    /// Selects the event with this number.
    Event(u64),
    /// Sorts by this column.
    Column(&'static str),
    /// That choice of the menu.
    Choice(usize),
    /// That field or button of the dialog.
    Focus(usize),
    /// That metric.
    Metric(usize),
    /// As if its key were pressed.
    Action(Action),
    /// Nothing, and nothing of what lies below.
    Nothing,
}

/// Writes texts into a buffer, whatever they hold, and notes what can be clicked.
pub(super) struct Painter<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) theme: Theme,
    pub(super) glyphs: &'static Glyphs,
    pub(super) hits: Vec<(Rect, Hit)>,
}

impl Painter<'_> {
    /// `text` as it is shown: harmless, and in ASCII where the terminal knows nothing else.
    pub(super) fn shown(&self, text: &str) -> String {
        // Almost all text is plain.
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return text.to_owned();
        }
        let safe = display_safe(text);
        if !self.glyphs.ascii {
            return safe;
        }
        let mut ascii = String::with_capacity(safe.len());
        for c in safe.chars() {
            match c {
                ' '..='~' => ascii.push(c),
                '\u{2400}'..='\u{241f}' => {
                    ascii.push('^');
                    ascii.push(char::from_u32(u32::from(c) - 0x2400 + 0x40).unwrap_or('?'));
                }
                'µ' => ascii.push('u'),
                '…' => ascii.push('~'),
                '·' | '—' | '–' | '─' => ascii.push('-'),
                '→' => ascii.push_str("->"),
                '←' => ascii.push_str("<-"),
                '▲' | '↑' => ascii.push('^'),
                '▼' | '↓' => ascii.push('v'),
                '●' | '◆' => ascii.push('*'),
                '○' => ascii.push('o'),
                '✗' => ascii.push('X'),
                '✓' => ascii.push_str("ok"),
                '⏎' => ascii.push('='),
                _ => ascii.push('?'),
            }
        }
        ascii
    }

    /// Writes `text` at `x`, `y` within at most `columns`, and says how many it took.
    pub(super) fn text(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return 0;
        }
        let columns = columns.min(area.right() - x);
        let text = clip(&self.shown(text), columns.into(), self.glyphs.more);
        let (end, _) = self.buffer.set_stringn(x, y, &text, columns.into(), style);
        end.saturating_sub(x)
    }

    /// Writes `text` so that it ends where the `columns` from `x` end.
    pub(super) fn right(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) {
        let taken = u16::try_from(width(&self.shown(text))).unwrap_or(u16::MAX).min(columns);
        self.text(x.saturating_add(columns - taken), y, taken, text, style);
    }

    /// Writes pieces one after the other, and says where the next would begin.
    pub(super) fn line(&mut self, x: u16, y: u16, columns: u16, pieces: &[(&str, Style)]) -> u16 {
        let end = x.saturating_add(columns);
        let mut at = x;
        for (text, style) in pieces {
            at = at.saturating_add(self.text(at, y, end.saturating_sub(at), text, *style));
        }
        at
    }

    /// How many columns `text` takes as it is shown.
    pub(super) fn columns(&self, text: &str) -> u16 {
        u16::try_from(width(&self.shown(text))).unwrap_or(u16::MAX)
    }

    /// A horizontal rule.
    pub(super) fn rule(&mut self, x: u16, y: u16, columns: u16) {
        let style = self.theme.rule;
        let line = self.glyphs.line.repeat(columns.into());
        self.text(x, y, columns, &line, style);
    }

    /// Empties `area` and gives it a style.
    pub(super) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
        // A wide letter that begins left of the area would reach into it.
        for y in area.top()..area.bottom() {
            let left = area.x.checked_sub(1).and_then(|x| self.buffer.cell_mut((x, y)));
            if let Some(cell) = left.filter(|cell| width(cell.symbol()) > 1) {
                cell.set_symbol(" ");
            }
        }
    }

    /// Changes the style of what stands in `area`.
    pub(super) fn style(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// A frame around `area` with a title, and what is left inside.
    pub(super) fn frame(&mut self, area: Rect, title: &str, style: Style) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 4 || area.height < 2 {
            return Rect::ZERO;
        }
        let [top_left, top_right, bottom_left, bottom_right] = self.glyphs.corners;
        let (line, bar) = (self.glyphs.line.repeat(area.width.into()), self.glyphs.bar);
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        for y in [area.y, bottom] {
            self.text(area.x + 1, y, area.width - 2, &line, style);
            // What is too long for the rule is not worth a sign that something is left out.
            let edge = self.glyphs.line;
            self.text(right - 1, y, 1, edge, style);
        }
        for y in area.y..=bottom {
            self.text(area.x, y, 1, bar, style);
            self.text(right, y, 1, bar, style);
        }
        self.text(area.x, area.y, 1, top_left, style);
        self.text(right, area.y, 1, top_right, style);
        self.text(area.x, bottom, 1, bottom_left, style);
        self.text(right, bottom, 1, bottom_right, style);
        if !title.is_empty() && area.width > 6 {
            let title = format!(" {title} ");
            let strong = self.theme.strong;
            self.text(area.x + 2, area.y, area.width - 4, &title, strong);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// Notes what a click into `area` means; later ones lie above earlier ones.
    pub(super) fn hit(&mut self, area: Rect, hit: Hit) {
        self.hits.push((area.intersection(self.buffer.area), hit));
    }

    /// A sparkline of `values`, the newest at the right end; `None` is a gap.
    pub(super) fn sparkline(&mut self, area: Rect, values: &[Option<f64>], style: Style) {
        super::chart::bars(self, area, values, style);
    }
}
