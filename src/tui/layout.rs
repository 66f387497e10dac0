//! Which part of the screen is for what.

use ratatui::layout::Rect;

use super::model::{Model, Pane};

/// The least size at which anything can be shown.
pub(super) const LEAST: (u16, u16) = (30, 8);

/// The parts of the screen; those that there is no room for are empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Regions {
    pub(super) header: Rect,
    pub(super) tabs: Rect,
    /// The pane, or the details.
    pub(super) body: Rect,
    /// What else is of interest, to the right.
    pub(super) side: Rect,
    /// The newest events, below.
    pub(super) strip: Rect,
    pub(super) footer: Rect,
}

/// Columns from which there is room for a side.
const WIDE: u16 = 150;
/// Lines from which there is room for a strip.
const HIGH: u16 = 34;

impl Regions {
    pub(super) fn of(model: &Model) -> Regions {
        let (width, height) = model.size;
        if width < LEAST.0 || height < LEAST.1 {
            return Regions::default();
        }
        // A column of air at both sides where there are enough.
        let margin = u16::from(width >= 60);
        let (x, width) = (margin, width - 2 * margin);
        let line = |y, lines| Rect { x, y, width, height: lines };
        let header_lines = if height >= 20 { 2 } else { 1 };
        let air = u16::from(height >= 30);
        let header = line(0, header_lines);
        let tabs = line(header_lines + air, 1);
        let top = tabs.y + 1 + air;
        let footer = line(height - 1, 1);
        let mut body = line(top, (height - 1).saturating_sub(top + air));
        let (mut side, mut strip) = (Rect::ZERO, Rect::ZERO);
        let table = matches!(model.pane, Pane::Users | Pane::Rooms | Pane::Strikes);
        if !model.zoom && model.details.is_empty() && model.pane != Pane::Metrics {
            if width + 2 * margin >= WIDE {
                let columns = (width / 3).min(56);
                body.width = width - columns - 2;
                side = Rect { x: body.right() + 2, width: columns, ..body };
            } else if height >= HIGH && table {
                let lines = (height / 4).clamp(8, 12);
                body.height -= lines + 1;
                strip = Rect { y: body.bottom() + 1, height: lines, ..body };
            }
        }
        Regions { header, tabs, body, side, strip, footer }
    }

    /// Rows of a table that fit.
    pub(super) fn rows(&self) -> u16 {
        self.body.height.saturating_sub(2)
    }
}
