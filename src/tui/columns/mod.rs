//! The columns of the tables: what stands in them, how wide they are, and which go first where it is
//! narrow. A column is as wide as the screen allows, never as its contents: nothing jumps.

use std::collections::BTreeSet;

use crate::model::Status;

use super::format::short_bytes;
use super::model::Pane;
use super::row::Line;
use super::theme::{Glyphs, Tone};

mod rooms;
mod strikes;
mod users;

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// The daemon's name for it, for sorting.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// Its least width.
    pub(super) width: u16,
    /// How much wider it may grow.
    pub(super) grows: u16,
    /// Whether it is a number and stands to the right.
    pub(super) right: bool,
    /// Columns with a higher number leave first where it is narrow.
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
}

impl Column {
    /// What stands in it for `line`.
    pub(super) fn cell(&self, line: &Line, glyphs: &Glyphs) -> (String, Tone) {
        (self.cell)(line, glyphs)
    }
}

const fn left(
    key: &'static str,
    title: &'static str,
    width: u16,
    grows: u16,
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
) -> Column {
    Column { key, title, width, grows, right: false, rank, cell }
}

const fn right(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
) -> Column {
    Column { key, title, width, grows: 0, right: true, rank, cell }
}

/// The columns of a pane, in their order on the screen.
pub(super) fn columns(pane: Pane) -> &'static [Column] {
    match pane {
        Pane::Users => users::USERS,
        Pane::Rooms => rooms::ROOMS,
        Pane::Strikes => strikes::STRIKES,
        Pane::Activity | Pane::Metrics => &[],
    }
}

/// Columns with this rank and higher ones are shown only where the name has room beyond its least width.
const SELDOM: u8 = 9;
/// So much room.
const NAME: u16 = 6;

/// Space between two columns.
const GAP: u16 = 2;

/// The columns of a pane that fit into `width`, with where each begins and how wide it is; those that are
/// `hidden` are left out.
pub(super) fn fitting(
    pane: Pane,
    hidden: &BTreeSet<&'static str>,
    width: u16,
) -> Vec<(&'static Column, u16, u16)> {
    // Without the first one nobody would know whose row it is.
    let wanted = |column: &&Column| column.rank == 0 || !hidden.contains(column.key);
    let all: Vec<&Column> = columns(pane).iter().filter(wanted).collect();
    let mut ranks = all.clone();
    ranks.sort_by_key(|column| column.rank);
    let mut used = 0;
    let mut worst = None;
    for column in ranks {
        let more = column.width + if used == 0 { 0 } else { GAP };
        // Rather a whole name than a figure that is seldom asked for.
        let name = if column.rank >= SELDOM { NAME } else { 0 };
        if used > 0 && used + more + name > width {
            break;
        }
        used += more;
        worst = Some(column.rank);
    }
    let shown: Vec<&Column> = all.into_iter().filter(|column| Some(column.rank) <= worst).collect();
    let mut spare = width.saturating_sub(used);
    // What is left goes to the name as far as it wants it, and is shared out among the others.
    let mut more = vec![0; shown.len()];
    if let (Some(column), Some(more)) = (shown.first(), more.first_mut()) {
        *more = column.grows.min(spare);
        spare -= *more;
    }
    while spare > 0 {
        let mut given = false;
        for (column, more) in shown.iter().zip(&mut more) {
            let part = u16::from(column.grows > *more).min(spare);
            *more += part;
            spare -= part;
            given |= part > 0;
        }
        if !given {
            break;
        }
    }
    let mut x = 0;
    shown
        .into_iter()
        .zip(more)
        .map(|(column, more)| {
            let wide = (column.width + more).min(width.saturating_sub(x));
            let place = (column, x, wide);
            x += wide + GAP;
            place
        })
        .collect()
}

/// A cell of rows of one kind.
macro_rules! cell {
    ($kind:ident, $row:ident, $line:ident, $glyphs:ident => $value:expr) => {
        |$line, $glyphs| {
            let _ = ($line, $glyphs);
            match &$line.row {
                Row::$kind($row) => {
                    let _ = $row;
                    $value
                }
                _ => (String::new(), Tone::Text),
            }
        }
    };
}

use cell;

/// A number that is of interest only where it is not zero.
fn quiet(value: u64, text: String) -> (String, Tone) {
    (text, if value == 0 { Tone::Dim } else { Tone::Text })
}

fn per_second(rate: Option<f64>) -> (String, Tone) {
    match rate {
        Some(value) if value >= 1.0 => (short_bytes(value as u64), Tone::Text),
        Some(_) => ("0".to_owned(), Tone::Dim),
        None => (String::new(), Tone::Dim),
    }
}

/// A status by glyph and word.
pub(super) fn status(status: Status, glyphs: &Glyphs) -> (String, Tone) {
    match status {
        Status::Online => (format!("{} online", glyphs.dot), Tone::Good),
        Status::Away => (format!("{} away", glyphs.ring), Tone::Warn),
        Status::Dnd => (format!("{} dnd", glyphs.failed), Tone::Bad),
        Status::Invisible => (format!("{} hidden", glyphs.gap), Tone::Dim),
    }
}

/// Strikes and stage, from harmless to alarming.
fn alarm(value: u64, high: u64) -> Tone {
    match value {
        0 => Tone::Dim,
        _ if value < high => Tone::Warn,
        _ => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_overlap_and_never_leave_the_screen() {
        for pane in [Pane::Users, Pane::Rooms, Pane::Strikes] {
            for width in 0..260 {
                let mut end = 0;
                for (index, (_, x, wide)) in fitting(pane, &BTreeSet::new(), width).into_iter().enumerate() {
                    assert!(index == 0 || x >= end + GAP, "{pane:?} at {width}");
                    end = x + wide;
                }
                assert!(end <= width, "{pane:?} at {width}: {end}");
            }
        }
    }

    #[test]
    fn the_name_is_always_there() {
        for pane in [Pane::Users, Pane::Rooms, Pane::Strikes] {
            assert_eq!(
                fitting(pane, &BTreeSet::from(["nickname", "name"]), 5)
                    .first()
                    .map(|(column, ..)| column.rank),
                Some(0)
            );
        }
    }
}
