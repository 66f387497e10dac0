//! The panes that are tables.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::columns::{Column, fitting};
use super::format::{count, wrap};
use super::keys::{Act, Action};
use super::model::{Link, Model, Pane};
use super::paint::{Hit, Painter};
use super::table::Table;
use super::theme::Tone;

/// Columns for the cursor and the mark at the left.
const EDGE: u16 = 2;

/// The columns that are shown in so much room, with where each begins and how wide it is.
pub(super) fn placed(table: &Table, width: u16) -> Vec<(&'static Column, u16, u16)> {
    fitting(table.pane, &table.hidden, width.saturating_sub(EDGE))
        .into_iter()
        .map(|(column, x, wide)| (column, x + EDGE, wide))
        .collect()
}

/// Draws the table of a pane.
pub(super) fn draw(painter: &mut Painter<'_>, model: &Model, table: &Table, area: Rect) {
    if area.height < 3 {
        return;
    }
    title(painter, model, table, area);
    let placed = placed(table, area.width);
    heads(painter, table, &placed, Rect { y: area.y + 1, height: 1, ..area });
    let rows = Rect { y: area.y + 2, height: area.height - 2, ..area };
    if table.matched == 0 || table.lines.is_empty() {
        empty(painter, model, table, rows);
        return;
    }
    for y in 0..rows.height {
        let index = table.top + u32::from(y);
        if index >= table.matched {
            break;
        }
        let area = Rect { y: rows.y + y, height: 1, ..rows };
        painter.hit(area, Hit::Row(index));
        let line = index.checked_sub(table.offset).and_then(|at| table.lines.get(at as usize));
        let Some(line) = line else {
            let (more, dim) = (painter.glyphs.more, painter.theme.dim);
            painter.text(area.x + EDGE, area.y, area.width, more, dim);
            continue;
        };
        let selected = table.selected == Some(line.row.id());
        if selected {
            let style = painter.theme.selected;
            painter.style(area, style);
        }
        if table.marked.contains_key(&line.row.id()) {
            let (mark, style) = (painter.glyphs.mark, painter.theme.accent);
            painter.text(area.x, area.y, 1, mark, over(style, selected, painter));
        } else if selected {
            let (cursor, style) = (painter.glyphs.cursor, painter.theme.accent);
            painter.text(area.x, area.y, 1, cursor, over(style, true, painter));
        }
        for (column, x, wide) in &placed {
            let (text, tone) = column.cell(line, painter.glyphs);
            let style = over(painter.theme.of(tone), selected, painter);
            if column.right {
                painter.right(area.x + x, area.y, *wide, &text, style);
            } else {
                painter.text(area.x + x, area.y, *wide, &text, style);
            }
        }
    }
}

/// The style of a text on the selected row: that of the row wins where both have a colour.
fn over(style: Style, selected: bool, painter: &Painter<'_>) -> Style {
    if !selected {
        return style;
    }
    let ground = painter.theme.selected;
    // On a filled ground only the texts that keep their contrast keep their colour.
    if ground.fg.is_some() { style.patch(ground) } else { style.patch(Style { fg: style.fg, ..ground }) }
}

fn title(painter: &mut Painter<'_>, model: &Model, table: &Table, area: Rect) {
    let theme = painter.theme;
    let what = match table.pane {
        Pane::Rooms => "rooms",
        Pane::Strikes => "caught by the limits",
        _ => "users",
    };
    let (matched, total) = (count(table.matched.into()), count(table.total.into()));
    let counts = if !table.loaded {
        what.to_owned()
    } else if table.matched == table.total {
        format!("{total} {what}")
    } else {
        format!("{matched} of {total} {what}")
    };
    let mut pieces = vec![(counts, theme.strong)];
    if !table.filter.is_empty() {
        pieces.push(("  filter ".to_owned(), theme.dim));
        pieces.push((table.filter.clone(), theme.accent));
    }
    if !table.marked.is_empty() {
        pieces.push((format!("  {} {} marked", painter.glyphs.mark, table.marked.len()), theme.warn));
    }
    if let Some(name) = &table.gone {
        pieces.push((format!("  {} {name} is gone", painter.glyphs.warning), theme.warn));
    }
    let pieces: Vec<(&str, Style)> = pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    let end = painter.line(area.x, area.y, area.width, &pieces);
    if table.matched > 0 && model.prompt.is_none() {
        let place = format!("{}/{}", table.cursor + 1, table.matched);
        let room = area.right().saturating_sub(end + 2);
        if painter.columns(&place) <= room {
            painter.right(end + 2, area.y, room, &place, theme.dim);
        }
    }
}

fn heads(painter: &mut Painter<'_>, table: &Table, placed: &[(&'static Column, u16, u16)], area: Rect) {
    for (column, x, wide) in placed {
        let sorted = table.sort == column.key;
        let style = if sorted { painter.theme.accent } else { painter.theme.dim };
        let sign = if table.descending { painter.glyphs.down } else { painter.glyphs.up };
        let x = area.x + x;
        let title = if sorted { format!("{}{sign}", column.title) } else { column.title.to_owned() };
        if column.right {
            // The sign may stand in the space to the left.
            let from = x.saturating_sub(u16::from(sorted)).max(area.x);
            painter.right(from, area.y, wide + (x - from), &title, style);
        } else {
            painter.text(x, area.y, wide + u16::from(sorted), &title, style);
        }
        painter.hit(Rect { x, y: area.y, width: *wide, height: 1 }, Hit::Column(column.key));
    }
}

/// Says why there is nothing, and what one can do.
fn empty(painter: &mut Painter<'_>, model: &Model, table: &Table, area: Rect) {
    let mut lines: Vec<(String, Tone)> = Vec::new();
    if !table.loaded {
        match &model.link {
            Link::Waiting { .. } => {
                lines.push(("No daemon answers.".to_owned(), Tone::Strong));
                lines.push((format!("It should listen at {}.", model.settings.socket), Tone::Dim));
                lines.push(("Start it with: paltalkd serve".to_owned(), Tone::Dim));
                lines.push(("This console connects by itself as soon as it is there.".to_owned(), Tone::Dim));
            }
            _ => lines.push(("asking the server…".to_owned(), Tone::Dim)),
        }
    } else if !table.filter.is_empty() {
        lines.push((format!("Nothing matches {}", table.filter), Tone::Strong));
        let key = model.settings.keys.name_of(Action::Filter, model.context(), model.access());
        let how = key.map_or("Change".to_owned(), |key| format!("Press {key} to change"));
        lines.push((format!("{how} the filter; an empty one shows everything."), Tone::Dim));
    } else {
        match table.pane {
            Pane::Rooms => {
                lines.push(("There are no rooms.".to_owned(), Tone::Strong));
                lines.push((
                    "Users open rooms of their own; permanent ones are made by".to_owned(),
                    Tone::Dim,
                ));
                lines.push(("paltalkd room create \"Jazz Cellar\" --category Music".to_owned(), Tone::Dim));
            }
            Pane::Strikes => {
                lines.push(("The limits have caught nobody.".to_owned(), Tone::Strong));
                lines.push((
                    "Who sends too fast or too often appears here, with what he did;".to_owned(),
                    Tone::Dim,
                ));
                let key = |action| model.settings.keys.name_of(action, model.context(), model.access());
                let clear =
                    key(Action::Act(Act::ClearStrikes)).map(|key| format!("{key} clears his strikes"));
                let bans = key(Action::Bans).map(|key| format!("{key} shows the bans in force"));
                let hints: Vec<String> = clear.into_iter().chain(bans).collect();
                if !hints.is_empty() {
                    lines.push((format!("{}.", hints.join(", ")), Tone::Dim));
                }
            }
            _ => {
                lines.push(("Nobody is signed in.".to_owned(), Tone::Strong));
                let listen =
                    model.status.as_ref().map(|status| status.listen.chat_tcp.join(", ")).unwrap_or_default();
                if listen.is_empty() {
                    lines.push(("Users appear here as soon as they sign in.".to_owned(), Tone::Dim));
                } else {
                    lines.push((format!("Clients connect to {listen}."), Tone::Dim));
                }
            }
        }
    }
    message(painter, area, &lines);
}

/// Lines in the upper middle of an area.
pub(super) fn message(painter: &mut Painter<'_>, area: Rect, lines: &[(String, Tone)]) {
    let parts = |(text, tone): &(String, Tone)| {
        let tone = *tone;
        wrap(text, area.width.into()).into_iter().map(move |part| (part, tone))
    };
    let lines: Vec<(String, Tone)> = lines.iter().flat_map(parts).collect();
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 3;
    for (y, (text, tone)) in (top..area.bottom()).zip(&lines) {
        let columns = painter.columns(text).min(area.width);
        let x = area.x + (area.width - columns) / 2;
        let style = painter.theme.of(*tone);
        painter.text(x, y, area.width, text, style);
    }
}
